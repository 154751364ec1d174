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
