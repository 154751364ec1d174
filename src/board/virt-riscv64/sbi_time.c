// SPDX-License-Identifier: MIT
//
// TIME extension (chapter 6). The timer is stimecmp, whether or not supervisor software can reach
// that register itself (Sstc): the supervisor timer line is time >= stimecmp. The frontend drives
// the line when the guest writes the register, this file when the guest asks here.
#include <vm/core/arch/riscv64/state.h>
#include <vm/frontend-riscv64/frontend.h>

#include "riscv64.h"

enum { SET_TIMER };

static uint64_t compare_value(struct vm_vcpu *v)
{
    const struct vm_riscv64_state *s = v->state;
    return __atomic_load_n(&s->stimecmp, __ATOMIC_SEQ_CST);
}

// Drives the line on whatever thread. The hart may set the register meanwhile: then whoever reads
// the new value drives the line last.
static bool drive_line(struct vm_vcpu *v)
{
    uint64_t compare;
    bool due;
    do {
        compare = compare_value(v);
        due = vm_riscv64_time(v->machine) >= compare;
        vm_vcpu_set_irq(v, VM_RISCV64_STI, due);
    } while (compare != compare_value(v));
    return due;
}

static void fire(void *context)
{
    struct sbi_hart *hart = context;
    drive_line(hart->vcpu);
}

static void set_timer(struct sbi_hart *hart, uint64_t value)
{
    struct vm_vcpu *v = hart->vcpu;
    struct vm_riscv64_state *s = v->state;
    __atomic_store_n(&s->stimecmp, value, __ATOMIC_SEQ_CST);
    uint64_t deadline = vm_riscv64_time_to_clock(v->machine, value);
    vm_timer_arm(&v->machine->timers, &hart->timer, drive_line(v) ? VM_TIMER_NEVER : deadline);
}

vm_status sbi_add_timer(struct virt_riscv64 *board, struct sbi_hart *hart, struct vm_error *e)
{
    return vm_timer_add(&board->virt.machine->timers, &hart->timer, fire, hart, e);
}

void sbi_reset_timer(struct sbi_hart *hart)
{
    set_timer(hart, UINT64_MAX);
}

void sbi_update_timer(struct sbi_hart *hart)
{
    drive_line(hart->vcpu);
}

struct sbi_result sbi_time(struct sbi_call *c)
{
    if (c->function != SET_TIMER)
        return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    set_timer(c->hart, c->arg[0]);
    return sbi_ok(0);
}
