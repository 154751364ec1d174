// SPDX-License-Identifier: MIT
//
// What an ARM64 guest gets from outside beside devices in memory: the GIC answers system registers.
// The machine's accesses are noted, its copy's are given the same.
#include "check.h"

#include <vm/frontend-arm64/frontend.h>

static void fill(struct check_event *e, const struct check *c, uint16_t number, uint64_t value,
                 bool taken)
{
    e->gpa = number;
    e->value = value;
    e->taken = taken;
    e->irq_lines = atomic_load(&c->a->irq_lines);
}

static bool note_read(void *gic, uint32_t cpu, uint16_t number, uint64_t *value)
{
    struct check *c = gic;
    bool taken = c->gic.ops->read(c->gic.gic, cpu, number, value);
    fill(check_note(c, CHECK_SYSREG_READ), c, number, *value, taken);
    return taken;
}

static bool note_write(void *gic, uint32_t cpu, uint16_t number, uint64_t value)
{
    struct check *c = gic;
    bool taken = c->gic.ops->write(c->gic.gic, cpu, number, value);
    fill(check_note(c, CHECK_SYSREG_WRITE), c, number, value, taken);
    return taken;
}

static bool replay_read(void *gic, uint32_t cpu, uint16_t number, uint64_t *value)
{
    struct check *c = gic;
    const struct check_event *e = check_replay(c, CHECK_SYSREG_READ);
    (void)cpu;
    if (e && e->gpa != number && !c->problem)
        c->problem = "the number of a GIC register that is read";
    *value = e ? e->value : 0;
    return e && e->taken;
}

static bool replay_write(void *gic, uint32_t cpu, uint16_t number, uint64_t value)
{
    struct check *c = gic;
    const struct check_event *e = check_replay(c, CHECK_SYSREG_WRITE);
    (void)cpu;
    if (e && (e->gpa != number || e->value != value) && !c->problem)
        c->problem = "the number or value of a GIC register that is written";
    return e && e->taken;
}

void check_wrap_arm64(struct check *c)
{
    static const struct vm_arm64_gic_ops notes = {note_read, note_write};
    static const struct vm_arm64_gic_ops replays = {replay_read, replay_write};
    if (c->vm->guest != &vm_arm64_guest_ops)
        return;
    const struct vm_arm64_state *s = c->a->state;
    struct vm_arm64_wiring wiring = s->derived.wiring, copy = {0};
    c->gic = wiring.gic;
    if (!c->gic.ops)
        return;
    wiring.gic = (struct vm_arm64_gic){&notes, c};
    copy.gic = (struct vm_arm64_gic){&replays, c};
    vm_arm64_connect(c->a, &wiring);
    vm_arm64_connect(c->b, &copy);
}

void check_unwrap_arm64(struct check *c)
{
    if (!c->gic.ops)
        return;
    const struct vm_arm64_state *s = c->a->state;
    struct vm_arm64_wiring wiring = s->derived.wiring;
    wiring.gic = c->gic;
    vm_arm64_connect(c->a, &wiring);
}
