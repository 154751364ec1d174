// SPDX-License-Identifier: MIT
//
// The softfloat functions of binary16.
#define FP_X      f16
#define FP_T      uint16_t
#define FP_FORMAT FP_F16

#include "softfloat_template.h"
