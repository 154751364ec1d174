// SPDX-License-Identifier: MIT
//
// Fuzz target: the instructions of a guest, which GUEST_HEADER and GUEST_OPS name; GUEST_CPUS and
// GUEST_MODES say of which CPUs and in which execution modes (frontend.h). The input is a mode
// byte, a CPU byte, and a stretch of code that is translated and disassembled. Whatever the bytes:
// nothing beyond them is read, every instruction has a length and a line of text, and the IR is
// well-formed.
#include <stdlib.h>
#include <string.h>

#include <vm/core/guest.h>
#include <vm/ir/builder.h>
#include <vm/ir/verify.h>

#include "fuzz_input.h"
#include GUEST_HEADER

enum { MAX_INSNS = 64, TEXT = 100 };

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

static const char *const cpus[] = {GUEST_CPUS};
static const uint32_t modes[] = {GUEST_MODES};

static void disassemble_all(const void *config, const uint8_t *code, size_t size)
{
    char text[TEXT], part[8];
    for (size_t at = 0; at < size;) {
        memset(text, '?', sizeof text);
        unsigned n = GUEST_OPS.disassemble(config, at, code + at, size - at, text, sizeof text);
        must(n >= 1 && n <= size - at && memchr(text, 0, sizeof text) && text[0]);
        // Room for less gives the beginning of the same text.
        must(GUEST_OPS.disassemble(config, at, code + at, size - at, part, sizeof part) == n);
        must(strlen(part) < sizeof part && !strncmp(part, text, strlen(part)));
        at += n;
    }
}

// Translates a block; returns where it ends, `size` if only part of an instruction is left.
static size_t translate_block(struct vm_ir_builder *b, const void *config, uint32_t mode,
                              const uint8_t *code, size_t size, size_t at)
{
    struct vm_translate t = {.builder = b, .offset = at, .mode = mode, .config = config};
    const unsigned least = GUEST_OPS.insn_align;
    for (unsigned n = 0; n < MAX_INSNS && size - t.offset >= least; n++) {
        t.bytes = code + t.offset;
        t.available = size - t.offset < 4 ? (uint32_t)(size - t.offset) : 4;
        uint32_t before = b->region->op_count;
        GUEST_OPS.translate(&t);
        if (t.more) {
            must(t.available < 4 && b->region->op_count == before);
            vm_ir_goto(b, t.offset);
            return size;
        }
        must(t.length >= least && t.length <= t.available && t.length % least == 0);
        t.offset += t.length;
        if (t.ends)
            return t.offset;
    }
    vm_ir_goto(b, t.offset);
    return size - t.offset < least ? size : t.offset;
}

static void translate_all(const void *config, uint32_t mode, const uint8_t *code, size_t size)
{
    const struct vm_guest_ops *g = &GUEST_OPS;
    struct vm_arena arena;
    struct vm_error e;
    vm_arena_init(&arena, &allocator, 1 << 16);
    for (size_t at = 0; at < size;) {
        struct vm_ir_region region;
        struct vm_ir_builder builder;
        vm_ir_builder_init(&builder, &region, &arena, g->regfile, g->helpers, g->helper_count);
        at = translate_block(&builder, config, mode, code, size, at);
        must(!region.overflow && vm_ir_verify(&region, &e));
        vm_arena_reset(&arena);
    }
    vm_arena_destroy(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct vm_error e;
    void *config;
    const char *cpu = cpus[data[1] % VM_ARRAY_SIZE(cpus)];
    must(GUEST_OPS.configure(cpu, &allocator, &config, &e) == VM_OK);
    disassemble_all(config, data + 2, size - 2);
    translate_all(config, modes[data[0] % VM_ARRAY_SIZE(modes)], data + 2, size - 2);
    GUEST_OPS.unconfigure(config, &allocator);
    return 0;
}
