// SPDX-License-Identifier: MIT
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ir_support.h"

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
    {"v0", AT(v), VM_V128, VM_REG_VECTOR},
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
};

static void *host_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void host_release(void *context, void *p, size_t size)
{
    (void)context, (void)size;
    free(p);
}

static const struct vm_allocator allocator = {host_alloc, host_release, NULL};
static struct vm_arena arena = {.allocator = &allocator, .chunk_size = 1 << 16};

struct vm_arena *toy_arena(void)
{
    return &arena;
}

void toy_arena_drop(void)
{
    vm_arena_destroy(&arena);
}

static struct vm_ir_region *parse(const char *text, size_t length)
{
    struct vm_ir_region *r = vm_arena_alloc(&arena, sizeof *r, 16);
    struct vm_error e;
    if (vm_ir_parse(text, length, r, &arena, &toy_regfile, toy_helpers, TOY_HELPERS, &e) != VM_OK)
        fail_msg("%s in:\n%s", e.text, text);
    return r;
}

struct vm_ir_region *toy_parse(const char *text)
{
    return parse(text, strlen(text));
}

struct vm_ir_region *toy_parse_blocks(const char *blocks, size_t length)
{
    char *text = vm_arena_alloc(&arena, length + 32, 1);
    int n = snprintf(text, length + 32, "region {\n%.*s\n}\n", (int)length, blocks);
    return parse(text, (size_t)n);
}

void toy_verify(const struct vm_ir_region *r, const char *when)
{
    struct vm_error e;
    if (!vm_ir_verify(r, &e))
        fail_msg("%s: %s in:\n%s", when, e.text, toy_print(r));
}

char *toy_print(const struct vm_ir_region *r)
{
    size_t size = vm_ir_print(r, NULL, 0) + 1;
    char *text = vm_arena_alloc(&arena, size, 1);
    assert_int_equal(vm_ir_print(r, text, size), size - 1);
    return text;
}

char *toy_read_file(const char *path, size_t *length)
{
    char name[1000];
    snprintf(name, sizeof name, "%s/%s", TRINE_SOURCE, path);
    FILE *f = fopen(name, "rb");
    if (!f)
        fail_msg("cannot open %s", name);
    fseek(f, 0, SEEK_END);
    size_t size = (size_t)ftell(f);
    rewind(f);
    char *text = vm_arena_alloc(&arena, size + 1, 1);
    assert_int_equal(fread(text, 1, size, f), size);
    text[size] = 0;
    fclose(f);
    if (length)
        *length = size;
    return text;
}
