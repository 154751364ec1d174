// SPDX-License-Identifier: MIT
//
// Dispatch of SBI calls (chapter 3: binary encoding) and the built-in firmware's life.
#include "riscv64.h"

#include <vm/frontend-riscv64/frontend.h>

// a0 to a7.
enum { REG_A0 = 10, REG_A1 = 11, REG_A6 = 16, REG_A7 = 17 };

static const struct extension {
    uint64_t id;
    const char *name;
    sbi_handler *handler;
} extensions[] = {
    {0x10, "base", sbi_base},       {0x54494d45, "time", sbi_time},
    {0x735049, "ipi", sbi_ipi},     {0x52464e43, "rfence", sbi_rfence},
    {0x48534d, "hsm", sbi_hsm},     {0x53525354, "srst", sbi_srst},
    {0x4442434e, "dbcn", sbi_dbcn},
};

static const struct extension *find(uint64_t id)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(extensions); i++) {
        if (extensions[i].id == id)
            return &extensions[i];
    }
    return NULL;
}

bool sbi_has_extension(uint64_t extension)
{
    return find(extension) != NULL;
}

// The firmware hook of the machine.
static void call(struct vm_vcpu *v, void *context)
{
    struct virt_riscv64 *board = context;
    struct vm_riscv64_state *s = v->state;
    struct sbi_call c = {
        .board = board,
        .sbi = &board->sbi,
        .hart = &board->sbi.hart[v->index],
        .extension = s->x[REG_A7],
        .function = s->x[REG_A6],
    };
    for (int i = 0; i < 6; i++)
        c.arg[i] = s->x[REG_A0 + i];
    sbi_continue(&c);
    if (c.leaves)
        return;
    const struct extension *extension = find(c.extension);
    struct sbi_result r = extension ? extension->handler(&c) : sbi_fail(SBI_ERR_NOT_SUPPORTED);
    VM_TRACE(&v->machine->trace, VM_TRACE_FIRMWARE,
             "vcpu %u: %s (%#llx) function %llu, %#llx %#llx %#llx: %lld, %#llx", v->index,
             extension ? extension->name : "unknown", (unsigned long long)c.extension,
             (unsigned long long)c.function, (unsigned long long)c.arg[0],
             (unsigned long long)c.arg[1], (unsigned long long)c.arg[2], (long long)r.error,
             (unsigned long long)r.value);
    if (!c.leaves) {
        s->x[REG_A0] = (uint64_t)r.error;
        s->x[REG_A1] = r.value;
    }
}

vm_status sbi_create(struct virt_riscv64 *board, struct vm_error *e)
{
    struct vm_machine *m = board->virt.machine;
    struct sbi *sbi = &board->sbi;
    sbi->lock = m->host->lock_create(m->host->context);
    if (!sbi->lock)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the firmware's lock");
    for (uint32_t i = 0; i < m->vcpu_count; i++) {
        sbi->hart[i].vcpu = m->vcpus[i];
        sbi->hart[i].state = SBI_HART_STOPPED;
        vm_status status = sbi_add_timer(board, &sbi->hart[i], e);
        if (status != VM_OK)
            return status;
        sbi->harts = i + 1;
    }
    m->firmware = (struct vm_firmware){call, board};
    return VM_OK;
}

void sbi_destroy(struct virt_riscv64 *board)
{
    struct vm_machine *m = board->virt.machine;
    struct sbi *sbi = &board->sbi;
    if (!sbi->lock)
        return;
    m->firmware = (struct vm_firmware){0};
    for (uint32_t i = 0; i < sbi->harts; i++)
        vm_timer_arm(&m->timers, &sbi->hart[i].timer, VM_TIMER_NEVER);
    m->host->lock_destroy(m->host->context, sbi->lock);
}

void sbi_reset(struct virt_riscv64 *board, uint64_t entry, uint64_t opaque)
{
    struct sbi *sbi = &board->sbi;
    sbi_lock(sbi);
    sbi->console_reading = false;
    sbi->console_head = sbi->console_count = 0;
    sbi_unlock(sbi);
    for (uint32_t i = 0; i < sbi->harts; i++)
        sbi_stop_hart(&sbi->hart[i]);
    struct sbi_hart *boot = &sbi->hart[0];
    vm_riscv64_enter_supervisor(boot->vcpu, entry, opaque);
    boot->state = SBI_HART_STARTED;
    atomic_store(&boot->vcpu->parked, false);
}
