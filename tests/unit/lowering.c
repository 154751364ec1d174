// SPDX-License-Identifier: MIT
#include "lowering.h"

#include <stdlib.h>

#include <vm/base/memory.h>
#include <vm/ir/passes.h>
#include <vm/ir/text.h>
#include <vm/ir/verify.h>

static void *host_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void host_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)size;
    free(p);
}

static const struct vm_allocator allocator = {host_alloc, host_release, NULL};

void *lowering_configure(const struct lowering_guest *g, const char *cpu)
{
    struct vm_error e = {0};
    void *config;
    if (g->ops->configure(cpu, &allocator, &config, &e) != VM_OK)
        fail_msg("%s", e.text);
    return config;
}

void lowering_unconfigure(const struct lowering_guest *g, void *config)
{
    g->ops->unconfigure(config, &allocator);
}

void lowering_begin(struct lowering *l, const struct lowering_guest *g, void *config, uint32_t mode)
{
    *l = (struct lowering){.guest = g, .config = config, .offset = 0x100, .mode = mode};
    vm_arena_init(&l->arena, &allocator, 1 << 16);
    vm_ir_builder_init(&l->builder, &l->region, &l->arena, g->ops->regfile, g->ops->helpers,
                       g->ops->helper_count);
}

void lowering_add(struct lowering *l, uint32_t word)
{
    uint8_t bytes[4];
    vm_store_le32(bytes, word);
    struct vm_translate t = {.builder = &l->builder,
                             .bytes = bytes,
                             .available = 4,
                             .offset = l->offset,
                             .mode = l->mode,
                             .config = l->config};
    l->guest->ops->translate(&t);
    assert_false(t.more);
    l->offset += t.length;
    l->length = t.length;
    l->ends = t.ends;
}

void lowering_finish(struct lowering *l)
{
    if (!l->ends)
        vm_ir_goto(&l->builder, l->offset);
}

void lowering_end(struct lowering *l)
{
    vm_arena_destroy(&l->arena);
}

static void check(struct lowering *l, const char *name, uint32_t word)
{
    struct vm_error e = {0};
    lowering_finish(l);
    if (l->region.overflow || !vm_ir_verify(&l->region, &e) ||
        !vm_ir_optimize(&l->region, VM_IR_REGION, true, &e)) {
        static char text[65536];
        vm_ir_print(&l->region, text, sizeof text);
        fail_msg("%s (%08x) in mode %#x: %s\n%s", name, word, l->mode, e.text, text);
    }
}

static uint32_t random_word(struct random *r, const struct pattern *p)
{
    uint32_t word;
    do {
        word = ((uint32_t)random_bits(r) & ~p->mask) | p->value;
        if (p->bytes == 2)
            word &= 0xffff;
    } while (p->holds && !p->holds(word));
    return word;
}

static void check_one(const struct lowering_guest *g, void *config, uint32_t mode, const char *name,
                      uint32_t word, unsigned bytes)
{
    struct lowering l;
    lowering_begin(&l, g, config, mode);
    lowering_add(&l, word);
    assert_int_equal(l.length, bytes);
    check(&l, name, word);
    lowering_end(&l);
}

void lowering_check_rows(const struct lowering_guest *g, void *config, struct random *r)
{
    enum { WORDS = 600 };
    for (unsigned row = 0; row < pattern_count; row++)
        for (unsigned n = 0; n < WORDS; n++)
            check_one(g, config, g->modes[n % g->mode_count], patterns[row].name,
                      random_word(r, &patterns[row]), patterns[row].bytes);
}

void lowering_check_blocks(const struct lowering_guest *g, void *config, struct random *r)
{
    enum { BLOCKS = 4000, LENGTH = 30 };
    struct lowering l;
    for (unsigned n = 0; n < BLOCKS; n++) {
        uint32_t word = 0;
        const struct pattern *p = NULL;
        lowering_begin(&l, g, config, g->modes[n % g->mode_count]);
        for (unsigned i = 0; i < LENGTH && !l.ends; i++) {
            p = &patterns[random_below(r, pattern_count)];
            word = random_word(r, p);
            lowering_add(&l, word);
        }
        check(&l, p->name, word);
        lowering_end(&l);
    }
}

void lowering_check_words(const struct lowering_guest *g, void *config, struct random *r,
                          unsigned count)
{
    for (unsigned n = 0; n < count; n++)
        check_one(g, config, g->modes[n % g->mode_count], "a random word", (uint32_t)random_bits(r),
                  4);
}
