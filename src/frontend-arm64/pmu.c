// SPDX-License-Identifier: MIT
//
// Performance monitors (the manual, chapter D13; D19.4): a cycle counter, which counts nanoseconds,
// and event counters for instructions, exceptions and software increments.
//
// A counter that counts is kept as its value minus what its event has reached, one that stands
// still as its value; what starts or stops counters does so between pause and resume. Counters go
// on beyond their width inside, so that overflows are found whenever somebody looks: at accesses,
// and where an overflow would interrupt. Of cycles a timer says when that is, of exceptions their
// entry looks, and of instructions translated code compares with the count at which the first
// overflow comes, in a mode of its own (A64_MODE_COUNT): the interrupt pends before the instruction
// behind the one that made it.
#include "system.h"

enum {
    CYCLES = VM_ARM64_COUNTERS, // among the counters
    COUNTERS,
    CYCLE_BIT = 31, // in PMCNTENSET and so on

    EVENT_SW_INCR = 0x00,
    EVENT_INST_RETIRED = 0x08,
    EVENT_EXC_TAKEN = 0x09,
    EVENT_CPU_CYCLES = 0x11,
    EVENT_MASK = 0xffff,
};

#define PMCR_E      A64_BIT(0)
#define PMCR_P      A64_BIT(1)
#define PMCR_C      A64_BIT(2)
#define PMCR_LC     A64_BIT(6)
#define PMCR_STORED (PMCR_E | A64_BIT(3) | A64_BIT(4) | A64_BIT(5) | PMCR_LC)
#define FILTER_EL1  A64_BIT(31)
#define FILTER_EL0  A64_BIT(30)
#define FILTERS     (FILTER_EL1 | FILTER_EL0)
#define IMPLEMENTED (A64_BIT(CYCLE_BIT) | vm_mask(VM_ARM64_COUNTERS))
#define USER_EN     A64_BIT(0)
#define USER_SW     A64_BIT(1)
#define USER_CR     A64_BIT(2)
#define USER_ER     A64_BIT(3)

// --- counters ---

static uint64_t bit_of(unsigned n)
{
    return A64_BIT(n == CYCLES ? CYCLE_BIT : n);
}

static uint64_t *stored(struct vm_arm64_state *s, unsigned n)
{
    return n == CYCLES ? &s->pmccntr_offset : &s->pmevcntr[n];
}

static uint64_t filter_of(const struct vm_arm64_state *s, unsigned n)
{
    return n == CYCLES ? s->pmccfiltr_el0 : s->pmevtyper[n];
}

static unsigned event_of(const struct vm_arm64_state *s, unsigned n)
{
    return n == CYCLES ? EVENT_CPU_CYCLES : (unsigned)(s->pmevtyper[n] & EVENT_MASK);
}

static bool counts(const struct vm_arm64_state *s, unsigned n)
{
    bool on = s->pmcr_el0 & PMCR_E && s->pmcnten & bit_of(n);
    return on && !(filter_of(s, n) & (s->el ? FILTER_EL1 : FILTER_EL0));
}

// What the counter's event has reached.
static uint64_t reached(struct vm_vcpu *v, unsigned n, uint64_t icount)
{
    const struct vm_host *host = v->machine->host;
    switch (event_of(a64_state(v), n)) {
    case EVENT_CPU_CYCLES: return host->clock(host->context);
    case EVENT_INST_RETIRED: return icount;
    case EVENT_EXC_TAKEN: return a64_state(v)->derived.entries;
    default: return 0;
    }
}

static uint64_t value_of(struct vm_vcpu *v, unsigned n, uint64_t icount)
{
    struct vm_arm64_state *s = a64_state(v);
    return counts(s, n) ? *stored(s, n) + reached(v, n, icount) : *stored(s, n);
}

static bool is_long(const struct vm_arm64_state *s, unsigned n)
{
    return n == CYCLES && s->pmcr_el0 & PMCR_LC;
}

// --- overflows and the interrupt ---

static void drive_line(struct vm_vcpu *v)
{
    const struct vm_arm64_state *s = a64_state(v);
    vm_irq_set(&s->derived.wiring.pmu, s->pmcr_el0 & PMCR_E && s->pmovs & s->pminten);
}

// Notes the overflows since the last look.
static void look(struct vm_vcpu *v, uint64_t icount)
{
    struct vm_arm64_state *s = a64_state(v);
    for (unsigned n = 0; n < COUNTERS; n++) {
        uint64_t *last = &s->derived.pmu_seen[n], now = value_of(v, n, icount);
        bool over = is_long(s, n) ? now < *last : now >> 32 != *last >> 32;
        if (over)
            s->pmovs |= bit_of(n);
        *last = now;
    }
    drive_line(v);
}

// How far the first overflow of the event that would interrupt is from the last look.
static uint64_t least_left(const struct vm_arm64_state *s, unsigned event)
{
    uint64_t least = UINT64_MAX;
    for (unsigned n = 0; n < COUNTERS; n++) {
        if (!counts(s, n) || !(s->pminten & bit_of(n)) || event_of(s, n) != event)
            continue;
        uint64_t value = s->derived.pmu_seen[n];
        uint64_t left = is_long(s, n) ? 0 - value : ((uint64_t)1 << 32) - (uint32_t)value;
        least = left && left < least ? left : least;
    }
    return least;
}

static uint64_t sum_or_never(uint64_t a, uint64_t b)
{
    return b < UINT64_MAX - a ? a + b : UINT64_MAX;
}

static void fire(void *context)
{
    vm_vcpu_request(context, VM_REQUEST_LOOK);
}

bool a64_add_pmu_timer(struct vm_vcpu *v)
{
    struct vm_timer *timer = &a64_state(v)->derived.pmu_timer;
    return timer->fire || vm_timer_add(&v->machine->timers, timer, fire, v, NULL) == VM_OK;
}

// Has the next overflow that would interrupt noticed. What was seen last is of now.
static void arm(struct vm_vcpu *v, uint64_t icount)
{
    struct vm_arm64_state *s = a64_state(v);
    const struct vm_host *host = v->machine->host;
    uint64_t cycles = least_left(s, EVENT_CPU_CYCLES);
    uint64_t deadline =
        cycles == UINT64_MAX ? VM_TIMER_NEVER : sum_or_never(host->clock(host->context), cycles);
    vm_timer_arm(&v->machine->timers, &s->derived.pmu_timer, deadline);
    s->pmu_limit = sum_or_never(icount, least_left(s, EVENT_INST_RETIRED));
    v->mode = (v->mode & ~(uint32_t)A64_MODE_COUNT) | a64_pmu_mode(s);
}

uint32_t a64_pmu_mode(const struct vm_arm64_state *s)
{
    return s->pmu_limit == UINT64_MAX ? 0 : A64_MODE_COUNT;
}

void a64_pmu_look(struct vm_vcpu *v)
{
    look(v, v->icount);
    arm(v, v->icount);
}

// --- starting and stopping ---

void a64_pmu_pause(struct vm_vcpu *v, uint64_t icount)
{
    struct vm_arm64_state *s = a64_state(v);
    look(v, icount);
    for (unsigned n = 0; n < COUNTERS; n++)
        *stored(s, n) = s->derived.pmu_seen[n];
}

void a64_pmu_resume(struct vm_vcpu *v, uint64_t icount)
{
    struct vm_arm64_state *s = a64_state(v);
    bool entries = false;
    for (unsigned n = 0; n < COUNTERS; n++) {
        s->derived.pmu_seen[n] = *stored(s, n);
        if (s->pmcnten & bit_of(n))
            entries |= filter_of(s, n) & FILTERS || event_of(s, n) == EVENT_EXC_TAKEN;
        if (counts(s, n))
            *stored(s, n) -= reached(v, n, icount);
    }
    s->derived.pmu_entries = s->pmcr_el0 & PMCR_E && entries;
    drive_line(v);
    arm(v, icount);
}

static void pause(const struct a64_access *a)
{
    a64_pmu_pause(a->v, a->icount);
}

static void resume(const struct a64_access *a)
{
    a64_pmu_resume(a->v, a->icount);
}

// --- EL0's rights (PMUSERENR_EL0) ---

bool a64_check_pmu(const struct a64_access *a)
{
    return a->s->pmuserenr_el0 & USER_EN;
}

bool a64_check_pmu_cycle(const struct a64_access *a)
{
    return a->s->pmuserenr_el0 & (a->write ? USER_EN : USER_EN | USER_CR);
}

bool a64_check_pmu_event(const struct a64_access *a)
{
    bool selector = a->number == A64_SYS(3, 3, 9, 12, 5);
    return a->s->pmuserenr_el0 & (a->write && !selector ? USER_EN : USER_EN | USER_ER);
}

bool a64_check_pmu_software(const struct a64_access *a)
{
    return a->s->pmuserenr_el0 & (USER_EN | USER_SW);
}

// --- control ---

uint64_t a64_read_pmcr(const struct a64_access *a)
{
    return (a->s->pmcr_el0 & PMCR_STORED) | VM_ARM64_COUNTERS << 11;
}

void a64_write_pmcr(const struct a64_access *a, uint64_t value)
{
    struct vm_arm64_state *s = a->s;
    pause(a);
    for (unsigned n = 0; n < VM_ARM64_COUNTERS && value & PMCR_P; n++)
        s->pmevcntr[n] = 0;
    if (value & PMCR_C)
        s->pmccntr_offset = 0;
    s->pmcr_el0 = value & PMCR_STORED;
    resume(a);
}

static void change(const struct a64_access *a, uint64_t *field, uint64_t value)
{
    pause(a);
    *field = value & IMPLEMENTED;
    resume(a);
}

uint64_t a64_read_pmcntenset(const struct a64_access *a)
{
    return a->s->pmcnten;
}

void a64_write_pmcntenset(const struct a64_access *a, uint64_t value)
{
    change(a, &a->s->pmcnten, a->s->pmcnten | value);
}

void a64_write_pmcntenclr(const struct a64_access *a, uint64_t value)
{
    change(a, &a->s->pmcnten, a->s->pmcnten & ~value);
}

uint64_t a64_read_pmintenset(const struct a64_access *a)
{
    return a->s->pminten;
}

void a64_write_pmintenset(const struct a64_access *a, uint64_t value)
{
    change(a, &a->s->pminten, a->s->pminten | value);
}

void a64_write_pmintenclr(const struct a64_access *a, uint64_t value)
{
    change(a, &a->s->pminten, a->s->pminten & ~value);
}

uint64_t a64_read_pmovsset(const struct a64_access *a)
{
    look(a->v, a->icount);
    return a->s->pmovs;
}

void a64_write_pmovsset(const struct a64_access *a, uint64_t value)
{
    pause(a);
    a->s->pmovs |= value & IMPLEMENTED;
    resume(a);
}

void a64_write_pmovsclr(const struct a64_access *a, uint64_t value)
{
    pause(a);
    a->s->pmovs &= ~value;
    resume(a);
}

void a64_write_pmswinc(const struct a64_access *a, uint64_t value)
{
    struct vm_arm64_state *s = a->s;
    pause(a);
    for (unsigned n = 0; n < VM_ARM64_COUNTERS; n++) {
        bool hit = value >> n & 1 && counts(s, n) && event_of(s, n) == EVENT_SW_INCR;
        if (hit && (uint32_t)++s->pmevcntr[n] == 0)
            s->pmovs |= bit_of(n);
    }
    resume(a);
}

uint64_t a64_read_pmceid0(const struct a64_access *a)
{
    (void)a;
    return A64_BIT(EVENT_SW_INCR) | A64_BIT(EVENT_INST_RETIRED) | A64_BIT(EVENT_EXC_TAKEN) |
           A64_BIT(EVENT_CPU_CYCLES);
}

// --- counters and their types; `n` is a counter, COUNTERS for none ---

static uint64_t read_counter(const struct a64_access *a, unsigned n)
{
    uint64_t value = n < COUNTERS ? value_of(a->v, n, a->icount) : 0;
    return n == CYCLES ? value : (uint32_t)value;
}

static void write_counter(const struct a64_access *a, unsigned n, uint64_t value)
{
    if (n >= COUNTERS)
        return;
    pause(a);
    *stored(a->s, n) = n == CYCLES ? value : (uint32_t)value;
    resume(a);
}

static uint64_t read_type(const struct a64_access *a, unsigned n)
{
    return n < COUNTERS ? filter_of(a->s, n) : 0;
}

static void write_type(const struct a64_access *a, unsigned n, uint64_t value)
{
    if (n >= COUNTERS)
        return;
    pause(a);
    if (n == CYCLES)
        a->s->pmccfiltr_el0 = value & FILTERS;
    else
        a->s->pmevtyper[n] = value & (FILTERS | EVENT_MASK);
    resume(a);
}

// The counter that PMSELR_EL0 selects; of those with a type, 31 is the cycle counter.
static unsigned selected(const struct a64_access *a, bool type)
{
    uint64_t n = a->s->pmselr_el0;
    if (n == CYCLE_BIT)
        return type ? CYCLES : COUNTERS;
    return n < VM_ARM64_COUNTERS ? (unsigned)n : COUNTERS;
}

uint64_t a64_read_pmccntr(const struct a64_access *a)
{
    return read_counter(a, CYCLES);
}

void a64_write_pmccntr(const struct a64_access *a, uint64_t value)
{
    write_counter(a, CYCLES, value);
}

uint64_t a64_read_pmccfiltr(const struct a64_access *a)
{
    return read_type(a, CYCLES);
}

void a64_write_pmccfiltr(const struct a64_access *a, uint64_t value)
{
    write_type(a, CYCLES, value);
}

uint64_t a64_read_pmevcntr(const struct a64_access *a)
{
    return read_counter(a, a->n);
}

void a64_write_pmevcntr(const struct a64_access *a, uint64_t value)
{
    write_counter(a, a->n, value);
}

uint64_t a64_read_pmevtyper(const struct a64_access *a)
{
    return read_type(a, a->n);
}

void a64_write_pmevtyper(const struct a64_access *a, uint64_t value)
{
    write_type(a, a->n, value);
}

uint64_t a64_read_pmxevcntr(const struct a64_access *a)
{
    return read_counter(a, selected(a, false));
}

void a64_write_pmxevcntr(const struct a64_access *a, uint64_t value)
{
    write_counter(a, selected(a, false), value);
}

uint64_t a64_read_pmxevtyper(const struct a64_access *a)
{
    return read_type(a, selected(a, true));
}

void a64_write_pmxevtyper(const struct a64_access *a, uint64_t value)
{
    write_type(a, selected(a, true), value);
}
