// SPDX-License-Identifier: MIT
//
// Atomics (volume I, chapters "Zalrsc", "Zaamo", "Zacas", "Zawrs"). Addresses must be naturally
// aligned; what does not fit raises load-address-misaligned for LR, store/AMO for the rest.
#include "sem.h"

enum { WORD = 2, DOUBLEWORD = 3, QUADWORD = 4 };

// aq and rl together make the operation sequentially consistent.
static enum vm_ir_order order_of(const struct rv_args *a)
{
    if (a->aq)
        return a->rl ? VM_IR_SEQ_CST : VM_IR_ACQUIRE;
    return a->rl ? VM_IR_RELEASE : VM_IR_RELAXED;
}

// Words are sign-extended in the destination.
static uint32_t atomic_attr(const struct rv_args *a, unsigned size_log2)
{
    uint32_t flags = (uint32_t)VM_IR_ALIGN_NATURAL << VM_IR_MEM_ALIGN_SHIFT;
    if (size_log2 == WORD)
        flags |= VM_IR_MEM_SIGNED;
    return VM_IR_MEM(size_log2, flags, order_of(a));
}

static void load_reserved(struct rv_translate *t, const struct rv_args *a, unsigned size_log2)
{
    rv_set_x(t, a->rd, vm_ir_lr(t->b, VM_I64, atomic_attr(a, size_log2), rv_x(t, a->rs1)));
}

static void store_conditional(struct rv_translate *t, const struct rv_args *a, unsigned size_log2)
{
    uint32_t attr = atomic_attr(a, size_log2) & ~(uint32_t)VM_IR_MEM_SIGNED;
    vm_ir_value address = rv_x(t, a->rs1);
    rv_set_x(t, a->rd, vm_ir_sc(t->b, VM_I64, attr, address, rv_x(t, a->rs2)));
}

RV_SEMANTIC(lr_w)
{
    load_reserved(t, a, WORD);
}

RV_SEMANTIC(lr_d)
{
    load_reserved(t, a, DOUBLEWORD);
}

RV_SEMANTIC(sc_w)
{
    store_conditional(t, a, WORD);
}

RV_SEMANTIC(sc_d)
{
    store_conditional(t, a, DOUBLEWORD);
}

static void fetch_op(struct rv_translate *t, const struct rv_args *a, unsigned size_log2,
                     enum vm_ir_rmw op)
{
    uint32_t attr = atomic_attr(a, size_log2);
    vm_ir_value address = rv_x(t, a->rs1);
    rv_set_x(t, a->rd, vm_ir_rmw(t->b, VM_I64, attr, op, address, rv_x(t, a->rs2)));
}

#define AMO(name, op)                   \
    RV_SEMANTIC(name##_w)               \
    {                                   \
        fetch_op(t, a, WORD, op);       \
    }                                   \
    RV_SEMANTIC(name##_d)               \
    {                                   \
        fetch_op(t, a, DOUBLEWORD, op); \
    }

AMO(amoswap, VM_IR_RMW_SWAP)
AMO(amoadd, VM_IR_RMW_ADD)
AMO(amoand, VM_IR_RMW_AND)
AMO(amoor, VM_IR_RMW_OR)
AMO(amoxor, VM_IR_RMW_XOR)
AMO(amomin, VM_IR_RMW_SMIN)
AMO(amomax, VM_IR_RMW_SMAX)
AMO(amominu, VM_IR_RMW_UMIN)
AMO(amomaxu, VM_IR_RMW_UMAX)

static void compare_and_swap(struct rv_translate *t, const struct rv_args *a, unsigned size_log2)
{
    uint32_t attr = atomic_attr(a, size_log2);
    vm_ir_value address = rv_x(t, a->rs1);
    vm_ir_value expected = rv_x(t, a->rd);
    vm_ir_value desired = rv_x(t, a->rs2);
    rv_set_x(t, a->rd, vm_ir_cas(t->b, VM_I64, attr, address, expected, desired));
}

RV_SEMANTIC(amocas_w)
{
    compare_and_swap(t, a, WORD);
}

RV_SEMANTIC(amocas_d)
{
    compare_and_swap(t, a, DOUBLEWORD);
}

// A pair starts at an even register (the decoder sees to it); one that starts at x0 reads as zero.
static vm_ir_value register_pair(struct rv_translate *t, unsigned n)
{
    vm_ir_value low = rv_x(t, n);
    return vm_ir_pair(t->b, VM_I128, low, rv_x(t, n ? n + 1 : 0));
}

RV_SEMANTIC(amocas_q)
{
    vm_ir_value address = rv_x(t, a->rs1);
    vm_ir_value expected = register_pair(t, a->rd);
    vm_ir_value desired = register_pair(t, a->rs2);
    vm_ir_value old =
        vm_ir_cas(t->b, VM_I128, atomic_attr(a, QUADWORD), address, expected, desired);
    if (a->rd) {
        rv_set_x(t, a->rd, vm_ir_lo(t->b, VM_I64, old));
        rv_set_x(t, a->rd + 1u, vm_ir_hi(t->b, VM_I64, old));
    }
}

// A stall may end for any reason, and does now and then, for reservations are not watched but
// compared by value (core's wait.c).
static void wait_on_reservation(struct rv_translate *t, uint64_t kind)
{
    uint16_t wait = vm_ir_new_block(t->b);
    uint16_t go_on = vm_ir_new_block(t->b);
    vm_ir_value stalls = rv_call(t, RV_WRS, rv_imm(t, kind), vm_ir_icount(t->b), VM_IR_NONE);
    stalls = rv_op2i(t, VM_IR_ne, stalls, 0);
    vm_ir_branch(t->b, stalls, wait, NULL, 0, go_on, NULL, 0);
    vm_ir_start_block(t->b, wait);
    rv_exit(t, VM_IR_EXIT_WAIT);
    vm_ir_start_block(t->b, go_on);
    vm_ir_goto(t->b, rv_next(t));
}

RV_SEMANTIC(wrs_nto)
{
    (void)a;
    wait_on_reservation(t, 0);
}

RV_SEMANTIC(wrs_sto)
{
    (void)a;
    wait_on_reservation(t, 1);
}
