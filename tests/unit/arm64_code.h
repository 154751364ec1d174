// SPDX-License-Identifier: MIT
//
// A64 instructions as words, for tests that write small programs (the manual, C4).
#ifndef ARM64_CODE_H
#define ARM64_CODE_H

#include <stdint.h>

#define A_MRS(rt, number)     (0xd5200000u | (uint32_t)(number) << 5 | (rt))
#define A_MSR(number, rt)     (0xd5000000u | (uint32_t)(number) << 5 | (rt))
#define A_SYS(number, rt)     A_MSR(number, rt)
#define A_PSTATE(op1, op2, m) (0xd500401fu | (op1) << 16 | (m) << 8 | (op2) << 5)
#define A_DAIFSET(m)          A_PSTATE(3u, 6u, (uint32_t)(m))
#define A_DAIFCLR(m)          A_PSTATE(3u, 7u, (uint32_t)(m))
#define A_MOVZ(rd, imm, hw)   (0xd2800000u | (uint32_t)(hw) << 21 | (uint32_t)(imm) << 5 | (rd))
#define A_MOVK(rd, imm, hw)   (0xf2800000u | (uint32_t)(hw) << 21 | (uint32_t)(imm) << 5 | (rd))
#define A_ADD(rd, rn, imm)    (0x91000000u | (uint32_t)(imm) << 10 | (rn) << 5 | (rd))
#define A_SVC(imm)            (0xd4000001u | (uint32_t)(imm) << 5)
#define A_HVC(imm)            (0xd4000002u | (uint32_t)(imm) << 5)
#define A_SMC(imm)            (0xd4000003u | (uint32_t)(imm) << 5)
#define A_BRK(imm)            (0xd4200000u | (uint32_t)(imm) << 5)
#define A_UDF                 0u
#define A_ERET                0xd69f03e0u
#define A_NOP                 0xd503201fu
#define A_WFE                 0xd503205fu
#define A_WFI                 0xd503207fu
#define A_WFET(rt)            (0xd5031000u | (rt))
#define A_WFIT(rt)            (0xd5031020u | (rt))
#define A_SEVL                0xd50320bfu
#define A_ISB                 0xd5033fdfu
#define A_DSB                 0xd5033f9fu
#define A_BR(rn)              (0xd61f0000u | (rn) << 5)
#define A_LDR(rt, rn)         (0xf9400000u | (rn) << 5 | (rt))
#define A_STR(rt, rn)         (0xf9000000u | (rn) << 5 | (rt))
#define A_STRB(rt, rn)        (0x39000000u | (rn) << 5 | (rt))
#define A_LDR_W(rt, rn)       (0xb9400000u | (rn) << 5 | (rt))
#define A_STR_W(rt, rn)       (0xb9000000u | (rn) << 5 | (rt))
#define A_LDTR(rt, rn)        (0xf8400800u | (rn) << 5 | (rt))
#define A_STTR(rt, rn)        (0xf8000800u | (rn) << 5 | (rt))
#define A_LDXR(rt, rn)        (0xc85f7c00u | (rn) << 5 | (rt))
#define A_FMOV_D0_D1          0x1e604020u

#endif
