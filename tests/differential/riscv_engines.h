// SPDX-License-Identifier: MIT
//
// The engines of this build, ended by NULL.
#ifndef RISCV_ENGINES_H
#define RISCV_ENGINES_H

#include <vm/core/engine.h>

extern const struct vm_engine_ops *const riscv_engines[];

#endif
