// SPDX-License-Identifier: MIT
//
// The JIT: an engine that translates IR to the host's instructions.
#ifndef VM_ENGINE_JIT_JIT_H
#define VM_ENGINE_JIT_JIT_H

#include <vm/core/engine.h>

extern const struct vm_engine_ops vm_jit_ops;

#endif
