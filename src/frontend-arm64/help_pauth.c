// SPDX-License-Identifier: MIT
//
// Pointer authentication codes: where they lie in a pointer, and what they are (the manual, D8
// "Pointer authentication", and the pseudocode of AddPAC, Auth, Strip and ComputePAC).
//
// The algorithm is IMPLEMENTATION DEFINED (ID_AA64ISAR1_EL1.API and GPI): a hash that mixes
// pointer, modifier and key, and is no cipher. A pointer that fails to authenticate gets an error
// code in its extension bits, as FEAT_PAuth without FEAT_PAuth2 has it.
#include "sem.h"

const uint16_t a64_pauth_reads[] = {
    A64_REG_TCR_EL1,       A64_REG_APIAKEYLO_EL1, A64_REG_APIAKEYHI_EL1, A64_REG_APIBKEYLO_EL1,
    A64_REG_APIBKEYHI_EL1, A64_REG_APDAKEYLO_EL1, A64_REG_APDAKEYHI_EL1, A64_REG_APDBKEYLO_EL1,
    A64_REG_APDBKEYHI_EL1, A64_REG_APGAKEYLO_EL1, A64_REG_APGAKEYHI_EL1, VM_IR_NONE,
};

// --- TCR_EL1's part in it ---

enum {
    TCR_T0SZ = 0,
    TCR_TG0 = 14,
    TCR_T1SZ = 16,
    TCR_TG1 = 30,
    TCR_TBI0 = 37,
    TCR_TBID0 = 51, // TBI1, TBID1: the bit above
    TCR_DS = 59,
    TG0_64K = 1,
    TG1_64K = 3,
};

// Whether the top byte of the pointer is ignored: TBI of its range, for instructions without TBID.
static bool ignores_top(uint64_t tcr, unsigned range, bool data)
{
    return tcr >> (TCR_TBI0 + range) & 1 && (data || !(tcr >> (TCR_TBID0 + range) & 1));
}

// The lowest bit of the code: the size of the range's addresses.
static unsigned lowest_bit(const struct vm_vcpu *v, uint64_t tcr, unsigned range)
{
    enum { MIN = 16, MIN_LARGE = 12, MAX = 39, MAX_SMALL = 48, MAX_SMALL_64K = 47 };
    const struct a64_config *c = a64_config_of(v);
    bool is_64k = range ? vm_bits(tcr, TCR_TG1, 2) == TG1_64K : vm_bits(tcr, TCR_TG0, 2) == TG0_64K;
    unsigned size = (unsigned)vm_bits(tcr, range ? TCR_T1SZ : TCR_T0SZ, 6);
    bool large = is_64k ? a64_has(c, A64_EXT_LVA) : tcr >> TCR_DS & 1;
    unsigned min = large ? MIN_LARGE : MIN;
    unsigned max = !a64_has(c, A64_EXT_TTST) ? MAX : is_64k ? MAX_SMALL_64K : MAX_SMALL;
    return 64 - (size < min ? min : size > max ? max : size);
}

// The bits of a pointer that hold the code: from lowest_bit on, but bit 55 and an ignored top byte.
static uint64_t code_mask(unsigned lowest, bool tbi)
{
    enum { RANGE_BIT = 55, TOP = 56 };
    uint64_t above = ~vm_mask(lowest) & ~((uint64_t)1 << RANGE_BIT);
    return tbi ? above & vm_mask(TOP) : above;
}

// The pointer as it is without a code: all extension bits like its range's.
static uint64_t extended(uint64_t pointer, unsigned range, unsigned lowest, bool tbi)
{
    uint64_t bits = ~vm_mask(lowest) & (tbi ? vm_mask(56) : UINT64_MAX);
    return range ? pointer | bits : pointer & ~bits;
}

// --- the code ---

struct key {
    uint64_t lo, hi;
};

static struct key key_of(const struct vm_arm64_state *s, uint64_t key)
{
    switch (key) {
    case A64_KEY_IA: return (struct key){s->apia_lo, s->apia_hi};
    case A64_KEY_IB: return (struct key){s->apib_lo, s->apib_hi};
    case A64_KEY_DA: return (struct key){s->apda_lo, s->apda_hi};
    default: return (struct key){s->apdb_lo, s->apdb_hi};
    }
}

// Every bit of the operands reaches every bit: multiplications by odd constants carry upwards, the
// rotations bring what is above down again.
static uint64_t compute(uint64_t pointer, uint64_t modifier, struct key key)
{
    uint64_t h = (pointer ^ key.lo) * UINT64_C(0x9e3779b97f4a7c15);
    h = vm_rotate_left64(h, 32) ^ modifier;
    h = (h + key.hi) * UINT64_C(0xd6e8feb86659fd93);
    h = vm_rotate_left64(h, 29) ^ key.lo;
    h *= UINT64_C(0xa0761d6478bd642f);
    return h ^ h >> 32;
}

static bool is_data(uint64_t key)
{
    return key == A64_KEY_DA || key == A64_KEY_DB;
}

uint64_t a64_help_pauth_add(void *vcpu, uint64_t pointer, uint64_t modifier, uint64_t key,
                            uint64_t d)
{
    enum { RANGE_BIT = 55 };
    struct vm_vcpu *v = vcpu;
    const struct vm_arm64_state *s = a64_state(v);
    (void)d;
    uint64_t tcr = s->tcr[1];
    bool data = is_data(key);
    // Where either range ignores the top byte bit 55 tells the range, else bit 63.
    bool any = ignores_top(tcr, 0, data) || ignores_top(tcr, 1, data);
    unsigned range = pointer >> (any ? RANGE_BIT : 63) & 1;
    bool tbi = ignores_top(tcr, pointer >> RANGE_BIT & 1, data);
    unsigned lowest = lowest_bit(v, tcr, range), top = tbi ? 56 : 64;
    uint64_t code = compute(extended(pointer, range, lowest, tbi), modifier, key_of(s, key));
    uint64_t extension = vm_bits(pointer, lowest, top - lowest);
    if (extension && extension != vm_mask(top - lowest))
        code ^= (uint64_t)1 << (top - 2); // so that it does not authenticate
    uint64_t mask = code_mask(lowest, tbi);
    uint64_t result = (pointer & ~mask) | (code & mask);
    return (result & ~((uint64_t)1 << RANGE_BIT)) | (uint64_t)range << RANGE_BIT;
}

uint64_t a64_help_pauth_check(void *vcpu, uint64_t pointer, uint64_t modifier, uint64_t key,
                              uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    const struct vm_arm64_state *s = a64_state(v);
    (void)d;
    unsigned range = pointer >> 55 & 1;
    bool tbi = ignores_top(s->tcr[1], range, is_data(key));
    unsigned lowest = lowest_bit(v, s->tcr[1], range);
    uint64_t original = extended(pointer, range, lowest, tbi);
    uint64_t code = compute(original, modifier, key_of(s, key));
    if (!((code ^ pointer) & code_mask(lowest, tbi)))
        return original;
    uint64_t error = key == A64_KEY_IB || key == A64_KEY_DB ? 2 : 1;
    return vm_set_bits(original, tbi ? 53 : 61, 2, error);
}

uint64_t a64_help_pauth_strip(void *vcpu, uint64_t pointer, uint64_t data, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    uint64_t tcr = a64_state(v)->tcr[1];
    unsigned range = pointer >> 55 & 1;
    (void)c;
    (void)d;
    return extended(pointer, range, lowest_bit(v, tcr, range), ignores_top(tcr, range, data));
}

uint64_t a64_help_pauth_generic(void *vcpu, uint64_t value, uint64_t modifier, uint64_t c,
                                uint64_t d)
{
    const struct vm_arm64_state *s = a64_state(vcpu);
    (void)c;
    (void)d;
    return compute(value, modifier, (struct key){s->apga_lo, s->apga_hi}) & ~vm_mask(32);
}
