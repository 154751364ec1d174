// SPDX-License-Identifier: MIT
//
// The softfloat functions of binary32.
#define FP_X      f32
#define FP_T      uint32_t
#define FP_FORMAT FP_F32

#include "softfloat_template.h"
