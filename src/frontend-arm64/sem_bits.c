// SPDX-License-Identifier: MIT
//
// Bits and bytes of a register (the manual, C4.1 "Data-processing (1 source)"), and CRC32.
#include "sem.h"

static void unary(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    enum vm_type type = a64_word(a->sf);
    a64_set_r(t, type, a->rd, a64_op1(t, code, type, a64_r(t, type, a->rn)));
}

A64_SEMANTIC(clz)
{
    unary(t, a, VM_IR_clz);
}

A64_SEMANTIC(ctz)
{
    unary(t, a, VM_IR_ctz);
}

A64_SEMANTIC(cnt)
{
    unary(t, a, VM_IR_popcnt);
}

A64_SEMANTIC(rev)
{
    unary(t, a, VM_IR_bswap);
}

// The sign's copies: the zeros that lead where each bit differs from the one above it.
A64_SEMANTIC(cls)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value one = vm_ir_const(t->b, type, 1);
    vm_ir_value differs = vm_ir_xor(t->b, type, x, vm_ir_sar(t->b, type, x, one));
    vm_ir_value zeros = vm_ir_clz(t->b, type, differs);
    a64_set_r(t, type, a->rd, vm_ir_sub(t->b, type, zeros, one));
}

A64_SEMANTIC(abs)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value negative = vm_ir_sub(t->b, type, vm_ir_const(t->b, type, 0), x);
    a64_set_r(t, type, a->rd, vm_ir_smax(t->b, type, x, negative));
}

A64_SEMANTIC(rbit)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value swapped = vm_ir_bswap(t->b, type, a64_r(t, type, a->rn));
    if (type == VM_I32)
        swapped = vm_ir_zext(t->b, VM_I64, swapped);
    a64_set_x(t, a->rd, vm_ir_brev8(t->b, VM_I64, swapped));
}

A64_SEMANTIC(rev32)
{
    vm_ir_value swapped = vm_ir_bswap(t->b, VM_I64, a64_x(t, a->rn));
    a64_set_x(t, a->rd, vm_ir_rotr(t->b, VM_I64, swapped, a64_imm(t, 32)));
}

A64_SEMANTIC(rev16)
{
    enum vm_type type = a64_word(a->sf);
    vm_ir_value x = a64_r(t, type, a->rn);
    vm_ir_value eight = vm_ir_const(t->b, type, 8);
    vm_ir_value mask = vm_ir_const(t->b, type, UINT64_C(0x00ff00ff00ff00ff));
    vm_ir_value low = vm_ir_and(t->b, type, vm_ir_shr(t->b, type, x, eight), mask);
    vm_ir_value high = vm_ir_shl(t->b, type, vm_ir_and(t->b, type, x, mask), eight);
    a64_set_r(t, type, a->rd, vm_ir_or(t->b, type, low, high));
}

// --- CRC32: the accumulator in Wn, 1 << size_log2 bytes of Rm ---

static void crc(struct a64_translate *t, const struct a64_args *a, enum a64_helper helper,
                unsigned size_log2)
{
    vm_ir_value sum = a64_x(t, a->rn);
    vm_ir_value data = a64_x(t, a->rm);
    vm_ir_value v = a64_call(t, helper, sum, data, a64_imm(t, 1u << size_log2), VM_IR_NONE);
    a64_set_x(t, a->rd, v);
}

#define CRC(name, helper, size_log2)    \
    A64_SEMANTIC(name)                  \
    {                                   \
        crc(t, a, (helper), size_log2); \
    }

CRC(crc32b, A64_HELP_crc32, 0)
CRC(crc32h, A64_HELP_crc32, 1)
CRC(crc32w, A64_HELP_crc32, 2)
CRC(crc32x, A64_HELP_crc32, 3)
CRC(crc32cb, A64_HELP_crc32c, 0)
CRC(crc32ch, A64_HELP_crc32c, 1)
CRC(crc32cw, A64_HELP_crc32c, 2)
CRC(crc32cx, A64_HELP_crc32c, 3)
