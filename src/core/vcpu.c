// SPDX-License-Identifier: MIT
//
// vCPUs: creation, registers, interrupt lines, and work that vCPUs do for one another.
//
// The work protocol. A sender queues the work, sets VM_REQUEST_WORK, and then looks whether the
// target is in the guest. A target sets in_guest first and looks at its requests then. Both sides
// are sequentially consistent, so either the sender sees in_guest and waits until the work is
// finished, or the target sees the request before it executes another instruction.
#include "internal.h"
#include <vm/base/memory.h>

// A vCPU and its state are one allocation, so that generated code reaches both from one register.
enum { STATE_OFFSET = (sizeof(struct vm_vcpu) + 63) & ~63u };

static size_t vcpu_bytes(const struct vm_guest_ops *guest)
{
    return STATE_OFFSET + (size_t)guest->regfile->state_size + VM_VCPU_SCRATCH;
}

static vm_status vcpu_init(struct vm_vcpu *v, struct vm_error *e)
{
    const struct vm_host *host = v->machine->host;
    v->work_lock = host->lock_create(host->context);
    if (!v->work_lock)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for vCPU %u", v->index);
    return vm_tlb_init(&v->tlb, &v->machine->space, &host->allocator, e);
}

vm_status vm_vcpu_create(struct vm_machine *m, uint32_t index, struct vm_vcpu **out,
                         struct vm_error *e)
{
    const struct vm_allocator *a = &m->host->allocator;
    struct vm_vcpu *v = a->alloc(a->context, vcpu_bytes(m->guest), 64);
    if (!v)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for vCPU %u", index);
    vm_zero(v, vcpu_bytes(m->guest));
    v->state = (char *)v + STATE_OFFSET;
    v->guest = m->guest;
    v->machine = m;
    v->index = index;
    v->insn_limit = UINT64_MAX;
    v->wait_until = VM_TIMER_NEVER;
    vm_status status = vcpu_init(v, e);
    if (status != VM_OK) {
        vm_vcpu_destroy(v);
        return status;
    }
    *out = v;
    return VM_OK;
}

void vm_vcpu_destroy(struct vm_vcpu *v)
{
    const struct vm_host *host = v->machine->host;
    const struct vm_allocator *a = &host->allocator;
    if (v->engine)
        v->engine->destroy(v);
    vm_tlb_destroy(&v->tlb, a);
    if (v->work_lock)
        host->lock_destroy(host->context, v->work_lock);
    a->release(a->context, v, vcpu_bytes(v->guest));
}

static unsigned register_bytes(const struct vm_register *r)
{
    return r->type == VM_I8 ? 1 : r->type == VM_I16 ? 2 : r->type == VM_I32 ? 4 : 8;
}

uint64_t vm_vcpu_get(const struct vm_vcpu *v, uint16_t reg)
{
    const struct vm_register *r = &v->guest->regfile->registers[reg];
    uint64_t value = 0;
    vm_copy(&value, (const char *)v->state + r->offset, register_bytes(r));
    return value;
}

void vm_vcpu_set(struct vm_vcpu *v, uint16_t reg, uint64_t value)
{
    const struct vm_register *r = &v->guest->regfile->registers[reg];
    vm_copy((char *)v->state + r->offset, &value, register_bytes(r));
}

void vm_vcpu_request(struct vm_vcpu *v, uint32_t bits)
{
    atomic_fetch_or(&v->request, bits);
    v->machine->host->wake(v->machine->host->context, v->index);
}

void vm_vcpu_set_irq(struct vm_vcpu *v, uint32_t line, bool level)
{
    uint64_t bit = (uint64_t)1 << line;
    uint64_t old =
        level ? atomic_fetch_or(&v->irq_lines, bit) : atomic_fetch_and(&v->irq_lines, ~bit);
    if (((old & bit) != 0) == level)
        return;
    VM_TRACE(&v->machine->trace, VM_TRACE_IRQ, "vcpu %u: line %u %s", v->index, line,
             level ? "up" : "down");
    if (level)
        vm_vcpu_request(v, VM_REQUEST_IRQ);
}

void vm_vcpu_do_work(struct vm_vcpu *v, const struct vm_work *w)
{
    vm_gva first = vm_gva_of(w->first), last = vm_gva_of(w->last);
    v->stats.work_done++;
    switch (w->kind) {
    case VM_WORK_FLUSH_TLB: vm_tlb_flush_all(&v->tlb); break;
    case VM_WORK_FLUSH_PAGE: vm_tlb_flush_pages(&v->tlb, first, last); break;
    case VM_WORK_FLUSH_PAGE_ASID:
    case VM_WORK_FLUSH_PAGE_BOTH:
        vm_tlb_flush_pages_asid(&v->tlb, first, last, w->asid, w->kind == VM_WORK_FLUSH_PAGE_BOTH);
        break;
    case VM_WORK_FLUSH_ASID: vm_tlb_flush_asid(&v->tlb, w->asid); break;
    case VM_WORK_SYNC_CODE:
        if (v->engine)
            v->engine->sync_code(v);
        break;
    case VM_WORK_PROTECT: vm_tlb_protect_page(&v->tlb, (const void *)(uintptr_t)w->first); break;
    }
}

// Does what others have queued for this vCPU.
static void drain_work(struct vm_vcpu *v)
{
    const struct vm_host *host = v->machine->host;
    struct vm_work work[VM_WORK_SLOTS];
    host->lock(host->context, v->work_lock);
    uint32_t count = v->work_count;
    vm_copy(work, v->work, sizeof work);
    v->work_count = 0;
    uint64_t posted = atomic_load(&v->work_posted);
    host->unlock(host->context, v->work_lock);
    if (count > VM_WORK_SLOTS) { // some did not fit: everything that work could ask for
        const struct vm_work all = {.kind = VM_WORK_FLUSH_TLB}, code = {.kind = VM_WORK_SYNC_CODE};
        vm_vcpu_do_work(v, &all);
        vm_vcpu_do_work(v, &code);
    } else {
        for (uint32_t i = 0; i < count; i++)
            vm_vcpu_do_work(v, &work[i]);
    }
    atomic_store(&v->work_finished, posted);
}

void vm_vcpu_drain_work(struct vm_vcpu *v)
{
    atomic_fetch_and(&v->request, ~(uint32_t)VM_REQUEST_WORK);
    drain_work(v);
}

void vm_vcpu_wait_politely(struct vm_vcpu *self)
{
    if (atomic_load(&self->request) & VM_REQUEST_WORK) {
        vm_vcpu_drain_work(self);
        // What the vCPU was about to execute may rest on a mapping that is gone now.
        atomic_fetch_or(&self->request, VM_REQUEST_IRQ);
    }
    const struct vm_host *host = self->machine->host;
    host->yield(host->context);
}

void vm_vcpu_post_work(struct vm_vcpu *self, struct vm_vcpu *target, const struct vm_work *work)
{
    if (self == target) {
        vm_vcpu_do_work(self, work);
        return;
    }
    const struct vm_host *host = self->machine->host;
    self->stats.work_sent++;
    host->lock(host->context, target->work_lock);
    if (target->work_count < VM_WORK_SLOTS)
        target->work[target->work_count] = *work;
    if (target->work_count <= VM_WORK_SLOTS)
        target->work_count++;
    uint64_t ticket = atomic_fetch_add(&target->work_posted, 1) + 1;
    host->unlock(host->context, target->work_lock);
    atomic_fetch_or(&target->request, VM_REQUEST_WORK);
    while (atomic_load(&target->in_guest) && atomic_load(&target->work_finished) < ticket)
        vm_vcpu_wait_politely(self);
}
