// SPDX-License-Identifier: MIT
//
// Vector ops of AES and SHA.
#include "emit.h"

#define EVALUATE(name)                                                           \
    void emit_op_##name(struct emit *e, vm_ir_value v, const struct vm_ir_op *o) \
    {                                                                            \
        emit_evaluate_vector(e, v, o);                                           \
    }
EVALUATE(vaese)
EVALUATE(vaesd)
EVALUATE(vaesmc)
EVALUATE(vaesimc)
EVALUATE(vsha1)
EVALUATE(vsha1su1)
EVALUATE(vsha256h)
EVALUATE(vsha256h2)
EVALUATE(vsha256su0)
EVALUATE(vsha256su1)
