// SPDX-License-Identifier: MIT
//
// The fields of a decoded A64 instruction, named as in the manual's encoding diagrams; those that
// the format lacks are 0. The line `args` of isa/arm64.isa has the same members.
#ifndef A64_ARGS_H
#define A64_ARGS_H

#include <stdint.h>

struct a64_args {
    uint8_t rd, rn, rm, ra; // Rd or Rt; Rn; Rm or Rs; Ra or Rt2
    uint8_t rs;             // Rs of exclusives, CAS, CSEL-like third sources
    uint8_t sf;             // 1: 64-bit
    uint8_t size, opc;      // as in the encoding
    uint8_t q;              // Q: 128-bit vectors
    uint8_t index;          // element index
    uint8_t cond, nzcv;
    uint8_t shift, amount; // kind of shift, and by how much
    uint8_t option;        // kind of extension
    uint8_t s;             // S bit of extended register offsets
    uint8_t acquire, release;
    uint8_t len, op; // TBL's register count; small selectors
    uint16_t sysreg; // A64_SYS
    int64_t imm;     // immediates, decoded (bit masks, FP and SIMD constants too) and scaled
    int64_t imm2;    // a second one
};

#endif
