// SPDX-License-Identifier: MIT
//
// Fuzz target: the text form of IR. Whatever the text: the parser and the verifier say yes or no;
// what the verifier accepts, every pass keeps acceptable, and printing and parsing keep as it is.
#include <stdlib.h>
#include <string.h>

#include <vm/ir/passes.h>
#include <vm/ir/text.h>
#include <vm/ir/verify.h>

#include "../unit/ir_toy.h"
#include "standalone.h"

static void must(bool holds)
{
    if (!holds)
        abort();
}

static void *heap_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void heap_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)size;
    free(p);
}

static const struct vm_allocator allocator = {heap_alloc, heap_release, NULL};

static bool parse(struct vm_arena *arena, const char *text, size_t size, struct vm_ir_region *r)
{
    struct vm_error e;
    vm_status status =
        vm_ir_parse(text, size, r, arena, &toy_regfile, toy_helpers, TOY_HELPERS, &e);
    must(status == VM_OK || (status == e.status && e.text[0]));
    return status == VM_OK;
}

static const char *print(struct vm_arena *arena, const struct vm_ir_region *r)
{
    size_t size = vm_ir_print(r, NULL, 0) + 1;
    char *text = vm_arena_alloc(arena, size, 1);
    must(text && vm_ir_print(r, text, size) == size - 1 && strlen(text) == size - 1);
    return text;
}

static void print_and_parse(struct vm_arena *arena, const struct vm_ir_region *r)
{
    struct vm_ir_region again;
    const char *text = print(arena, r);
    must(parse(arena, text, strlen(text), &again));
    must(vm_ir_verify(&again, NULL));
    // Ops outside of blocks are not printed: numbers may change once.
    const char *second = print(arena, &again);
    must(parse(arena, second, strlen(second), &again) && !strcmp(print(arena, &again), second));
}

static void tier1(struct vm_ir_region *r)
{
    must(vm_ir_optimize(r, VM_IR_TIER1, true, NULL));
}

static void region(struct vm_ir_region *r)
{
    must(vm_ir_optimize(r, VM_IR_REGION, true, NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const passes[])(struct vm_ir_region *) = {
        vm_ir_pass_fold,  vm_ir_pass_copy,    vm_ir_pass_cse,
        vm_ir_pass_state, vm_ir_pass_flags,   vm_ir_pass_signext,
        vm_ir_pass_dce,   vm_ir_pass_compact, tier1,
        region,
    };
    struct vm_arena arena;
    struct vm_ir_region r;
    vm_arena_init(&arena, &allocator, 1 << 16);
    if (parse(&arena, (const char *)data, size, &r)) {
        print(&arena, &r);
        for (size_t i = 0; i < VM_ARRAY_SIZE(passes) && vm_ir_verify(&r, NULL); i++) {
            print_and_parse(&arena, &r);
            passes[i](&r);
            must(vm_ir_verify(&r, NULL));
            print_and_parse(&arena, &r);
            vm_arena_reset(&arena);
            must(parse(&arena, (const char *)data, size, &r));
        }
    }
    vm_arena_destroy(&arena);
    return 0;
}
