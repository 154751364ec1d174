// SPDX-License-Identifier: MIT
//
// The interpreter: executes cached IR. The oracle of every other engine; its floating point is
// vm/base/softfloat.h, integer only.
#ifndef VM_ENGINE_INTERPRETER_INTERPRETER_H
#define VM_ENGINE_INTERPRETER_INTERPRETER_H

#include <vm/core/engine.h>

extern const struct vm_engine_ops vm_interpreter_ops;

#endif
