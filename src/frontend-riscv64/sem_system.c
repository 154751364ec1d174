// SPDX-License-Identifier: MIT
//
// Environment calls, breakpoints and FENCE.I (volume I, chapters "RV32I", "Zifencei"), trap return,
// WFI and address-translation fences (volume II, chapters "Machine-Level ISA", "Supervisor-Level
// ISA", "Svinval"). What depends on mstatus bits is checked by the helpers.
#include "sem.h"

RV_SEMANTIC(ecall)
{
    (void)a;
    static const uint64_t causes[] = {[VM_RISCV64_U] = RV_CAUSE_ECALL_U,
                                      [VM_RISCV64_S] = RV_CAUSE_ECALL_S,
                                      [VM_RISCV64_M] = RV_CAUSE_ECALL_M};
    vm_ir_raise(t->b, causes[rv_privilege(t)], rv_imm(t, 0));
    t->ends = true;
}

RV_SEMANTIC(ebreak)
{
    (void)a;
    vm_ir_raise(t->b, RV_CAUSE_BREAKPOINT, vm_ir_pcrel(t->b, t->offset));
    t->ends = true;
}

RV_SEMANTIC(fence_i)
{
    (void)a;
    rv_call(t, RV_FENCE_I, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    rv_exit(t, VM_IR_EXIT_RESYNC);
}

static void trap_return(struct rv_translate *t, unsigned least, enum rv_helper helper)
{
    if (rv_privilege(t) < least) {
        rv_illegal(t);
        return;
    }
    vm_ir_value pc = rv_call(t, helper, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    vm_ir_goto_ind(t->b, pc, VM_IR_HINT_RESYNC, 0);
    t->ends = true;
}

RV_SEMANTIC(mret)
{
    (void)a;
    trap_return(t, VM_RISCV64_M, RV_MRET);
}

RV_SEMANTIC(sret)
{
    (void)a;
    trap_return(t, VM_RISCV64_S, RV_SRET);
}

RV_SEMANTIC(wfi)
{
    (void)a;
    rv_call(t, RV_WFI_CHECK, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
    rv_exit(t, VM_IR_EXIT_WAIT);
}

enum { HAS_ADDRESS = 1, HAS_ASID = 2 };

// SINVAL.VMA invalidates the same entries under the same conditions.
RV_SEMANTIC(sfence_vma)
{
    if (rv_privilege(t) < VM_RISCV64_S) {
        rv_illegal(t);
        return;
    }
    uint64_t what = (a->rs1 ? HAS_ADDRESS : 0) | (a->rs2 ? HAS_ASID : 0);
    vm_ir_value address = rv_x(t, a->rs1);
    vm_ir_value asid = rv_x(t, a->rs2);
    rv_call(t, RV_SFENCE_VMA, address, asid, rv_imm(t, what));
    rv_exit(t, VM_IR_EXIT_RESYNC);
}

// SFENCE.W.INVAL and SFENCE.INVAL.IR: every SINVAL.VMA has taken effect already. TVM does not
// matter.
RV_SEMANTIC(sfence_inval)
{
    (void)a;
    if (rv_privilege(t) < VM_RISCV64_S)
        rv_illegal(t);
}
