// SPDX-License-Identifier: MIT
//
// FPCR and FPSR (the manual, "FPCR, Floating-point Control Register", "FPSR, Floating-point Status
// Register"). state->fpcr is the register; the FP environment follows from it. FPSR has no place of
// its own: it is the environment's flags and state->qc.
#ifndef A64_FPCR_H
#define A64_FPCR_H

#include "frontend.h"

enum {
    A64_FPCR_FZ16 = 1 << 19,
    A64_FPCR_RMODE_SHIFT = 22, // 2 bits: RN, RP, RM, RZ
    A64_FPCR_FZ = 1 << 24,
    A64_FPCR_DN = 1 << 25,
    A64_FPCR_AHP = 1 << 26,

    A64_FPSR_QC = 1 << 27,
};

uint64_t a64_read_fpcr(const struct vm_vcpu *v);
uint64_t a64_read_fpsr(const struct vm_vcpu *v);

// Who writes FPCR sees to it that vcpu->mode follows (a64_sync). What this machine has not, trapped
// exceptions among it, is RAZ/WI.
void a64_write_fpcr(struct vm_vcpu *v, uint64_t value);
void a64_write_fpsr(struct vm_vcpu *v, uint64_t value);

// The bits of the execution mode that follow from FPCR: A64_MODE_FP_DN and A64_MODE_FP_ENV.
uint32_t a64_fpcr_mode(uint64_t fpcr);

#endif
