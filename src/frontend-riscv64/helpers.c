// SPDX-License-Identifier: MIT
//
// The table of helpers that IR calls, with what each reads, writes and may do; and the small ones:
// trap returns, waits, and the check before FP instructions.
#include "system.h"

// --- trap returns (volume II, Trap-Return Instructions) ---

static uint64_t help_mret(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (rv_state(v)->privilege == VM_RISCV64_M)
        return rv_leave_machine(v);
    rv_raise_illegal(v);
    return 0;
}

static uint64_t help_sret(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    const struct vm_riscv64_state *s = rv_state(v);
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (s->privilege == VM_RISCV64_M ||
        (s->privilege == VM_RISCV64_S && !(s->mstatus & RV_MSTATUS_TSR)))
        return rv_leave_supervisor(v);
    rv_raise_illegal(v);
    return 0;
}

// --- waits ---

// WFI: illegal in U-mode, and in S-mode while TW is set (Virtualization Support in mstatus).
static uint64_t help_wfi_check(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    const struct vm_riscv64_state *s = rv_state(v);
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    if (s->privilege == VM_RISCV64_U ||
        (s->privilege == VM_RISCV64_S && s->mstatus & RV_MSTATUS_TW))
        rv_raise_illegal(v);
    return 0;
}

// WRS.NTO (kind 0) and WRS.STO (1): stall while the reservation is valid and no enabled interrupt
// pends. A WRS.NTO that would stall is illegal below M-mode while TW is set (volume I, Zawrs). A
// WRS.STO ends after a short time of this implementation's choice: a turn of a wait, as it comes.
static uint64_t help_wrs(void *vcpu, uint64_t kind, uint64_t icount, uint64_t c, uint64_t d)
{
    enum { NTO = 0 };
    struct vm_vcpu *v = vcpu;
    const struct vm_riscv64_state *s = rv_state(v);
    (void)c;
    (void)d;
    if (!vm_vcpu_reservation_holds(v) || rv_has_work(v))
        return 0;
    if (kind == NTO && s->privilege < VM_RISCV64_M && s->mstatus & RV_MSTATUS_TW) {
        rv_raise_illegal(v);
        return 0;
    }
    return vm_vcpu_wait_while_reserved(v, icount, VM_TIMER_NEVER);
}

// --- floating point ---

// FP instructions are illegal while FS is Off; those with dynamic rounding also while frm holds a
// reserved mode.
static uint64_t help_fp_check(void *vcpu, uint64_t dynamic, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    const struct vm_riscv64_state *s = rv_state(v);
    (void)b;
    (void)c;
    (void)d;
    if (!(s->mstatus & RV_MSTATUS_FS) || (dynamic && s->frm > VM_FP_RMM))
        rv_raise_illegal(v);
    return 0;
}

// --- the table ---

static const uint16_t system_registers[] = {
#define RV_REGISTER(id, name, field, type, class) RV_REG_##id,
#include "registers.def"
    VM_IR_NONE,
};

// Reading mstatus merges fs_dirty into it.
static const uint16_t fs_registers[] = {RV_REG_FS_DIRTY, RV_REG_MSTATUS, VM_IR_NONE};
static const uint16_t rights[] = {RV_REG_PRIVILEGE, RV_REG_MSTATUS, VM_IR_NONE};
static const uint16_t fp_control[] = {RV_REG_MSTATUS, RV_REG_FRM, VM_IR_NONE};
static const uint16_t environment[] = {RV_REG_PRIVILEGE, RV_REG_MSTATUS, RV_REG_MENVCFG,
                                       RV_REG_SENVCFG,   RV_REG_SATP,    VM_IR_NONE};
static const uint16_t wait_registers[] = {RV_REG_PRIVILEGE, RV_REG_MSTATUS, RV_REG_MENVCFG,
                                          RV_REG_MIE,       RV_REG_MIP,     VM_IR_NONE};

enum { RAISES = VM_IR_HELPER_FAULTS, MEMORY = VM_IR_HELPER_MEMORY };

const struct vm_ir_helper rv_helpers[RV_HELPER_COUNT] = {
    [RV_CSR_READ] = {"csr_read", rv_help_csr_read, 2, VM_I64, RAISES, system_registers,
                     fs_registers},
    [RV_CSR_WRITE] = {"csr_write", rv_help_csr_write, 3, VM_VOID, RAISES, system_registers,
                      system_registers},
    [RV_CSR_SWAP] = {"csr_swap", rv_help_csr_swap, 3, VM_I64, RAISES, system_registers,
                     system_registers},
    [RV_CSR_SET] = {"csr_set", rv_help_csr_set, 3, VM_I64, RAISES, system_registers,
                    system_registers},
    [RV_CSR_CLEAR] = {"csr_clear", rv_help_csr_clear, 3, VM_I64, RAISES, system_registers,
                      system_registers},
    [RV_STATUS] = {"status", rv_help_status, 0, VM_VOID, 0, system_registers, system_registers},
    [RV_MRET] = {"mret", help_mret, 0, VM_I64, RAISES, system_registers, system_registers},
    [RV_SRET] = {"sret", help_sret, 0, VM_I64, RAISES, system_registers, system_registers},
    [RV_WFI_CHECK] = {"wfi_check", help_wfi_check, 0, VM_VOID, RAISES, rights, NULL},
    [RV_SFENCE_VMA] = {"sfence_vma", rv_help_sfence_vma, 3, VM_VOID, RAISES | MEMORY, rights, NULL},
    [RV_FENCE_I] = {"fence_i", rv_help_fence_i, 0, VM_VOID, MEMORY, NULL, NULL},
    [RV_FP_CHECK] = {"fp_check", help_fp_check, 1, VM_VOID, RAISES, fp_control, NULL},
    [RV_CBO_ZERO] = {"cbo_zero", rv_help_cbo_zero, 1, VM_VOID, RAISES | MEMORY, environment, NULL},
    [RV_CBO_MANAGE] = {"cbo_manage", rv_help_cbo_manage, 2, VM_VOID, RAISES | MEMORY, environment,
                       NULL},
    [RV_WRS] = {"wrs", help_wrs, 2, VM_I64, RAISES | MEMORY, wait_registers, NULL},
};
