// SPDX-License-Identifier: MIT
//
// What comes before an instruction in modes in which exceptions of the debug architecture, or of an
// illegal execution state, may take its place (the manual, D1 "Illegal exception returns", D2
// "Breakpoint exceptions", "Software Step exceptions"), or the interrupt of a counter that counts
// instructions (D13 "Performance Monitors").
#include "sem_debug.h"

// Load-exclusive, which the syndrome of a software step tells of: L set in the class "Load/store
// exclusive register, pair".
static bool is_load_exclusive(uint32_t word)
{
    const uint32_t kind = 0x3fc00000, load = 0x08400000;
    return (word & kind & ~(uint32_t)(1 << 23)) == load && !(word >> 23 & 1);
}

static void call(struct a64_translate *t, enum a64_helper helper, vm_ir_value argument)
{
    a64_call(t, helper, argument, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}

void a64_count_insn(struct a64_translate *t)
{
    if (VM_LIKELY(!(t->mode & A64_MODE_COUNT)))
        return;
    uint16_t over = vm_ir_new_block(t->b), within = vm_ir_new_block(t->b);
    vm_ir_value limit = vm_ir_get(t->b, A64_REG_PMU_LIMIT), retired = vm_ir_icount(t->b);
    vm_ir_value reached = vm_ir_leu(t->b, VM_I64, limit, retired);
    vm_ir_branch(t->b, reached, over, NULL, 0, within, NULL, 0);
    vm_ir_start_block(t->b, over);
    vm_ir_insn(t->b, t->offset, 0);
    vm_ir_raise(t->b, A64_CAUSE_COUNT, a64_imm(t, 0));
    vm_ir_start_block(t->b, within);
    vm_ir_insn(t->b, t->offset, 0);
}

void a64_before_insn(struct a64_translate *t)
{
    const uint32_t none = A64_MODE_ILLEGAL | A64_MODE_STEP_DONE | A64_MODE_DEBUG | A64_MODE_STEP;
    if (VM_LIKELY(!(t->mode & none)))
        return;
    if (t->mode & A64_MODE_STEP_DONE) {
        call(t, A64_HELP_step_done, VM_IR_NONE); // raises
        a64_raise(t, A64_EC_STEP, 0);
        return;
    }
    if (t->mode & A64_MODE_DEBUG)
        call(t, A64_HELP_breakpoint, vm_ir_pcrel(t->b, t->offset));
    if (t->mode & A64_MODE_ILLEGAL) {
        a64_raise(t, A64_EC_ILLEGAL_STATE, 0);
        return;
    }
    if (t->mode & A64_MODE_STEP)
        call(t, A64_HELP_step, a64_imm(t, is_load_exclusive(t->word)));
}

void a64_after_insn(struct a64_translate *t)
{
    if (t->ends || !(t->mode & A64_MODE_STEP))
        return;
    vm_ir_goto(t->b, a64_next(t));
    t->ends = true;
}
