// SPDX-License-Identifier: MIT
//
// What of A64 is translated for golden files (words.h).
#include "words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/types.h>
#include <vm/core/machine.h>
#include <vm/frontend-arm64/frontend.h>

enum { EL0 = 0, EL1 = 1, NOP = 0xd503201f, RAM = 0x40000000 };

// The words are as the text says.
static const struct idiom idioms[] = {
    {"mov x0, x1", "idioms", 0xaa0103e0, EL0},
    {"mov w0, w1", "idioms", 0x2a0103e0, EL0},
    {"mov x0, #-1", "idioms", 0x92800000, EL0},
    {"add x0, x0, #1", "idioms", 0x91000400, EL0},
    {"sub sp, sp, #32", "idioms", 0xd10083ff, EL0},
    {"add x0, x0, x1", "idioms", 0x8b010000, EL0},
    {"add w0, w0, w1", "idioms", 0x0b010000, EL0},
    {"add x0, x1, x2, lsl #3", "idioms", 0x8b020c20, EL0},
    {"add x0, x1, w2, sxtw #2", "idioms", 0x8b22c820, EL0},
    {"neg x0, x1", "idioms", 0xcb0103e0, EL0},
    {"mvn x0, x1", "idioms", 0xaa2103e0, EL0},
    {"mul x0, x1, x2", "idioms", 0x9b027c20, EL0},
    {"sxtw x0, w1", "idioms", 0x93407c20, EL0},
    {"uxtb w0, w1", "idioms", 0x53001c20, EL0},
    {"lsl x0, x1, #3", "idioms", 0xd37df020, EL0},
    {"lsr w0, w1, #4", "idioms", 0x53047c20, EL0},
    {"ubfx x0, x1, #8, #4", "idioms", 0xd3482c20, EL0},
    {"bfi x0, x1, #8, #4", "idioms", 0xb3780c20, EL0},
    {"ror x0, x1, #7", "idioms", 0x93c11c20, EL0},
    {"cmp x0, x1", "idioms", 0xeb01001f, EL0},
    {"cmp w0, #0", "idioms", 0x7100001f, EL0},
    {"tst x0, #1", "idioms", 0xf240001f, EL0},
    {"cset w0, eq", "idioms", 0x1a9f17e0, EL0},
    {"csel x0, x1, x2, lt", "idioms", 0x9a82b020, EL0},
    {"cinc x0, x1, ne", "idioms", 0x9a810420, EL0},
    {"ldr x0, [x1]", "idioms", 0xf9400020, EL0},
    {"ldr w0, [x1, #4]", "idioms", 0xb9400420, EL0},
    {"ldr x0, [x1, x2, lsl #3]", "idioms", 0xf8627820, EL0},
    {"ldr w0, [x1, w2, uxtw #2]", "idioms", 0xb8625820, EL0},
    {"ldr x0, [x1], #8", "idioms", 0xf8408420, EL0},
    {"str x0, [sp, #-16]!", "idioms", 0xf81f0fe0, EL0},
    {"ldp x29, x30, [sp], #32", "idioms", 0xa8c27bfd, EL0},
    {"stp x29, x30, [sp, #-32]!", "idioms", 0xa9be7bfd, EL0},
    {"ldr q0, [x1]", "idioms", 0x3dc00020, EL0},
    {"str q0, [x1, #16]", "idioms", 0x3d800420, EL0},
    {"ldp q0, q1, [x1]", "idioms", 0xad400420, EL0},
    {"ldrb w0, [x1]", "idioms", 0x39400020, EL0},
    {"strh w0, [x1, #2]", "idioms", 0x79000420, EL0},
    {"ldrsw x0, [x1]", "idioms", 0xb9800020, EL0},
    {"ldr x21, [sp, #16]", "idioms", 0xf9400bf5, EL0},
    {"str xzr, [x1]", "idioms", 0xf900003f, EL0},
    {"b .-64", "idioms", 0x17fffff0, EL0},
    {"b .+8192", "idioms", 0x14000800, EL0},
    {"bl .+8192", "idioms", 0x94000800, EL0},
    {"ret", "idioms", 0xd65f03c0, EL0},
    {"b.eq .-64", "idioms", 0x54fffe00, EL0},
    {"b.lt .+64", "idioms", 0x5400020b, EL0},
    {"cbnz w0, .-64", "idioms", 0x35fffe00, EL0},
    {"tbz w0, #3, .+64", "idioms", 0x36180200, EL0},
    {"adrp x0, .+0x10000", "idioms", 0x90000000, EL0},
    {"adr x0, .+64", "idioms", 0x10000200, EL0},
    {"fmov d0, d1", "idioms", 0x1e604020, EL0},
    {"fadd d0, d1, d2", "idioms", 0x1e622820, EL0},
    {"fcmp d0, d1", "idioms", 0x1e612000, EL0},
    {"fcvtzs w0, d1", "idioms", 0x1e780020, EL0},
    {"scvtf d0, w1", "idioms", 0x1e620020, EL0},
    {"fcsel d0, d1, d2, gt", "idioms", 0x1e62cc20, EL0},
    {"movi v0.2d, #0", "idioms", 0x6f00e400, EL0},
    {"add v0.4s, v1.4s, v2.4s", "idioms", 0x4ea28420, EL0},
    {"mrs x0, sp_el0", "system", 0xd5384100, EL1},
    {"mrs x0, tpidr_el1", "system", 0xd538d080, EL1},
    {"mrs x0, cntvct_el0", "system", 0xd53be040, EL0},
    {"mrs x0, daif", "system", 0xd53b4220, EL1},
    {"mrs x0, nzcv", "system", 0xd53b4200, EL0},
    {"mrs x0, fpcr", "system", 0xd53b4400, EL0},
    {"msr fpsr, x0", "system", 0xd51b4420, EL0},
    {"mrs x0, esr_el1", "system", 0xd5385200, EL1},
    {"mrs x0, far_el1", "system", 0xd5386000, EL1},
    {"msr elr_el1, x0", "system", 0xd5184020, EL1},
    {"msr spsr_el1, x0", "system", 0xd5184000, EL1},
    {"msr ttbr0_el1, x0", "system", 0xd5182000, EL1},
    {"msr tpidr_el1, x0", "system", 0xd518d080, EL1},
    {"msr sp_el0, x0", "system", 0xd5184100, EL1},
    {"msr daifset, #2", "system", 0xd50342df, EL1},
    {"msr daifclr, #2", "system", 0xd50342ff, EL1},
    {"msr daif, x0", "system", 0xd51b4220, EL1},
    {"msr cntv_cval_el0, x0", "system", 0xd51be340, EL1},
    {"mrs x0, s3_0_c12_c12_0", "system", 0xd538cc00, EL1},
    {"msr s3_0_c12_c12_1, x0", "system", 0xd518cc20, EL1},
    {"tlbi vae1is, x0", "system", 0xd5088320, EL1},
    {"tlbi vmalle1is", "system", 0xd508831f, EL1},
    {"dc zva, x0", "system", 0xd50b7420, EL0},
    {"ic ivau, x0", "system", 0xd50b7520, EL0},
    {"dmb ish", "system", 0xd5033bbf, EL0},
    {"dmb ishld", "system", 0xd50339bf, EL0},
    {"dmb ishst", "system", 0xd5033abf, EL0},
    {"dsb ish", "system", 0xd5033b9f, EL1},
    {"isb", "system", 0xd5033fdf, EL1},
    {"dsb sy", "system", 0xd5033f9f, EL1},
};

static uint32_t deposit(uint32_t bits, uint32_t mask)
{
    uint32_t out = 0;
    for (; mask; mask &= mask - 1, bits >>= 1)
        out |= bits & 1 ? mask & -mask : 0;
    return out;
}

static bool is_valid(const struct pattern *p, uint32_t word, const void *config)
{
    char text[128];
    if (p->holds && !p->holds(word))
        return false;
    vm_arm64_guest_ops.disassemble(config, 0, (const uint8_t *)&word, 4, text, sizeof text);
    return text[0] != '.'; // .inst
}

static bool is_named(const struct pattern *p, const char *name)
{
    return strcmp(p->name, name) == 0;
}

// rd 0, rn 1, rm 2, ra 3, rs 4; 64 bits or whole vectors where there is a choice; of the other
// fields 16, else the first that the instruction can have.
static uint32_t encode(const struct pattern *p, const void *config)
{
    enum { TPIDR_EL0 = 0x1bd040, DC_CIVAC = 0xb7e20, FIELDS = 0x1fffe0, TOP = 3u << 30 };
    static const uint32_t tops[] = {TOP, 1u << 31, 1u << 30, 0};
    uint32_t word = p->value, mask = p->mask;
    if (is_named(p, "mrs") || is_named(p, "msr.register"))
        return word | (TPIDR_EL0 & FIELDS);
    if (is_named(p, "sys"))
        return word | DC_CIVAC;
    for (unsigned which = 0; which < PATTERN_REGISTERS; which++) {
        const struct pattern_register *r = &p->registers[which];
        uint32_t field = ((1u << r->bits) - 1) << r->shift;
        if (!r->file || r->bits != 5 || field & mask)
            continue;
        mask |= field;
        word = pattern_with_register(p, which, word, which);
    }
    const uint32_t rest = ~mask & ~(uint32_t)TOP;
    for (uint32_t k = 0; k < 1 << 16; k++)
        for (unsigned i = 0; i < VM_ARRAY_SIZE(tops); i++) {
            uint32_t bits = k == 0 ? 16 : k - 1;
            uint32_t w = word | (tops[i] & ~mask) | deposit(bits, rest);
            if (is_valid(p, w, config))
                return w;
        }
    fprintf(stderr, "%s has no encoding\n", p->name);
    abort();
}

static unsigned privilege_of(const struct pattern *p)
{
    static const char *const privileged[] = {"eret", "hvc", "smc", "sys", "sysl", "msr.immediate"};
    for (unsigned i = 0; i < VM_ARRAY_SIZE(privileged); i++)
        if (is_named(p, privileged[i]))
            return EL1;
    return EL0;
}

static void reset(struct vm_vcpu *v, uint64_t pc, unsigned privilege)
{
    // SCTLR_EL1: MSCEn, EnIA, EnIB, EnDA, UCI, nTWE, nTWI, UCT, DZE, EnDB, M.
    const uint64_t sctlr = (uint64_t)1 << 33 | 0xcc05e001;
    // TCR_EL1: 40 bits of PA, EPD1, T0SZ of 32 bits. Tables of 1 GiB of normal memory each, for EL0
    // and for EL1, in the page behind the code.
    const uint64_t tcr = (uint64_t)2 << 32 | 1 << 23 | 32, block = RAM | 1 << 10 | 1;
    const uint64_t entry = block | (privilege ? (uint64_t)1 << 54 : 1 << 6);
    const uint64_t table = RAM + VM_PAGE_SIZE;
    if (!vm_space_write(&v->machine->space, vm_gpa_of(table + 8), &entry, sizeof entry))
        abort();
    vm_arm64_guest_ops.reset(v, pc);
    words_set(v, "ttbr0_el1", table);
    words_set(v, "mair_el1", 0xff);
    words_set(v, "tcr_el1", tcr);
    words_set(v, "sctlr_el1", words_get(v, "sctlr_el1") | sctlr);
    words_set(v, "cpacr_el1", 3 << 20);
    words_set(v, "el", privilege);
    words_set(v, "spsel", privilege);
    vm_arm64_guest_ops.sync(v);
}

const struct words_guest words_guest = {
    .ops = &vm_arm64_guest_ops,
    .ram = RAM,
    .nop = NOP,
    .idioms = idioms,
    .idiom_count = VM_ARRAY_SIZE(idioms),
    .reset = reset,
    .encode = encode,
    .privilege = privilege_of,
};
