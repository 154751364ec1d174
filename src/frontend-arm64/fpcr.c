// SPDX-License-Identifier: MIT
//
// FPCR and FPSR: reads, writes, and the FP environment and mode bits that follow.
#include "fpcr.h"

// FPSR's cumulative flags and those of the environment.
static const struct {
    uint8_t fpsr, env;
} flags[] = {
    {1 << 0, VM_FP_NV}, // IOC
    {1 << 1, VM_FP_DZ}, // DZC
    {1 << 2, VM_FP_OF}, // OFC
    {1 << 3, VM_FP_UF}, // UFC
    {1 << 4, VM_FP_NX}, // IXC
    {1 << 7, VM_FP_ID}, // IDC
};

uint64_t a64_read_fpcr(const struct vm_vcpu *v)
{
    const struct vm_arm64_state *s = v->state;
    return s->fpcr;
}

void a64_write_fpcr(struct vm_vcpu *v, uint64_t value)
{
    static const uint8_t rounding[4] = {VM_FP_RNE, VM_FP_RUP, VM_FP_RDN, VM_FP_RTZ};
    struct vm_arm64_state *s = a64_state(v);
    uint64_t known = A64_FPCR_AHP | A64_FPCR_DN | A64_FPCR_FZ | UINT64_C(3) << A64_FPCR_RMODE_SHIFT;
    if (a64_has(a64_config_of(v), A64_EXT_FP16))
        known |= A64_FPCR_FZ16;
    s->fpcr = value & known;
    bool fz = s->fpcr & A64_FPCR_FZ, fz16 = s->fpcr & A64_FPCR_FZ16;
    s->fp.round = rounding[vm_bits(s->fpcr, A64_FPCR_RMODE_SHIFT, 2)];
    s->fp.nan = s->fpcr & A64_FPCR_DN ? VM_FP_NAN_DEFAULT : VM_FP_NAN_ARM;
    s->fp.tininess_before = 1;
    s->fp.flush_input = fz ? VM_FP_INPUT_FLUSH : VM_FP_INPUT_KEEP;
    s->fp.flush_output = fz ? VM_FP_OUTPUT_FLUSH : VM_FP_OUTPUT_KEEP;
    s->fp.flush_input_f16 = fz16 ? VM_FP_INPUT_SILENT : VM_FP_INPUT_KEEP;
    s->fp.flush_output_f16 = fz16 ? VM_FP_OUTPUT_FLUSH : VM_FP_OUTPUT_KEEP;
}

uint64_t a64_read_fpsr(const struct vm_vcpu *v)
{
    const struct vm_arm64_state *s = v->state;
    uint64_t value = s->qc.lo | s->qc.hi ? A64_FPSR_QC : 0;
    for (size_t i = 0; i < VM_ARRAY_SIZE(flags); i++)
        value |= s->fp.flags & flags[i].env ? flags[i].fpsr : 0u;
    return value;
}

void a64_write_fpsr(struct vm_vcpu *v, uint64_t value)
{
    struct vm_arm64_state *s = a64_state(v);
    s->qc = (vm_u128){value & A64_FPSR_QC, 0};
    s->fp.flags = 0;
    for (size_t i = 0; i < VM_ARRAY_SIZE(flags); i++)
        s->fp.flags |= value & flags[i].fpsr ? flags[i].env : 0;
}

uint32_t a64_fpcr_mode(uint64_t fpcr)
{
    bool env = fpcr & (A64_FPCR_FZ | A64_FPCR_FZ16 | A64_FPCR_AHP);
    return (fpcr & A64_FPCR_DN ? A64_MODE_FP_DN : 0) | (env ? A64_MODE_FP_ENV : 0);
}
