// SPDX-License-Identifier: MIT
//
// Cryptographic instructions (the manual, C7.2). AES, SHA-1 and SHA-256 have IR ops of their own,
// SHA-3 and the schedules of SHA-512 are written out, the rest are helpers on register numbers.
#include "sem_simd.h"

enum {
    BYTES = VM_IR_LANES(VM_I8, VM_IR_WHOLE),
    WORDS = VM_IR_LANES(VM_I32, VM_IR_WHOLE),
    DOUBLES = VM_IR_LANES(VM_I64, VM_IR_WHOLE),
};

static vm_ir_value exclusive_or(struct a64_translate *t, vm_ir_value x, vm_ir_value y)
{
    return vm_ir_vxor(t->b, VM_V128, DOUBLES, x, y);
}

static vm_ir_value rotate(struct a64_translate *t, uint32_t attr, vm_ir_value x, unsigned right)
{
    unsigned width = attr == WORDS ? 32 : 64;
    vm_ir_value low = vm_ir_vshru(t->b, VM_V128, attr | VM_IR_VIMM(right), x);
    vm_ir_value high = vm_ir_vshl(t->b, VM_V128, attr | VM_IR_VIMM(width - right), x);
    return vm_ir_vor(t->b, VM_V128, attr, low, high);
}

// --- AES ---

static void aes_round(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn);
    a64_set_v(t, a->rd, a64_v1(t, code, BYTES, exclusive_or(t, d, n)));
}

A64_SEMANTIC(aese)
{
    aes_round(t, a, VM_IR_vaese);
}

A64_SEMANTIC(aesd)
{
    aes_round(t, a, VM_IR_vaesd);
}

A64_SEMANTIC(aesmc)
{
    a64_set_v(t, a->rd, vm_ir_vaesmc(t->b, VM_V128, BYTES, a64_v(t, a->rn)));
}

A64_SEMANTIC(aesimc)
{
    a64_set_v(t, a->rd, vm_ir_vaesimc(t->b, VM_V128, BYTES, a64_v(t, a->rn)));
}

// --- SHA-1 ---

static void sha1(struct a64_translate *t, const struct a64_args *a, unsigned kind)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_set_v(t, a->rd, vm_ir_vsha1(t->b, VM_V128, WORDS | VM_IR_VIMM(kind), d, n, m));
}

A64_SEMANTIC(sha1c)
{
    sha1(t, a, 0);
}

A64_SEMANTIC(sha1p)
{
    sha1(t, a, 1);
}

A64_SEMANTIC(sha1m)
{
    sha1(t, a, 2);
}

A64_SEMANTIC(sha1h)
{
    vm_ir_value n = vm_ir_vget(t->b, VM_V128, WORDS, a64_v(t, a->rn));
    n = vm_ir_trunc(t->b, VM_I32, n);
    n = vm_ir_rotr(t->b, VM_I32, n, vm_ir_const(t->b, VM_I32, 2));
    n = vm_ir_zext(t->b, VM_I64, n);
    a64_set_v(t, a->rd, vm_ir_vlow(t->b, VM_V128, DOUBLES, n));
}

A64_SEMANTIC(sha1su0)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    n = vm_ir_vext(t->b, VM_V128, BYTES | VM_IR_VIMM(8), d, n);
    d = exclusive_or(t, d, n);
    a64_set_v(t, a->rd, exclusive_or(t, d, m));
}

A64_SEMANTIC(sha1su1)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn);
    a64_set_v(t, a->rd, vm_ir_vsha1su1(t->b, VM_V128, WORDS, d, n));
}

// --- SHA-256 ---

static void of_three(struct a64_translate *t, const struct a64_args *a, enum vm_ir_code code)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_set_v(t, a->rd, a64_v3(t, code, WORDS, d, n, m));
}

A64_SEMANTIC(sha256h)
{
    of_three(t, a, VM_IR_vsha256h);
}

A64_SEMANTIC(sha256h2)
{
    of_three(t, a, VM_IR_vsha256h2);
}

A64_SEMANTIC(sha256su0)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn);
    a64_set_v(t, a->rd, vm_ir_vsha256su0(t->b, VM_V128, WORDS, d, n));
}

A64_SEMANTIC(sha256su1)
{
    of_three(t, a, VM_IR_vsha256su1);
}

// --- SHA-512 ---

// Two rotations and a shift to the right, added up without carries.
static vm_ir_value sigma(struct a64_translate *t, vm_ir_value x, unsigned i, unsigned j, unsigned k)
{
    vm_ir_value first = rotate(t, DOUBLES, x, i), second = rotate(t, DOUBLES, x, j);
    x = vm_ir_vshru(t->b, VM_V128, DOUBLES | VM_IR_VIMM(k), x);
    return exclusive_or(t, x, exclusive_or(t, first, second));
}

A64_SEMANTIC(sha512su0)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn);
    n = vm_ir_vext(t->b, VM_V128, BYTES | VM_IR_VIMM(8), d, n);
    a64_set_v(t, a->rd, vm_ir_vadd(t->b, VM_V128, DOUBLES, d, sigma(t, n, 1, 8, 7)));
}

A64_SEMANTIC(sha512su1)
{
    vm_ir_value d = a64_v(t, a->rd), n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    d = vm_ir_vadd(t->b, VM_V128, DOUBLES, d, m);
    a64_set_v(t, a->rd, vm_ir_vadd(t->b, VM_V128, DOUBLES, d, sigma(t, n, 19, 61, 6)));
}

// --- SHA-3 ---

A64_SEMANTIC(eor3)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm), x = a64_v(t, a->ra);
    n = exclusive_or(t, n, m);
    a64_set_v(t, a->rd, exclusive_or(t, n, x));
}

A64_SEMANTIC(bcax)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm), x = a64_v(t, a->ra);
    m = vm_ir_vandn(t->b, VM_V128, DOUBLES, m, x);
    a64_set_v(t, a->rd, exclusive_or(t, n, m));
}

A64_SEMANTIC(rax1)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    a64_set_v(t, a->rd, exclusive_or(t, n, rotate(t, DOUBLES, m, 63)));
}

A64_SEMANTIC(xar)
{
    vm_ir_value n = a64_v(t, a->rn), m = a64_v(t, a->rm);
    n = exclusive_or(t, n, m);
    a64_set_v(t, a->rd, a->imm ? rotate(t, DOUBLES, n, (unsigned)a->imm) : n);
}

// --- helpers: the registers' numbers, Rd, Rn, Rm and Ra from the low byte on ---

static void call(struct a64_translate *t, const struct a64_args *a, enum a64_helper helper)
{
    uint64_t numbers = a->rd | (uint64_t)a->rn << 8 | (uint64_t)a->rm << 16 | (uint64_t)a->ra << 24;
    a64_call(t, helper, a64_imm(t, numbers), VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
}

#define HELPED(name)                 \
    A64_SEMANTIC(name)               \
    {                                \
        call(t, a, A64_HELP_##name); \
    }
HELPED(sha512h)
HELPED(sha512h2)
HELPED(sm3ss1)
HELPED(sm3partw1)
HELPED(sm3partw2)
HELPED(sm4e)
HELPED(sm4ekey)

static void sm3_round(struct a64_translate *t, const struct a64_args *a, unsigned kind)
{
    uint64_t numbers = a->rd | (uint64_t)a->rn << 8 | (uint64_t)a->rm << 16;
    vm_ir_value registers = a64_imm(t, numbers), index = a64_imm(t, a->index);
    a64_call(t, A64_HELP_sm3tt, registers, index, a64_imm(t, kind), VM_IR_NONE);
}

A64_SEMANTIC(sm3tt1a)
{
    sm3_round(t, a, 0);
}

A64_SEMANTIC(sm3tt1b)
{
    sm3_round(t, a, 1);
}

A64_SEMANTIC(sm3tt2a)
{
    sm3_round(t, a, 2);
}

A64_SEMANTIC(sm3tt2b)
{
    sm3_round(t, a, 3);
}
