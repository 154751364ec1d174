// SPDX-License-Identifier: MIT
//
// PSCI calls, and the lives of CPUs. Sections are DEN 0022's.
#include "psci.h"

#include <vm/base/memory.h>
#include <vm/frontend-arm64/frontend.h>

#include "arm64.h"

// 5.2.2
enum psci_error {
    PSCI_SUCCESS = 0,
    PSCI_NOT_SUPPORTED = -1,
    PSCI_INVALID_PARAMETERS = -2,
    PSCI_ALREADY_ON = -4,
    PSCI_INVALID_ADDRESS = -9,
};

// Function numbers, without the bits that say "64-bit" and "fast". 5.1; DEN 0028, chapter 7.
#define CALL_64           0x40000000u
#define SMCCC_VERSION     0x80000000u
#define ARCH_FEATURES     0x80000001u
#define WORKAROUND_1      0x80008000u
#define WORKAROUND_2      0x80007fffu
#define WORKAROUND_3      0x80003fffu
#define PSCI_VERSION      0x84000000u
#define CPU_SUSPEND       0x84000001u
#define CPU_OFF           0x84000002u
#define CPU_ON            0x84000003u
#define AFFINITY_INFO     0x84000004u
#define MIGRATE_INFO_TYPE 0x84000006u
#define SYSTEM_OFF        0x84000008u
#define SYSTEM_RESET      0x84000009u
#define PSCI_FEATURES     0x8400000au
#define SYSTEM_RESET2     0x84000012u

enum {
    VERSION_1_1 = 1 << 16 | 1, // of PSCI and of SMCCC
    NO_TRUSTED_OS = 2,         // MIGRATE_INFO_TYPE
    NOT_NEEDED = 1,            // of a workaround: this CPU is safe without
    WARM_RESET = 0,            // SYSTEM_RESET2
    MAX_LEVEL = 3,             // of affinity
};

// CPU_SUSPEND's power_state in its original format (5.4.2.1).
#define STATE_RESERVED  0xfcfe0000u
#define STATE_POWERDOWN 0x00010000u

#define AFFINITY_MASK UINT64_C(0xff00ffffff)
#define SCTLR_M       UINT64_C(1)
#define DAIF_ALL      UINT64_C(0x3c0)

enum { ROM_SUSPENDED = 0, ROM_STOPPED = 4 };

static const uint32_t wait_code[] = {
    0xd503207f, // wfi:   a suspended CPU waits
    0xd4000002, // hvc 0: the firmware wakes it up, or starts one that was off
};

struct psci_call {
    struct virt_arm64 *board;
    struct psci *psci;
    struct psci_cpu *cpu; // that calls
    uint32_t function;    // without CALL_64
    uint64_t arg[3];
    bool leaves; // out: the CPU does not return to its caller, x0 is not to be written
};

static void lock(const struct psci *p)
{
    const struct vm_host *host = p->cpu[0].vcpu->machine->host;
    host->lock(host->context, p->lock);
}

static void unlock(const struct psci *p)
{
    const struct vm_host *host = p->cpu[0].vcpu->machine->host;
    host->unlock(host->context, p->lock);
}

// --- CPUs ---

// The CPU with that affinity; NULL: there is none, or other bits are set.
static struct psci_cpu *find_cpu(struct psci *p, uint64_t affinity)
{
    for (uint32_t i = 0; i < p->cpus; i++) {
        if (vm_arm64_affinity(p->cpu[i].vcpu) == affinity)
            return &p->cpu[i];
    }
    return NULL;
}

// On the CPU's own thread, or while none runs.
static void switch_off(struct psci_cpu *c)
{
    vm_arm64_enter_kernel(c->vcpu, ARM64_ROM_BASE + ROM_STOPPED, 0);
    atomic_store(&c->vcpu->parked, true);
    c->state = PSCI_OFF;
    c->suspended = false;
}

static int64_t cpu_on(struct psci_call *c)
{
    struct psci_cpu *target = find_cpu(c->psci, c->arg[0]);
    if (!target)
        return PSCI_INVALID_PARAMETERS;
    if (!virt_is_start_address(&c->board->virt, c->arg[1]))
        return PSCI_INVALID_ADDRESS;
    lock(c->psci);
    enum psci_state was = target->state;
    if (was == PSCI_OFF) {
        target->state = PSCI_STARTING;
        target->entry = c->arg[1];
        target->context = c->arg[2];
        atomic_store(&target->vcpu->parked, false);
    }
    unlock(c->psci);
    if (was == PSCI_OFF)
        vm_vcpu_request(target->vcpu, VM_REQUEST_IRQ);
    return was == PSCI_OFF ? PSCI_SUCCESS : PSCI_ALREADY_ON;
}

static int64_t cpu_off(struct psci_call *c)
{
    lock(c->psci);
    switch_off(c->cpu);
    unlock(c->psci);
    c->leaves = true;
    return PSCI_SUCCESS;
}

// Of a group of CPUs: on if one of them is.
static int64_t affinity_info(struct psci_call *c)
{
    uint64_t level = c->arg[1], mask = AFFINITY_MASK, found = 0;
    if (level > MAX_LEVEL || c->arg[0] & ~AFFINITY_MASK)
        return PSCI_INVALID_PARAMETERS;
    mask &= level == MAX_LEVEL ? UINT64_C(0xff) << 32 : ~UINT64_C(0) << 8 * level;
    int64_t state = PSCI_OFF;
    lock(c->psci);
    for (uint32_t i = 0; i < c->psci->cpus; i++) {
        const struct psci_cpu *other = &c->psci->cpu[i];
        if ((vm_arm64_affinity(other->vcpu) ^ c->arg[0]) & mask)
            continue;
        found++;
        if (other->state != PSCI_OFF)
            state = PSCI_ON;
    }
    unlock(c->psci);
    return found ? state : PSCI_INVALID_PARAMETERS;
}

// Sends the CPU into the ROM's wait, which ends as that of any WFI does: when an interrupt pends,
// which is not taken there.
static int64_t cpu_suspend(struct psci_call *c)
{
    struct psci_cpu *cpu = c->cpu;
    struct vm_arm64_state *s = cpu->vcpu->state;
    bool standby = !(c->arg[0] & STATE_POWERDOWN);
    if (c->arg[0] & ~(uint64_t)(uint32_t)~STATE_RESERVED)
        return PSCI_INVALID_PARAMETERS;
    if (!standby && !virt_is_start_address(&c->board->virt, c->arg[1]))
        return PSCI_INVALID_ADDRESS;
    cpu->suspended = true;
    cpu->standby = standby;
    cpu->entry = c->arg[1];
    cpu->context = c->arg[2];
    cpu->pc = s->pc;
    cpu->sctlr = s->sctlr[1];
    cpu->daif = s->daif;
    s->pc = ARM64_ROM_BASE + ROM_SUSPENDED;
    s->sctlr[1] &= ~SCTLR_M;
    s->daif = DAIF_ALL;
    cpu->vcpu->guest->sync(cpu->vcpu);
    c->leaves = true;
    return PSCI_SUCCESS;
}

// After a standby the call returns, with all else as it was (5.4).
static void resume(struct psci_cpu *cpu)
{
    struct vm_arm64_state *s = cpu->vcpu->state;
    s->x[0] = PSCI_SUCCESS;
    s->pc = cpu->pc;
    s->sctlr[1] = cpu->sctlr;
    s->daif = cpu->daif;
    cpu->vcpu->guest->sync(cpu->vcpu);
}

// Lets a CPU that comes out of the ROM's wait go on. False: it was not there.
static bool go_on(struct psci *p, struct psci_cpu *cpu)
{
    lock(p);
    bool starts = cpu->state != PSCI_ON, suspended = cpu->suspended;
    cpu->state = PSCI_ON;
    cpu->suspended = false;
    unlock(p);
    if (!starts && !suspended)
        return false;
    if (suspended && cpu->standby)
        resume(cpu);
    else
        vm_arm64_enter_kernel(cpu->vcpu, cpu->entry, cpu->context);
    VM_TRACE(&cpu->vcpu->machine->trace, VM_TRACE_FIRMWARE, "vcpu %u: goes on at %#llx",
             cpu->vcpu->index, (unsigned long long)vm_vcpu_pc(cpu->vcpu));
    return true;
}

// --- the rest ---

static int64_t system_off(struct psci_call *c)
{
    vm_machine_stop(c->cpu->vcpu->machine, VM_STOP_POWEROFF, 0, "PSCI: power off");
    return PSCI_SUCCESS; // the stop is served before the CPU executes another instruction
}

static int64_t system_reset(struct psci_call *c)
{
    vm_machine_stop(c->cpu->vcpu->machine, VM_STOP_RESET, 0, "PSCI: reset");
    return PSCI_SUCCESS;
}

static int64_t system_reset2(struct psci_call *c)
{
    return c->arg[0] == WARM_RESET ? system_reset(c) : PSCI_INVALID_PARAMETERS;
}

static int64_t version(struct psci_call *c)
{
    (void)c;
    return VERSION_1_1;
}

static int64_t migrate_info_type(struct psci_call *c)
{
    (void)c;
    return NO_TRUSTED_OS;
}

// A CPU that contains speculation needs no workaround; of others nothing is said.
static int64_t arch_features(struct psci_call *c)
{
    const void *config = c->cpu->vcpu->machine->config;
    switch ((uint32_t)c->arg[0]) {
    case SMCCC_VERSION:
    case ARCH_FEATURES: return PSCI_SUCCESS;
    case WORKAROUND_1:
    case WORKAROUND_3: return vm_arm64_has(config, "csv2") ? NOT_NEEDED : PSCI_NOT_SUPPORTED;
    case WORKAROUND_2: return vm_arm64_has(config, "ssbs") ? NOT_NEEDED : PSCI_NOT_SUPPORTED;
    default: return PSCI_NOT_SUPPORTED;
    }
}

static int64_t features(struct psci_call *c);

static const struct function {
    uint32_t id;
    bool both; // may be called as a 64-bit function
    const char *name;
    int64_t (*call)(struct psci_call *c);
} functions[] = {
    {SMCCC_VERSION, false, "SMCCC_VERSION", version},
    {ARCH_FEATURES, false, "SMCCC_ARCH_FEATURES", arch_features},
    {PSCI_VERSION, false, "PSCI_VERSION", version},
    {CPU_SUSPEND, true, "CPU_SUSPEND", cpu_suspend},
    {CPU_OFF, false, "CPU_OFF", cpu_off},
    {CPU_ON, true, "CPU_ON", cpu_on},
    {AFFINITY_INFO, true, "AFFINITY_INFO", affinity_info},
    {MIGRATE_INFO_TYPE, false, "MIGRATE_INFO_TYPE", migrate_info_type},
    {SYSTEM_OFF, false, "SYSTEM_OFF", system_off},
    {SYSTEM_RESET, false, "SYSTEM_RESET", system_reset},
    {PSCI_FEATURES, false, "PSCI_FEATURES", features},
    {SYSTEM_RESET2, true, "SYSTEM_RESET2", system_reset2},
};

static const struct function *find_function(uint32_t id)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(functions); i++) {
        const struct function *f = &functions[i];
        if (f->id == id || (f->both && (f->id | CALL_64) == id))
            return f;
    }
    return NULL;
}

// Of PSCI's own functions, and of SMCCC_VERSION (5.16). No function has optional features.
static int64_t features(struct psci_call *c)
{
    uint32_t id = (uint32_t)c->arg[0];
    return id != ARCH_FEATURES && find_function(id) ? PSCI_SUCCESS : PSCI_NOT_SUPPORTED;
}

// --- the firmware ---

// The firmware hook of the machine. DEN 0028: the function's number is in w0; a 32-bit function has
// 32-bit arguments.
static void call(struct vm_vcpu *v, void *context)
{
    struct virt_arm64 *board = context;
    struct vm_arm64_state *s = v->state;
    struct psci_call c = {
        .board = board,
        .psci = &board->psci,
        .cpu = &board->psci.cpu[v->index],
        .function = (uint32_t)s->x[0],
    };
    if (go_on(c.psci, c.cpu))
        return;
    for (size_t i = 0; i < VM_ARRAY_SIZE(c.arg); i++)
        c.arg[i] = c.function & CALL_64 ? s->x[1 + i] : (uint32_t)s->x[1 + i];
    const struct function *f = find_function(c.function);
    int64_t result = f ? f->call(&c) : PSCI_NOT_SUPPORTED;
    VM_TRACE(&v->machine->trace, VM_TRACE_FIRMWARE, "vcpu %u: %s (%#x), %#llx %#llx %#llx: %lld",
             v->index, f ? f->name : "unknown", c.function, (unsigned long long)c.arg[0],
             (unsigned long long)c.arg[1], (unsigned long long)c.arg[2], (long long)result);
    if (!c.leaves)
        s->x[0] = (uint64_t)result;
}

vm_status psci_create(struct virt_arm64 *board, struct vm_error *e)
{
    struct vm_machine *m = board->virt.machine;
    struct psci *p = &board->psci;
    p->lock = m->host->lock_create(m->host->context);
    if (!p->lock)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the firmware's lock");
    p->cpus = m->vcpu_count;
    for (uint32_t i = 0; i < p->cpus; i++) {
        p->cpu[i].vcpu = m->vcpus[i];
        p->cpu[i].state = PSCI_OFF;
    }
    for (size_t i = 0; i < VM_ARRAY_SIZE(wait_code); i++)
        vm_store_le32(board->rom + 4 * i, wait_code[i]);
    m->firmware = (struct vm_firmware){call, board};
    return VM_OK;
}

void psci_destroy(struct virt_arm64 *board)
{
    struct vm_machine *m = board->virt.machine;
    if (!board->psci.lock)
        return;
    m->firmware = (struct vm_firmware){0};
    m->host->lock_destroy(m->host->context, board->psci.lock);
}

void psci_reset(struct virt_arm64 *board, uint64_t entry, uint64_t argument)
{
    struct psci *p = &board->psci;
    for (uint32_t i = 0; i < p->cpus; i++)
        switch_off(&p->cpu[i]);
    struct psci_cpu *boot = &p->cpu[0];
    vm_arm64_enter_kernel(boot->vcpu, entry, argument);
    boot->state = PSCI_ON;
    atomic_store(&boot->vcpu->parked, false);
}
