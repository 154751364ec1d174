// SPDX-License-Identifier: MIT
//
// Condition flags of additions, subtractions and logic at 8 to 64 bits (docs/ir.md, flag values).
#include <vm/base/bits.h>

#include "interpreter.h"

static uint64_t result_flags(unsigned bits, uint64_t result)
{
    uint64_t f = 0;
    if ((result & vm_mask(bits)) == 0)
        f |= VM_IR_FLAG_Z;
    if (result >> (bits - 1) & 1)
        f |= VM_IR_FLAG_S;
    if (!(vm_popcount64(result & 0xff) & 1))
        f |= VM_IR_FLAG_P;
    return f;
}

uint64_t interp_flags_add(unsigned bits, uint64_t a, uint64_t b, uint64_t carry)
{
    uint64_t mask = vm_mask(bits);
    a &= mask;
    b &= mask;
    uint64_t sum = (a + b + carry) & mask;
    // The carry out of each bit position.
    uint64_t carries = (a & b) | ((a | b) & ~sum);
    uint64_t f = result_flags(bits, sum);
    if (carries >> (bits - 1) & 1)
        f |= VM_IR_FLAG_C;
    if (carries >> 3 & 1)
        f |= VM_IR_FLAG_A;
    if (((a ^ sum) & (b ^ sum)) >> (bits - 1) & 1)
        f |= VM_IR_FLAG_V;
    return f;
}

uint64_t interp_flags_sub(unsigned bits, uint64_t a, uint64_t b, uint64_t borrow)
{
    uint64_t mask = vm_mask(bits);
    a &= mask;
    b &= mask;
    uint64_t difference = (a - b - borrow) & mask;
    uint64_t borrows = (~a & b) | ((~a | b) & difference);
    uint64_t f = result_flags(bits, difference);
    if (borrows >> (bits - 1) & 1)
        f |= VM_IR_FLAG_C;
    if (borrows >> 3 & 1)
        f |= VM_IR_FLAG_A;
    if (((a ^ b) & (a ^ difference)) >> (bits - 1) & 1)
        f |= VM_IR_FLAG_V;
    return f;
}

uint64_t interp_flags_logic(unsigned bits, uint64_t a)
{
    return result_flags(bits, a);
}

uint64_t interp_flags_cond(uint64_t flags, uint32_t cond)
{
    bool z = flags & VM_IR_FLAG_Z, c = flags & VM_IR_FLAG_C, s = flags & VM_IR_FLAG_S;
    bool v = flags & VM_IR_FLAG_V, holds = false;
    switch ((enum vm_ir_cond)(cond & ~(uint32_t)VM_IR_COND_NOT)) {
    case VM_IR_COND_Z: holds = z; break;
    case VM_IR_COND_C: holds = c; break;
    case VM_IR_COND_S: holds = s; break;
    case VM_IR_COND_V: holds = v; break;
    case VM_IR_COND_P: holds = flags & VM_IR_FLAG_P; break;
    case VM_IR_COND_CZ: holds = c || z; break;
    case VM_IR_COND_SV: holds = s != v; break;
    case VM_IR_COND_ZSV: holds = z || s != v; break;
    case VM_IR_COND_NOT: break;
    }
    return holds != ((cond & VM_IR_COND_NOT) != 0);
}
