// SPDX-License-Identifier: MIT
//
// Pointer authentication (the manual, D8 "Pointer authentication"). The instructions of a key do
// nothing while SCTLR has it off.
#include "sem_branch.h"

static bool is_on(const struct a64_translate *t, enum a64_key key)
{
    static const uint32_t bits[] = {A64_MODE_PAUTH_IA, A64_MODE_PAUTH_IB, A64_MODE_PAUTH_DA,
                                    A64_MODE_PAUTH_DB};
    return t->mode & bits[key];
}

static vm_ir_value add_code(struct a64_translate *t, enum a64_key key, vm_ir_value pointer,
                            vm_ir_value modifier)
{
    if (!is_on(t, key))
        return pointer;
    return a64_call(t, A64_HELP_pauth_add, pointer, modifier, a64_imm(t, key), VM_IR_NONE);
}

vm_ir_value a64_authenticate(struct a64_translate *t, enum a64_key key, vm_ir_value pointer,
                             vm_ir_value modifier)
{
    if (!is_on(t, key))
        return pointer;
    return a64_call(t, A64_HELP_pauth_check, pointer, modifier, a64_imm(t, key), VM_IR_NONE);
}

// --- of a register, with a register, SP or zero as modifier ---

typedef vm_ir_value operation(struct a64_translate *t, enum a64_key key, vm_ir_value pointer,
                              vm_ir_value modifier);

static void change(struct a64_translate *t, operation *do_it, enum a64_key key, unsigned rd,
                   vm_ir_value modifier)
{
    a64_set_x(t, rd, do_it(t, key, a64_x(t, rd), modifier));
}

#define PAUTH(add, check, letter, key)                               \
    A64_SEMANTIC(add##letter)                                        \
    {                                                                \
        change(t, add_code, key, a->rd, a64_x_sp(t, a->rn));         \
    }                                                                \
    A64_SEMANTIC(check##letter)                                      \
    {                                                                \
        change(t, a64_authenticate, key, a->rd, a64_x_sp(t, a->rn)); \
    }

#define PAUTH_ZERO(add, check, letter, key)                     \
    A64_SEMANTIC(add##letter)                                   \
    {                                                           \
        change(t, add_code, key, a->rd, a64_imm(t, 0));         \
    }                                                           \
    A64_SEMANTIC(check##letter)                                 \
    {                                                           \
        change(t, a64_authenticate, key, a->rd, a64_imm(t, 0)); \
    }

PAUTH(paci, auti, a, A64_KEY_IA)
PAUTH(paci, auti, b, A64_KEY_IB)
PAUTH(pacd, autd, a, A64_KEY_DA)
PAUTH(pacd, autd, b, A64_KEY_DB)
PAUTH_ZERO(paciz, autiz, a, A64_KEY_IA)
PAUTH_ZERO(paciz, autiz, b, A64_KEY_IB)
PAUTH_ZERO(pacdz, autdz, a, A64_KEY_DA)
PAUTH_ZERO(pacdz, autdz, b, A64_KEY_DB)

// --- hints: of X17 with X16, and of the link register with SP or zero ---

enum { LINK = 30 };

#define PAUTH_HINT(name, do_it, key, rd, modifier) \
    A64_SEMANTIC(name)                             \
    {                                              \
        (void)a;                                   \
        change(t, do_it, key, rd, modifier);       \
    }

PAUTH_HINT(pacia1716, add_code, A64_KEY_IA, 17, a64_x(t, 16))
PAUTH_HINT(pacib1716, add_code, A64_KEY_IB, 17, a64_x(t, 16))
PAUTH_HINT(autia1716, a64_authenticate, A64_KEY_IA, 17, a64_x(t, 16))
PAUTH_HINT(autib1716, a64_authenticate, A64_KEY_IB, 17, a64_x(t, 16))
PAUTH_HINT(paciaz, add_code, A64_KEY_IA, LINK, a64_imm(t, 0))
PAUTH_HINT(pacibz, add_code, A64_KEY_IB, LINK, a64_imm(t, 0))
PAUTH_HINT(autiaz, a64_authenticate, A64_KEY_IA, LINK, a64_imm(t, 0))
PAUTH_HINT(autibz, a64_authenticate, A64_KEY_IB, LINK, a64_imm(t, 0))
PAUTH_HINT(paciasp, add_code, A64_KEY_IA, LINK, a64_x_sp(t, 31))
PAUTH_HINT(pacibsp, add_code, A64_KEY_IB, LINK, a64_x_sp(t, 31))
PAUTH_HINT(autiasp, a64_authenticate, A64_KEY_IA, LINK, a64_x_sp(t, 31))
PAUTH_HINT(autibsp, a64_authenticate, A64_KEY_IB, LINK, a64_x_sp(t, 31))

// --- without a key, or with the generic one ---

static void strip(struct a64_translate *t, unsigned rd, bool data)
{
    vm_ir_value x = a64_x(t, rd);
    vm_ir_value v = a64_call(t, A64_HELP_pauth_strip, x, a64_imm(t, data), VM_IR_NONE, VM_IR_NONE);
    a64_set_x(t, rd, v);
}

A64_SEMANTIC(xpaci)
{
    strip(t, a->rd, false);
}

A64_SEMANTIC(xpacd)
{
    strip(t, a->rd, true);
}

A64_SEMANTIC(xpaclri)
{
    (void)a;
    strip(t, LINK, false);
}

A64_SEMANTIC(pacga)
{
    vm_ir_value x = a64_x(t, a->rn);
    vm_ir_value modifier = a64_x_sp(t, a->rm);
    a64_set_x(t, a->rd, a64_call(t, A64_HELP_pauth_generic, x, modifier, VM_IR_NONE, VM_IR_NONE));
}

// --- branches ---

static void branch(struct a64_translate *t, unsigned rn, enum a64_key key, vm_ir_value modifier,
                   enum vm_ir_hint hint)
{
    vm_ir_value pointer = a64_x(t, rn);
    a64_go_to(t, a64_authenticate(t, key, pointer, modifier), rn, hint);
}

#define BRANCHES(letter, key)                                        \
    A64_SEMANTIC(bra##letter)                                        \
    {                                                                \
        branch(t, a->rn, key, a64_x_sp(t, a->rm), VM_IR_HINT_OTHER); \
    }                                                                \
    A64_SEMANTIC(blra##letter)                                       \
    {                                                                \
        branch(t, a->rn, key, a64_x_sp(t, a->rm), VM_IR_HINT_CALL);  \
    }                                                                \
    A64_SEMANTIC(bra##letter##z)                                     \
    {                                                                \
        branch(t, a->rn, key, a64_imm(t, 0), VM_IR_HINT_OTHER);      \
    }                                                                \
    A64_SEMANTIC(blra##letter##z)                                    \
    {                                                                \
        branch(t, a->rn, key, a64_imm(t, 0), VM_IR_HINT_CALL);       \
    }                                                                \
    A64_SEMANTIC(reta##letter)                                       \
    {                                                                \
        (void)a;                                                     \
        branch(t, LINK, key, a64_x_sp(t, 31), VM_IR_HINT_RETURN);    \
    }

BRANCHES(a, A64_KEY_IA)
BRANCHES(b, A64_KEY_IB)
