// SPDX-License-Identifier: MIT
//
// Integer multiplication and division (volume I, chapter "M"). The IR's division has the results
// that table "Semantics for division by zero and division overflow" asks for.
#include "sem.h"

RV_BINARY(mul, rv_op2(t, VM_IR_mul, x, y))
RV_BINARY(mulh, rv_op2(t, VM_IR_mulhs, x, y))
RV_BINARY(mulhsu, rv_op2(t, VM_IR_mulhsu, x, y))
RV_BINARY(mulhu, rv_op2(t, VM_IR_mulhu, x, y))
RV_BINARY(div, rv_op2(t, VM_IR_divs, x, y))
RV_BINARY(divu, rv_op2(t, VM_IR_divu, x, y))
RV_BINARY(rem, rv_op2(t, VM_IR_rems, x, y))
RV_BINARY(remu, rv_op2(t, VM_IR_remu, x, y))

RV_BINARY(mulw, rv_sext_word(t, rv_op2(t, VM_IR_mul, x, y)))
RV_BINARY(divw, rv_word_op2(t, VM_IR_divs, x, y))
RV_BINARY(divuw, rv_word_op2(t, VM_IR_divu, x, y))
RV_BINARY(remw, rv_word_op2(t, VM_IR_rems, x, y))
RV_BINARY(remuw, rv_word_op2(t, VM_IR_remu, x, y))
