// SPDX-License-Identifier: MIT
#include "ir_toy.h"

#include <stddef.h>

#define AT(field) offsetof(struct toy_state, field)

static const struct vm_register registers[TOY_COUNT] = {
    {"x0", AT(x[0]), VM_I64, VM_REG_GENERAL},
    {"x1", AT(x[1]), VM_I64, VM_REG_GENERAL},
    {"x2", AT(x[2]), VM_I64, VM_REG_GENERAL},
    {"x3", AT(x[3]), VM_I64, VM_REG_GENERAL},
    {"x4", AT(x[4]), VM_I64, VM_REG_GENERAL},
    {"x5", AT(x[5]), VM_I64, VM_REG_GENERAL},
    {"x6", AT(x[6]), VM_I64, VM_REG_GENERAL},
    {"x7", AT(x[7]), VM_I64, VM_REG_GENERAL},
    {"pc", AT(pc), VM_I64, VM_REG_PC},
    {"fround", AT(fp.round), VM_I8, VM_REG_SYSTEM},
    {"fflags", AT(fp.flags), VM_I8, VM_REG_SYSTEM},
    {"fl", AT(fl), VM_FLAGS, VM_REG_SYSTEM},
    {"gl", AT(gl), VM_FLAGS, VM_REG_SYSTEM},
    {"d0", AT(d[0]), VM_F64, VM_REG_FLOAT},
    {"d1", AT(d[1]), VM_F64, VM_REG_FLOAT},
    {"s0", AT(s), VM_F32, VM_REG_FLOAT},
    {"half", AT(half), VM_F16, VM_REG_FLOAT},
    {"w0", AT(w[0]), VM_I32, VM_REG_GENERAL},
    {"w1", AT(w[1]), VM_I32, VM_REG_GENERAL},
    {"h0", AT(h), VM_I16, VM_REG_GENERAL},
    {"b0", AT(b), VM_I8, VM_REG_GENERAL},
    {"q0", AT(q), VM_I128, VM_REG_GENERAL},
    {"v0", AT(v[0]), VM_V128, VM_REG_VECTOR},
    {"v1", AT(v[1]), VM_V128, VM_REG_VECTOR},
    {"v2", AT(v[2]), VM_V128, VM_REG_VECTOR},
    {"y0", AT(y), VM_V256, VM_REG_VECTOR},
};

const struct vm_regfile toy_regfile = {registers, TOY_COUNT, TOY_PC, AT(fp),
                                       sizeof(struct toy_state)};

static uint64_t no_helper(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)vcpu, (void)a, (void)b, (void)c, (void)d;
    return 0;
}

static const uint16_t x1_only[] = {1, VM_IR_NONE}, x2_only[] = {2, VM_IR_NONE};

const struct vm_ir_helper toy_helpers[TOY_HELPERS] = {
    [TOY_HASH] = {"hash", no_helper, 2, VM_I64, VM_IR_HELPER_PURE, NULL, NULL},
    [TOY_READ] = {"read_x1", no_helper, 0, VM_I64, 0, x1_only, NULL},
    [TOY_WRITE] = {"write_x2", no_helper, 1, VM_VOID, 0, NULL, x2_only},
    [TOY_FAULT] = {"fault", no_helper, 1, VM_VOID, VM_IR_HELPER_FAULTS, NULL, NULL},
    [TOY_ANY] = {"any", no_helper, 0, VM_VOID, VM_IR_HELPER_READS_ALL | VM_IR_HELPER_WRITES_ALL,
                 NULL, NULL},
    [TOY_FOUR] = {"four", no_helper, 4, VM_I64, VM_IR_HELPER_MEMORY, NULL, NULL},
    [TOY_VECTORS] = {"vectors", no_helper, 1, VM_VOID,
                     VM_IR_HELPER_READS_VECTORS | VM_IR_HELPER_WRITES_VECTORS, NULL, NULL},
};
