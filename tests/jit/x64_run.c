// SPDX-License-Identifier: MIT
//
// Code made by the encoder and run on this host.
#include <setjmp.h>
#include <stdarg.h>

#include "x64_run.h"

#include <cmocka.h>

enum { SIZE = 1 << 16 };

void x64_run_setup(struct x64_run *r)
{
    struct vm_error e = {0};
    if (vm_osal_exec_create(SIZE, &r->exec, &e) != VM_OK)
        fail_msg("%s", e.text);
    r->features = vm_osal_cpu_features();
}

void x64_run_start(struct x64_run *r)
{
    memset(r->exec.write, 0xcc, 4096);
    r->code = (struct x64_code){r->exec.write, r->exec.write + r->exec.size, false};
}

uint64_t x64_run_call(struct x64_run *r, uint64_t a, uint64_t b)
{
    x64_ret(&r->code);
    assert_false(r->code.overflow);
    vm_osal_exec_flush(&r->exec, 0, (uint64_t)(r->code.at - r->exec.write));
    uint64_t (*function)(uint64_t, uint64_t);
    memcpy(&function, &r->exec.execute, sizeof function);
    return function(a, b);
}
