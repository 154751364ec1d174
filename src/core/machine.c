// SPDX-License-Identifier: MIT
//
// The machine's shared state: stop requests and breakpoints (vm/core/machine.h).
#include <vm/base/format.h>
#include <vm/core/machine.h>

vm_status vm_machine_init(struct vm_machine *m, const struct vm_host *host,
                          const struct vm_guest_ops *guest, void *config, struct vm_error *e)
{
    *m = (struct vm_machine){.host = host, .guest = guest, .config = config};
    vm_status status = vm_space_init(&m->space, &host->allocator, e);
    if (status != VM_OK)
        return status;
    m->lock = host->lock_create(host->context);
    if (!m->lock)
        status = vm_error_set(e, VM_ERR_HOST, "out of memory for the machine");
    else
        status = vm_timers_init(&m->timers, host, e);
    if (status != VM_OK) {
        if (m->lock)
            host->lock_destroy(host->context, m->lock);
        vm_space_destroy(&m->space);
    }
    return status;
}

void vm_machine_destroy(struct vm_machine *m)
{
    for (uint32_t i = 0; i < m->vcpu_count; i++)
        vm_vcpu_destroy(m->vcpus[i]);
    m->vcpu_count = 0;
    vm_timers_destroy(&m->timers);
    vm_space_destroy(&m->space);
    m->host->lock_destroy(m->host->context, m->lock);
}

static void request_all(struct vm_machine *m, uint32_t bits)
{
    for (uint32_t i = 0; i < m->vcpu_count; i++)
        vm_vcpu_request(m->vcpus[i], bits);
}

void vm_machine_stop(struct vm_machine *m, enum vm_stop stop, uint32_t code, const char *text)
{
    m->host->lock(m->host->context, m->lock);
    if (stop > atomic_load(&m->stop)) {
        m->stop_code = code;
        vm_format(m->stop_text, sizeof m->stop_text, "%s", text ? text : "");
        atomic_store(&m->stop, stop);
    }
    m->host->unlock(m->host->context, m->lock);
    request_all(m, VM_REQUEST_STOP);
}

void vm_machine_resume(struct vm_machine *m)
{
    m->host->lock(m->host->context, m->lock);
    atomic_store(&m->stop, VM_STOP_NONE);
    m->stop_code = 0;
    m->stop_text[0] = 0;
    m->host->unlock(m->host->context, m->lock);
}

static uint32_t find_breakpoint(const struct vm_machine *m, uint64_t gva)
{
    uint32_t n = atomic_load(&m->breakpoint_count);
    for (uint32_t i = 0; i < n; i++) {
        if (m->breakpoints[i] == gva)
            return i;
    }
    return VM_MAX_BREAKPOINTS;
}

vm_status vm_machine_add_breakpoint(struct vm_machine *m, uint64_t gva, struct vm_error *e)
{
    vm_status status = VM_OK;
    m->host->lock(m->host->context, m->lock);
    uint32_t n = atomic_load(&m->breakpoint_count);
    if (find_breakpoint(m, gva) != VM_MAX_BREAKPOINTS) {
        status = vm_error_set(e, VM_ERR_USAGE, "there is a breakpoint at %#lx already", gva);
    } else if (n == VM_MAX_BREAKPOINTS) {
        status = vm_error_set(e, VM_ERR_USAGE, "all %d breakpoints are in use", VM_MAX_BREAKPOINTS);
    } else {
        m->breakpoints[n] = gva;
        atomic_store(&m->breakpoint_count, n + 1);
    }
    m->host->unlock(m->host->context, m->lock);
    request_all(m, VM_REQUEST_FLUSH);
    return status;
}

vm_status vm_machine_remove_breakpoint(struct vm_machine *m, uint64_t gva, struct vm_error *e)
{
    vm_status status = VM_OK;
    m->host->lock(m->host->context, m->lock);
    uint32_t at = find_breakpoint(m, gva);
    if (at == VM_MAX_BREAKPOINTS) {
        status = vm_error_set(e, VM_ERR_USAGE, "there is no breakpoint at %#lx", gva);
    } else {
        uint32_t n = atomic_load(&m->breakpoint_count) - 1;
        m->breakpoints[at] = m->breakpoints[n];
        atomic_store(&m->breakpoint_count, n);
    }
    m->host->unlock(m->host->context, m->lock);
    request_all(m, VM_REQUEST_FLUSH);
    return status;
}

bool vm_machine_is_breakpoint(struct vm_machine *m, uint64_t gva)
{
    if (VM_LIKELY(atomic_load_explicit(&m->breakpoint_count, memory_order_relaxed) == 0))
        return false;
    m->host->lock(m->host->context, m->lock);
    bool found = find_breakpoint(m, gva) != VM_MAX_BREAKPOINTS;
    m->host->unlock(m->host->context, m->lock);
    return found;
}
