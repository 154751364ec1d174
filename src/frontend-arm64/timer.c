// SPDX-License-Identifier: MIT
//
// The generic timer (the manual, chapter D12): the system counter, which is the host's monotonic
// clock at 62.5 MHz, and the physical and virtual timers of the PE, which compare with it. Without
// EL2 the virtual counter is the physical one.
//
// A timer fires on the thread that drains the queue, while the PE may be writing its registers: see
// drive_line.
#include "system.h"

enum { NS_PER_TICK = 1000000000 / VM_ARM64_COUNTER_HZ };

#define CTL_ENABLE  A64_BIT(0)
#define CTL_IMASK   A64_BIT(1)
#define CTL_ISTATUS A64_BIT(2)

uint64_t vm_arm64_counter(const struct vm_machine *m)
{
    return m->host->clock(m->host->context) / NS_PER_TICK;
}

uint64_t a64_time_of(uint64_t value)
{
    return value < VM_TIMER_NEVER / NS_PER_TICK ? value * NS_PER_TICK : VM_TIMER_NEVER;
}

// --- the lines ---

static bool is_due(const struct vm_vcpu *v, uint64_t value)
{
    return vm_arm64_counter(v->machine) >= value;
}

struct setting {
    uint64_t ctl, cval;
};

static struct setting setting_of(struct vm_vcpu *v, unsigned timer)
{
    struct vm_arm64_state *s = a64_state(v);
    return (struct setting){__atomic_load_n(&s->cnt_ctl[timer], __ATOMIC_SEQ_CST),
                            __atomic_load_n(&s->cnt_cval[timer], __ATOMIC_SEQ_CST)};
}

// Sets the timer's line as its registers say, and returns whether its condition is met. Whoever
// comes last after a write, the PE or the timer's thread, has compared with what was written: a
// thread that sees that the registers changed meanwhile drives the line again.
static bool drive_line(struct vm_vcpu *v, unsigned timer)
{
    const struct vm_irq *line = &a64_state(v)->derived.wiring.timer[timer];
    struct setting before, after;
    bool due;
    do {
        before = setting_of(v, timer);
        due = is_due(v, before.cval);
        vm_irq_set(line, due && (before.ctl & (CTL_ENABLE | CTL_IMASK)) == CTL_ENABLE);
        after = setting_of(v, timer);
    } while (before.ctl != after.ctl || before.cval != after.cval);
    return due;
}

static void fire_physical(void *context)
{
    drive_line(context, VM_ARM64_TIMER_PHYSICAL);
}

static void fire_virtual(void *context)
{
    drive_line(context, VM_ARM64_TIMER_VIRTUAL);
}

bool a64_add_timers(struct vm_vcpu *v)
{
    static void (*const fire[VM_ARM64_TIMERS])(void *) = {fire_physical, fire_virtual};
    for (unsigned i = 0; i < VM_ARM64_TIMERS; i++) {
        struct vm_timer *timer = &a64_state(v)->derived.timer[i];
        if (!timer->fire && vm_timer_add(&v->machine->timers, timer, fire[i], v, NULL) != VM_OK)
            return false;
    }
    return true;
}

static void update(struct vm_vcpu *v, unsigned timer)
{
    struct vm_arm64_state *s = a64_state(v);
    bool due = drive_line(v, timer);
    bool waits = !due && (s->cnt_ctl[timer] & (CTL_ENABLE | CTL_IMASK)) == CTL_ENABLE;
    vm_timer_arm(&v->machine->timers, &s->derived.timer[timer],
                 waits ? a64_time_of(s->cnt_cval[timer]) : VM_TIMER_NEVER);
}

void a64_update_timers(struct vm_vcpu *v)
{
    for (unsigned i = 0; i < VM_ARM64_TIMERS; i++)
        update(v, i);
}

// --- the event stream: a bit of CNTVCT that goes up, or with EVNTDIR down, is an event ---

bool a64_stream_event(struct vm_vcpu *v, uint64_t *next)
{
    enum { EVNTEN = 1 << 2, EVNTDIR = 1 << 3, EVNTI_POS = 4 };
    struct vm_arm64_state *s = a64_state(v);
    if (!(s->cntkctl_el1 & EVNTEN))
        return false;
    unsigned bit = (unsigned)vm_bits(s->cntkctl_el1, EVNTI_POS, 4);
    uint64_t half = (uint64_t)1 << bit, ahead = s->cntkctl_el1 & EVNTDIR ? 0 : half;
    uint64_t events = (vm_arm64_counter(v->machine) + ahead) / (2 * half);
    bool any = events != s->derived.stream_events;
    s->derived.stream_events = events;
    *next = a64_time_of((events + 1) * 2 * half - ahead);
    return any;
}

// --- registers; a->n is the timer ---

uint64_t a64_read_cntfrq(const struct a64_access *a)
{
    (void)a;
    return VM_ARM64_COUNTER_HZ;
}

uint64_t a64_read_cntpct(const struct a64_access *a)
{
    return vm_arm64_counter(a->v->machine);
}

uint64_t a64_read_cnt_ctl(const struct a64_access *a)
{
    uint64_t ctl = a->s->cnt_ctl[a->n];
    bool status = ctl & CTL_ENABLE && is_due(a->v, a->s->cnt_cval[a->n]);
    return status ? ctl | CTL_ISTATUS : ctl;
}

void a64_write_cnt_ctl(const struct a64_access *a, uint64_t value)
{
    __atomic_store_n(&a->s->cnt_ctl[a->n], value & (CTL_ENABLE | CTL_IMASK), __ATOMIC_SEQ_CST);
    update(a->v, a->n);
}

uint64_t a64_read_cnt_cval(const struct a64_access *a)
{
    return a->s->cnt_cval[a->n];
}

void a64_write_cnt_cval(const struct a64_access *a, uint64_t value)
{
    __atomic_store_n(&a->s->cnt_cval[a->n], value, __ATOMIC_SEQ_CST);
    update(a->v, a->n);
}

uint64_t a64_read_tval(const struct a64_access *a)
{
    return (uint32_t)(a->s->cnt_cval[a->n] - vm_arm64_counter(a->v->machine));
}

void a64_write_tval(const struct a64_access *a, uint64_t value)
{
    a64_write_cnt_cval(a, vm_arm64_counter(a->v->machine) + vm_sign_extend(value, 32));
}
