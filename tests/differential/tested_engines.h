// SPDX-License-Identifier: MIT
//
// The engines of this build, ended by NULL. Who includes this is built with Meson's `engine_args`
// and `engine_deps`.
#ifndef TESTED_ENGINES_H
#define TESTED_ENGINES_H

#include <stddef.h>

#ifdef VM_ENGINE_INTERPRETER
#include <vm/engine-interpreter/interpreter.h>
#endif
#ifdef VM_ENGINE_JIT
#include <vm/engine-jit/jit.h>
#endif

static const struct vm_engine_ops *const tested_engines[] = {
#ifdef VM_ENGINE_INTERPRETER
    &vm_interpreter_ops,
#endif
#ifdef VM_ENGINE_JIT
    &vm_jit_ops,
#endif
    NULL,
};
enum { TESTED_ENGINES = sizeof tested_engines / sizeof *tested_engines - 1 };

#endif
