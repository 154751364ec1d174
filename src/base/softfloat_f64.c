// SPDX-License-Identifier: MIT
//
// The softfloat functions of binary64.
#define FP_X      f64
#define FP_T      uint64_t
#define FP_FORMAT FP_F64

#include "softfloat_template.h"
