// SPDX-License-Identifier: MIT
#include "tiny_guest.h"

#include <stddef.h>

#include <vm/base/memory.h>
#include <vm/core/translate.h>
#include <vm/ir/ir.h>

static const struct vm_register registers[] = {
#define X(n)                                                              \
    {                                                                     \
        "x" #n, offsetof(struct tiny_state, x[n]), VM_I64, VM_REG_GENERAL \
    }
    X(0),
    X(1),
    X(2),
    X(3),
    X(4),
    X(5),
    X(6),
    X(7),
    X(8),
    X(9),
    X(10),
    X(11),
    X(12),
    X(13),
    X(14),
    X(15),
    {"pc", offsetof(struct tiny_state, pc), VM_I64, VM_REG_PC},
};
static const struct vm_regfile regfile = {registers, 17, 16, 0, sizeof(struct tiny_state)};

void (*tiny_help)(struct vm_vcpu *v);

static uint64_t help_sync(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct vm_vcpu *v = vcpu;
    (void)a, (void)b, (void)c, (void)d;
    v->engine->sync_code(v);
    return 0;
}

static uint64_t help_test(void *vcpu, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    tiny_help(vcpu);
    return 0;
}

static const struct vm_ir_helper helpers[] = {
    {"sync", help_sync, 0, VM_VOID, VM_IR_HELPER_MEMORY, NULL, NULL},
    {"test", help_test, 0, VM_VOID,
     VM_IR_HELPER_FAULTS | VM_IR_HELPER_READS_ALL | VM_IR_HELPER_WRITES_ALL, NULL, NULL},
};

static vm_ir_value sum(struct vm_ir_builder *b, uint8_t reg, int64_t imm)
{
    vm_ir_value k = vm_ir_const(b, VM_I64, (uint64_t)imm);
    return vm_ir_add(b, VM_I64, vm_ir_get(b, reg), k);
}

static void translate_branch(struct vm_translate *t, uint64_t target)
{
    struct vm_ir_builder *b = t->builder;
    vm_ir_value zero = vm_ir_const(b, VM_I64, 0);
    vm_ir_value taken = vm_ir_ne(b, VM_I64, vm_ir_get(b, t->bytes[1]), zero);
    uint16_t yes = vm_ir_new_block(b), no = vm_ir_new_block(b);
    vm_ir_branch(b, taken, yes, NULL, 0, no, NULL, 0);
    vm_ir_start_block(b, yes);
    vm_ir_goto(b, target);
    vm_ir_start_block(b, no);
    vm_ir_goto(b, t->offset + 4);
}

static void translate(struct vm_translate *t)
{
    struct vm_ir_builder *b = t->builder;
    const uint8_t *i = t->bytes;
    int8_t imm = (int8_t)i[3];
    t->length = i[0] == NOP ? 2 : 4;
    t->more = t->available < t->length;
    if (t->more)
        return;
    uint64_t target = t->offset + (uint64_t)(int64_t)(int16_t)vm_load_le16(i + 2);
    vm_ir_insn(b, t->offset, t->length);
    t->ends = i[0] >= JMP && i[0] != LD && i[0] != ST && i[0] != NOP;
    switch (i[0]) {
    case ADD: vm_ir_put(b, i[1], sum(b, i[2], imm)); break;
    case MODE: vm_ir_put(b, i[1], vm_ir_const(b, VM_I64, t->mode)); break;
    case PC: vm_ir_put(b, i[1], vm_ir_pcrel(b, t->offset)); break;
    case JMP: vm_ir_goto(b, target); break;
    case BNZ: translate_branch(t, target); break;
    case JR: vm_ir_goto_ind(b, vm_ir_get(b, i[1]), VM_IR_HINT_OTHER, 0); break;
    case LD: vm_ir_put(b, i[1], vm_ir_load(b, VM_I64, 3, vm_ir_get(b, i[2]), imm)); break;
    case ST: vm_ir_store(b, VM_I64, 3, vm_ir_get(b, i[2]), imm, vm_ir_get(b, i[1])); break;
    case WAIT: vm_ir_exit(b, VM_IR_EXIT_WAIT, t->offset + 4); break;
    case SYNC:
        vm_ir_call(b, 0, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
        vm_ir_exit(b, VM_IR_EXIT_RESYNC, t->offset + 4);
        break;
    case HELP:
        vm_ir_call(b, 1, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE, VM_IR_NONE);
        vm_ir_goto(b, t->offset + 4);
        break;
    case NOP: break;
    default: vm_ir_raise(b, TRAP, vm_ir_const(b, VM_I64, i[0])); t->ends = true;
    }
}

const struct vm_guest_ops tiny_guest = {.name = "tiny",
                                        .regfile = &regfile,
                                        .helpers = helpers,
                                        .helper_count = VM_ARRAY_SIZE(helpers),
                                        .max_insn = 4,
                                        .insn_align = 2,
                                        .translate = translate};
