// SPDX-License-Identifier: MIT
//
// Loads and stores of general registers but exclusives and atomics (the manual, C4.1 "Loads and
// Stores"). Where a written-back base is also loaded, which is CONSTRAINED UNPREDICTABLE, the
// loaded value stays.
#include "sem.h"

enum { STORE, LOAD, LOAD_SIGNED_64, LOAD_SIGNED_32 }; // opc
enum { OFFSET, POST, UNPRIVILEGED, PRE };             // op of single registers

// One register to or from an address; `attr` says size and alignment.
static void access(struct a64_translate *t, unsigned opc, uint32_t attr, unsigned rt,
                   vm_ir_value base, int64_t offset)
{
    if (opc == STORE) {
        vm_ir_store(t->b, VM_I64, attr, base, offset, a64_x(t, rt));
        return;
    }
    enum vm_type type = opc == LOAD_SIGNED_32 ? VM_I32 : VM_I64;
    if (opc != LOAD)
        attr |= VM_IR_MEM_SIGNED;
    a64_set_r(t, type, rt, vm_ir_load(t->b, type, attr, base, offset));
}

static vm_ir_value moved(struct a64_translate *t, vm_ir_value base, int64_t by)
{
    return vm_ir_add(t->b, VM_I64, base, a64_imm(t, (uint64_t)by));
}

A64_SEMANTIC(load_store)
{
    bool writes = a->op == POST || a->op == PRE;
    uint32_t attr = a64_mem(t, a->size, 0);
    if (a->op == UNPRIVILEGED && t->mode & A64_MODE_UNPRIV_EL0)
        attr |= A64_MMU_UNPRIV << VM_IR_MEM_INDEX_SHIFT;
    vm_ir_value base = a64_base(t, a->rn);
    int64_t offset = a->op == POST ? 0 : a->imm;
    if (!writes) {
        access(t, a->opc, attr, a->rd, base, offset);
        return;
    }
    // What is loaded is put last, the base after what may fault.
    vm_ir_value v = VM_IR_NONE;
    enum vm_type type = a->opc == LOAD_SIGNED_32 ? VM_I32 : VM_I64;
    if (a->opc == STORE)
        vm_ir_store(t->b, VM_I64, attr, base, offset, a64_x(t, a->rd));
    else
        v = vm_ir_load(t->b, type, attr | (a->opc == LOAD ? 0 : (uint32_t)VM_IR_MEM_SIGNED), base,
                       offset);
    a64_set_x_sp(t, a->rn, moved(t, base, a->imm));
    if (a->opc != STORE)
        a64_set_r(t, type, a->rd, v);
}

A64_SEMANTIC(load_store_register)
{
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value index = a64_extended(t, VM_I64, a->rm, a->option, a->s ? a->size : 0);
    vm_ir_value address = vm_ir_add(t->b, VM_I64, base, index);
    access(t, a->opc, a64_mem(t, a->size, 0), a->rd, address, 0);
}

A64_SEMANTIC(load_literal)
{
    vm_ir_value address = vm_ir_pcrel(t->b, t->offset + (uint64_t)a->imm);
    access(t, a->opc, a64_mem(t, a->size, 0), a->rd, address, 0);
}

// --- pairs: op is 0 without allocation, 1 post-index, 2 offset, 3 pre-index; opc 1 is LDPSW ---

static bool pair_writes(const struct a64_args *a)
{
    return a->op & 1;
}

static int64_t pair_offset(const struct a64_args *a)
{
    return a->op == POST ? 0 : a->imm;
}

// FEAT_LSE2: two X registers at 16 aligned bytes are accessed at once (the manual, B2.2 "Atomicity
// in the Arm architecture"). A v128 is, where it is aligned; accesses of halves cost less where
// nobody else sees the difference.
static bool is_at_once(const struct a64_translate *t, const struct a64_args *a)
{
    enum { DOUBLEWORD = 3 };
    return a->size == DOUBLEWORD && !t->alone && a64_has(t->config, A64_EXT_LSE2) &&
           !(t->mode & A64_MODE_ALIGN);
}

static uint32_t half(unsigned n)
{
    return VM_IR_LANES(VM_I64, VM_IR_WHOLE) | VM_IR_VIMM(n);
}

A64_SEMANTIC(store_pair)
{
    enum { QUADWORD = 4 };
    uint32_t attr = a64_mem(t, a->size, 0);
    vm_ir_value base = a64_base(t, a->rn);
    vm_ir_value first = a64_x(t, a->rd);
    vm_ir_value second = a64_x(t, a->ra);
    int64_t offset = pair_offset(a);
    if (is_at_once(t, a)) {
        vm_ir_value both = vm_ir_vpair(t->b, VM_V128, half(0), first, second);
        vm_ir_store(t->b, VM_V128, a64_mem(t, QUADWORD, 0), base, offset, both);
    } else {
        vm_ir_store(t->b, VM_I64, attr, base, offset, first);
        vm_ir_store(t->b, VM_I64, attr, base, offset + (1 << a->size), second);
    }
    if (pair_writes(a))
        a64_set_x_sp(t, a->rn, moved(t, base, a->imm));
}

A64_SEMANTIC(load_pair)
{
    enum { LDPSW = 1, QUADWORD = 4 };
    uint32_t attr = a64_mem(t, a->size, a->opc == LDPSW ? VM_IR_MEM_SIGNED : 0);
    vm_ir_value base = a64_base(t, a->rn);
    int64_t offset = pair_offset(a);
    vm_ir_value first, second;
    if (is_at_once(t, a)) {
        vm_ir_value both = vm_ir_load(t->b, VM_V128, a64_mem(t, QUADWORD, 0), base, offset);
        first = vm_ir_vget(t->b, VM_V128, half(0), both);
        second = vm_ir_vget(t->b, VM_V128, half(1), both);
    } else {
        first = vm_ir_load(t->b, VM_I64, attr, base, offset);
        second = vm_ir_load(t->b, VM_I64, attr, base, offset + (1 << a->size));
    }
    if (pair_writes(a))
        a64_set_x_sp(t, a->rn, moved(t, base, a->imm));
    a64_set_x(t, a->rd, first);
    a64_set_x(t, a->ra, second);
}

// --- with authentication of the base; op: whether it is written back ---

static void load_authenticated(struct a64_translate *t, const struct a64_args *a, enum a64_key key)
{
    enum { DOUBLEWORD = 3 };
    vm_ir_value base = a64_base(t, a->rn);
    base = a64_authenticate(t, key, base, a64_imm(t, 0));
    vm_ir_value v = vm_ir_load(t->b, VM_I64, a64_mem(t, DOUBLEWORD, 0), base, a->imm);
    if (a->op)
        a64_set_x_sp(t, a->rn, moved(t, base, a->imm));
    a64_set_x(t, a->rd, v);
}

A64_SEMANTIC(ldraa)
{
    load_authenticated(t, a, A64_KEY_DA);
}

A64_SEMANTIC(ldrab)
{
    load_authenticated(t, a, A64_KEY_DB);
}
