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

// Of the hash, see compute.
enum { FACTOR0, FACTOR1 };
static const uint64_t factors[] = {
    [FACTOR0] = UINT64_C(0x9e3779b97f4a7c15),
    [FACTOR1] = UINT64_C(0xd6e8feb86659fd93),
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

static struct vm_arm64_code_place place_of(unsigned lowest, bool tbi)
{
    enum { RANGE_BIT = 55 };
    const unsigned top = tbi ? 56 : 64;
    uint64_t bits = ~vm_mask(lowest) & (tbi ? vm_mask(56) : UINT64_MAX);
    return (struct vm_arm64_code_place){
        .mask = bits & ~((uint64_t)1 << RANGE_BIT),
        .bits = bits,
        .change = (uint64_t)1 << (top - 2),
        .errors = (uint64_t)1 << (top - 3),
    };
}

// Where either range ignores the top byte bit 55 tells the range that a new code is for, else bit
// 63.
static void find_places(struct vm_vcpu *v, struct vm_arm64_code_places *p)
{
    uint64_t tcr = a64_state(v)->tcr[1];
    for (unsigned data = 0; data < 2; data++) {
        bool tbi[2] = {ignores_top(tcr, 0, data), ignores_top(tcr, 1, data)};
        p->range_bit[data] = tbi[0] || tbi[1] ? 55 : 63;
        for (unsigned range = 0; range < 2; range++)
            p->of[data][range] = place_of(lowest_bit(v, tcr, range), tbi[range]);
    }
    p->factors[FACTOR0] = factors[FACTOR0];
    p->factors[FACTOR1] = factors[FACTOR1];
    p->not_tcr = ~tcr;
}

// The places are found aside, by functions that then begin anew: those that are called often save
// no registers for it.
static inline const struct vm_arm64_code_places *places(const struct vm_arm64_state *s)
{
    const struct vm_arm64_code_places *p = &s->derived.pauth;
    return VM_LIKELY(p->not_tcr == ~s->tcr[1]) ? p : NULL;
}

static VM_NOINLINE uint64_t anew(struct vm_vcpu *v, vm_ir_helper_fn *helper, uint64_t a, uint64_t b,
                                 uint64_t c)
{
    find_places(v, &a64_state(v)->derived.pauth);
    return helper(v, a, b, c, 0);
}

// The pointer as it is without a code: all extension bits like its range's.
static inline uint64_t extended(uint64_t pointer, unsigned range, uint64_t bits)
{
    return (pointer & ~bits) | (bits & -(uint64_t)range);
}

// --- the code ---

struct key {
    uint64_t lo, hi;
};

#define FIELD(name) offsetof(struct vm_arm64_state, name)
#define KEYS                                                          \
    {                                                                 \
        [A64_KEY_IA] = FIELD(apia_lo), [A64_KEY_IB] = FIELD(apib_lo), \
        [A64_KEY_DA] = FIELD(apda_lo), [A64_KEY_DB] = FIELD(apdb_lo), \
    }
#define PLACES                                                                                \
    {                                                                                         \
        [A64_KEY_IA] = FIELD(derived.pauth.of[0]), [A64_KEY_IB] = FIELD(derived.pauth.of[0]), \
        [A64_KEY_DA] = FIELD(derived.pauth.of[1]), [A64_KEY_DB] = FIELD(derived.pauth.of[1]), \
    }
#define POINTER_CODE(check)                                                      \
    {                                                                            \
        .checks = check, .valid = {FIELD(derived.pauth.not_tcr), FIELD(tcr[1])}, \
        .factors = FIELD(derived.pauth.factors), .keys = KEYS, .places = PLACES, \
    }

// What the helpers below do most of the time, for engines that do it themselves.
const struct vm_ir_pointer_code a64_pauth_adding = POINTER_CODE(false);
const struct vm_ir_pointer_code a64_pauth_checking = POINTER_CODE(true);
_Static_assert(sizeof(struct vm_arm64_code_place) == sizeof(struct vm_ir_pointer_place),
               "as there");

static inline struct key key_of(const struct vm_arm64_state *s, uint64_t key)
{
    static const uint32_t offsets[] = KEYS;
    const uint64_t *lo = (const void *)((const char *)s + offsets[key]);
    return (struct key){lo[0], lo[1]};
}

// Every bit of the operands reaches the upper half, where codes lie: multiplications by odd
// constants carry upwards, the rotation brings what is above down again.
static inline uint64_t compute(uint64_t pointer, uint64_t modifier, struct key key)
{
    uint64_t h = (pointer ^ key.lo) * factors[FACTOR0];
    h = (vm_rotate_left64(h, 32) ^ modifier) + key.hi;
    return h * factors[FACTOR1];
}

static bool is_data(uint64_t key)
{
    return key == A64_KEY_DA || key == A64_KEY_DB;
}

uint64_t a64_help_pauth_add(void *vcpu, uint64_t pointer, uint64_t modifier, uint64_t key,
                            uint64_t d)
{
    enum { RANGE_BIT = 55 };
    const struct vm_arm64_state *s = a64_state(vcpu);
    const struct vm_arm64_code_places *p = places(s);
    if (VM_UNLIKELY(!p))
        return anew(vcpu, a64_help_pauth_add, pointer, modifier, key);
    bool data = is_data(key);
    unsigned range = pointer >> p->range_bit[data] & 1;
    const struct vm_arm64_code_place *at = &p->of[data][range];
    uint64_t original = extended(pointer, range, at->bits), extension = pointer & at->bits;
    uint64_t code = compute(original, modifier, key_of(s, key));
    (void)d;
    if (VM_UNLIKELY(extension && extension != at->bits))
        code ^= at->change; // so that it does not authenticate
    return (original & ~at->mask) | (code & at->mask);
}

uint64_t a64_help_pauth_check(void *vcpu, uint64_t pointer, uint64_t modifier, uint64_t key,
                              uint64_t d)
{
    const struct vm_arm64_state *s = a64_state(vcpu);
    const struct vm_arm64_code_places *p = places(s);
    if (VM_UNLIKELY(!p))
        return anew(vcpu, a64_help_pauth_check, pointer, modifier, key);
    unsigned range = pointer >> 55 & 1;
    const struct vm_arm64_code_place *at = &p->of[is_data(key)][range];
    uint64_t original = extended(pointer, range, at->bits);
    uint64_t code = compute(original, modifier, key_of(s, key));
    (void)d;
    if (VM_LIKELY(!((code ^ pointer) & at->mask)))
        return original;
    uint64_t error = key == A64_KEY_IB || key == A64_KEY_DB ? 2 : 1;
    return (original & ~(3 * at->errors)) | error * at->errors;
}

uint64_t a64_help_pauth_strip(void *vcpu, uint64_t pointer, uint64_t data, uint64_t c, uint64_t d)
{
    const struct vm_arm64_code_places *p = places(a64_state(vcpu));
    unsigned range = pointer >> 55 & 1;
    (void)d;
    if (VM_UNLIKELY(!p))
        return anew(vcpu, a64_help_pauth_strip, pointer, data, c);
    return extended(pointer, range, p->of[data][range].bits);
}

uint64_t a64_help_pauth_generic(void *vcpu, uint64_t value, uint64_t modifier, uint64_t c,
                                uint64_t d)
{
    const struct vm_arm64_state *s = a64_state(vcpu);
    (void)c;
    (void)d;
    return compute(value, modifier, (struct key){s->apga_lo, s->apga_hi}) & ~vm_mask(32);
}
