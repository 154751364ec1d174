// SPDX-License-Identifier: MIT
#include "riscv_engines.h"

#include <stddef.h>

#ifdef VM_ENGINE_INTERPRETER
#include <vm/engine-interpreter/interpreter.h>
#endif
#ifdef VM_ENGINE_JIT
#include <vm/engine-jit/jit.h>
#endif

const struct vm_engine_ops *const riscv_engines[] = {
#ifdef VM_ENGINE_INTERPRETER
    &vm_interpreter_ops,
#endif
#ifdef VM_ENGINE_JIT
    &vm_jit_ops,
#endif
    NULL,
};
