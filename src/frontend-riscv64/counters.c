// SPDX-License-Identifier: MIT
//
// Counters and the supervisor timer (volume I, Zicntr; volume II, Hardware Performance Monitor,
// Counter-Enable and Counter-Inhibit Registers, Supervisor Timer).
//
// A cycle is one instruction retired: cycle and instret count vcpu->icount plus an offset that a
// write sets. An inhibited counter's offset holds its value. `time` is the host's monotonic clock
// at 10 MHz.
//
// The timer fires on the thread that drains the queue, while the hart may be writing stimecmp: see
// drive_line.
#include "system.h"

enum { NS_PER_TICK = 1000000000 / VM_RISCV64_TIMEBASE };

uint64_t vm_riscv64_time(const struct vm_machine *m)
{
    return m->host->clock(m->host->context) / NS_PER_TICK;
}

uint64_t vm_riscv64_time_to_clock(const struct vm_machine *m, uint64_t value)
{
    (void)m;
    return value < VM_TIMER_NEVER / NS_PER_TICK ? value * NS_PER_TICK : VM_TIMER_NEVER;
}

// --- cycle, time, instret and the hpmcounters, which do not count ---

// Below M-mode by mcounteren, in U-mode by scounteren too.
bool rv_check_counter(const struct rv_csr_access *a)
{
    enum { FIRST = 0xC00 };
    unsigned counter = a->row->address + a->number - FIRST;
    uint64_t enabled = UINT64_MAX;
    if (a->s->privilege < VM_RISCV64_M)
        enabled &= a->s->mcounteren;
    if (a->s->privilege < VM_RISCV64_S)
        enabled &= a->s->scounteren;
    return enabled >> counter & 1;
}

static uint64_t count(const struct rv_csr_access *a, unsigned counter, uint64_t offset)
{
    return a->s->mcountinhibit >> counter & 1 ? offset : a->icount + offset;
}

uint64_t rv_read_cycle(const struct rv_csr_access *a)
{
    return count(a, RV_COUNTER_CY, a->s->cycle_offset);
}

uint64_t rv_read_instret(const struct rv_csr_access *a)
{
    return count(a, RV_COUNTER_IR, a->s->instret_offset);
}

uint64_t rv_read_time(const struct rv_csr_access *a)
{
    return vm_riscv64_time(a->v->machine);
}

// What is written is what the next instruction reads: the writing instruction does not count.
static uint64_t offset_for(const struct rv_csr_access *a, unsigned counter, uint64_t value)
{
    return a->s->mcountinhibit >> counter & 1 ? value : value - (a->icount + 1);
}

void rv_write_cycle(const struct rv_csr_access *a, uint64_t value)
{
    a->s->cycle_offset = offset_for(a, RV_COUNTER_CY, value);
}

void rv_write_instret(const struct rv_csr_access *a, uint64_t value)
{
    a->s->instret_offset = offset_for(a, RV_COUNTER_IR, value);
}

// The instruction that stops a counter is the last that it counts.
static uint64_t switched(const struct rv_csr_access *a, uint64_t changed, uint64_t value,
                         unsigned counter, uint64_t offset)
{
    if (!(changed >> counter & 1))
        return offset;
    return value >> counter & 1 ? offset + a->icount + 1 : offset - (a->icount + 1);
}

void rv_write_mcountinhibit(const struct rv_csr_access *a, uint64_t value)
{
    struct vm_riscv64_state *s = a->s;
    value &= 1u << RV_COUNTER_CY | 1u << RV_COUNTER_IR;
    uint64_t changed = s->mcountinhibit ^ value;
    s->cycle_offset = switched(a, changed, value, RV_COUNTER_CY, s->cycle_offset);
    s->instret_offset = switched(a, changed, value, RV_COUNTER_IR, s->instret_offset);
    s->mcountinhibit = value;
}

// --- stimecmp ---

static uint64_t stimecmp(struct vm_vcpu *v)
{
    return __atomic_load_n(&rv_state(v)->stimecmp, __ATOMIC_SEQ_CST);
}

// Sets the line as the comparison says, and returns that. Whoever comes last after a write of
// stimecmp, the hart or the timer's thread, has compared with what was written: a thread that sees
// that stimecmp changed meanwhile drives the line again.
static bool drive_line(struct vm_vcpu *v)
{
    uint64_t compare;
    bool due;
    do {
        compare = stimecmp(v);
        due = vm_riscv64_time(v->machine) >= compare;
        vm_vcpu_set_irq(v, VM_RISCV64_STI, due);
    } while (compare != stimecmp(v));
    return due;
}

static void fire(void *context)
{
    drive_line(context);
}

bool rv_add_stimer(struct vm_vcpu *v)
{
    struct vm_timer *timer = &rv_state(v)->derived.stimer;
    return timer->fire || vm_timer_add(&v->machine->timers, timer, fire, v, NULL) == VM_OK;
}

void rv_update_stimer(struct vm_vcpu *v)
{
    struct vm_riscv64_state *s = rv_state(v);
    struct vm_timers *timers = &v->machine->timers;
    if (!rv_has(rv_config_of(v), RV_EXT_SSTC)) // the line is the board's
        return;
    if (!(s->menvcfg & RV_ENVCFG_STCE)) {
        vm_timer_arm(timers, &s->derived.stimer, VM_TIMER_NEVER);
        vm_vcpu_set_irq(v, VM_RISCV64_STI, false);
        return;
    }
    bool due = drive_line(v);
    uint64_t deadline = vm_riscv64_time_to_clock(v->machine, s->stimecmp);
    vm_timer_arm(timers, &s->derived.stimer, due ? VM_TIMER_NEVER : deadline);
}

void rv_write_stimecmp(const struct rv_csr_access *a, uint64_t value)
{
    __atomic_store_n(&a->s->stimecmp, value, __ATOMIC_SEQ_CST);
    if (a->s->menvcfg & RV_ENVCFG_STCE)
        rv_update_stimer(a->v);
    rv_check_interrupts(a->v);
}
