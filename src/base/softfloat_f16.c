// SPDX-License-Identifier: MIT
//
// The softfloat functions of binary16.
#define FP_X      f16
#define FP_T      uint16_t
#define FP_FORMAT FP_F16

#include "softfloat_template.h"

int16_t vm_f16_to_i16(uint16_t a, struct vm_fp_env *env, enum vm_fp_int_rule rule)
{
    return (int16_t)fp_to_int(FP_F16, a, env, rule, 16, true);
}

uint16_t vm_f16_to_u16(uint16_t a, struct vm_fp_env *env, enum vm_fp_int_rule rule)
{
    return (uint16_t)fp_to_int(FP_F16, a, env, rule, 16, false);
}
