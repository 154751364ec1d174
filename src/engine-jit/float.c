// SPDX-License-Identifier: MIT
//
// Floating point on the host's FPU: what of it is C.
//
// Registers. While MXCSR is the guest's, so are some xmm registers, in every block: what merges the
// flags stores them to the state, too.
//
// Flags. MXCSR's sticky bits are flags that the guest's environment does not have yet. Whatever
// leaves generated code, and every call of C that may run code with floating point of its own or
// look at the environment, first merges them and gives MXCSR back to the host.
//
// NaNs. A host's operation gives a NaN of its own (the default NaN, or an operand's payload) where
// the guest's rule says the canonical one. As long as only FP arithmetic reads it, that makes no
// difference: generated code looks for NaNs where somebody may see them, and then for several
// values at once, since an operation on a NaN gives a NaN. Until then such a value is pending.
//
// Rounding. The host lacks "to nearest, ties away". Blocks look at the mode when they are entered
// with MXCSR not set up; while a guest has chosen that mode, all of them are translated anew, with
// calls of C for every FP op.
#include "jit.h"

static const struct vm_fp_env *environment(const struct jit *j)
{
    const struct vm_vcpu *v = j->vcpu;
    return (const struct vm_fp_env *)(const void *)((const char *)v->state +
                                                    v->guest->regfile->fp_env);
}

void jit_float_resume(struct jit *j)
{
    if (!j->soft_float || environment(j)->round > VM_FP_RUP)
        return;
    j->soft_float = false;
    jit_flush(j);
}

void jit_float_soften(struct jit *j)
{
    j->soft_float = true;
    jit_flush(j);
}

// --- NaNs ---

static bool is_nan(enum vm_type type, uint64_t bits)
{
    return type == VM_F32 ? (uint32_t)bits << 1 > 0xff000000u : bits << 1 > 0xffe0000000000000u;
}

static uint32_t low_word(const void *p)
{
    return *(const uint32_t *)p;
}

static uint64_t read_place(enum vm_type type, const void *p)
{
    return type == VM_F32 ? low_word(p) : *(const uint64_t *)p;
}

static void write_place(enum vm_type type, void *p)
{
    if (type == VM_F32)
        *(uint32_t *)p = 0x7fc00000;
    else
        *(uint64_t *)p = 0x7ff8000000000000;
}

// All the places of a value hold the same.
static void settle(struct jit *j, const struct jit_nan *n)
{
    enum vm_type type = (enum vm_type)n->type;
    void *places[4];
    unsigned count = 0;
    if (n->xmm != JIT_NO_XMM)
        places[count++] = &j->frame->fp.xmm[n->xmm][0];
    if (n->home != JIT_NO_XMM)
        places[count++] = &j->frame->fp.xmm[n->home][0];
    if (n->entry)
        places[count++] = (char *)j->vcpu->state + n->entry - 1;
    if (n->slot)
        places[count++] = &j->frame->slots[n->slot - 1];
    if (count == 0 || !is_nan(type, read_place(type, places[0])))
        return;
    for (unsigned i = 0; i < count; i++)
        write_place(type, places[i]);
}

void jit_float_settle(struct jit *j)
{
    const struct jit_nans *nans = j->frame->fp.nans;
    if (!nans)
        return;
    j->frame->fp.nans = NULL;
    for (unsigned i = 0; i < nans->count; i++)
        settle(j, &nans->list[i]);
}

uint64_t jit_help_nans(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    jit_float_settle(jit_of(vcpu));
    return 0;
}
