// SPDX-License-Identifier: MIT
//
// A soft TLB over a little RAM, ROM and a device, and looks at what it remembers, for its tests.
#ifndef TESTS_UNIT_TLB_RIG_H
#define TESTS_UNIT_TLB_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <vm/mem/tlb.h>

#include "test_host.h"

enum { PAGE = VM_PAGE_SIZE, RAM_PAGES = 32, RAM_BASE = 0x80000000 };
#define MMIO_BASE 0x10000000u
#define ROM_BASE  0x20000000u

struct rig {
    struct test_host host;
    struct vm_space space;
    struct vm_tlb tlb;
    uint8_t *ram, *rom;
    const struct vm_region *ram_region;
};

static const struct vm_mmio_ops no_device;

static inline int set_up(void **state)
{
    struct rig *r = calloc(1, sizeof *r);
    struct vm_space *s = &r->space;
    const struct vm_allocator *a = &r->host.host.allocator;
    test_host_init(&r->host);
    r->ram = aligned_alloc(PAGE, RAM_PAGES * PAGE);
    r->rom = aligned_alloc(PAGE, PAGE);
    assert_int_equal(vm_space_init(s, a, NULL), VM_OK);
    assert_int_equal(
        vm_space_add_ram(s, vm_gpa_of(RAM_BASE), RAM_PAGES * PAGE, r->ram, "ram", NULL), VM_OK);
    assert_int_equal(vm_space_add_rom(s, vm_gpa_of(ROM_BASE), PAGE, r->rom, "rom", NULL), VM_OK);
    assert_int_equal(
        vm_space_add_mmio(s, vm_gpa_of(MMIO_BASE), PAGE, &no_device, NULL, "mmio", NULL), VM_OK);
    assert_int_equal(vm_tlb_init(&r->tlb, s, a, NULL), VM_OK);
    r->ram_region = vm_space_find(s, vm_gpa_of(RAM_BASE));
    *state = r;
    return 0;
}

static inline int tear_down(void **state)
{
    struct rig *r = *state;
    vm_tlb_destroy(&r->tlb, &r->host.host.allocator);
    vm_space_destroy(&r->space);
    test_host_check_released(&r->host);
    free(r->ram);
    free(r->rom);
    free(r);
    return 0;
}

// --- looking ---

// The host address that an entry gives, or NULL.
static inline const uint8_t *entry_gives(uint64_t tag, uint64_t addend, uint64_t gva, unsigned size)
{
    return vm_tlb_hit(tag, gva, size) ? (const uint8_t *)(uintptr_t)(gva + addend) : NULL;
}

static inline const uint8_t *aside_gives(const struct vm_tlb *t, uint64_t gva,
                                         enum vm_access access, unsigned size)
{
    const struct vm_tlb_entry *e =
        &t->data->aside[access == VM_ACCESS_WRITE][vm_tlb_aside_index(gva)];
    return access == VM_ACCESS_EXECUTE ? NULL : entry_gives(e->tag, e->addend, gva, size);
}

// The host address that the first level gives, or NULL. Where it has it aside as well, both agree.
static inline const uint8_t *level1(const struct vm_tlb *t, uint64_t gva, enum vm_access access,
                                    unsigned size)
{
    unsigned i = vm_tlb_index(gva);
    const struct vm_tlb_code_entry *code = &t->code->code[i];
    const struct vm_tlb_entry *data =
        access == VM_ACCESS_READ ? &t->data->read[i] : &t->data->write[i];
    uint64_t tag = access == VM_ACCESS_EXECUTE ? code->tag : data->tag;
    uint64_t addend = access == VM_ACCESS_EXECUTE ? code->addend : data->addend;
    const uint8_t *first = entry_gives(tag, addend, gva, size);
    const uint8_t *aside = aside_gives(t, gva, access, size);
    assert_true(!first || !aside || first == aside);
    return first ? first : aside;
}

static inline struct vm_tlb_context *context_for(struct vm_tlb *t, enum vm_access access)
{
    return access == VM_ACCESS_EXECUTE ? t->code : t->data;
}

static inline void fill_piece(struct vm_tlb *t, uint64_t gva, enum vm_access access, uint64_t page,
                              uint8_t allowed, unsigned shift)
{
    const struct vm_translation tr = {
        .page = vm_gpa_of(page), .allowed = allowed, .shift = (uint8_t)shift, .last = VM_PAGE_MASK};
    vm_tlb_fill(t, context_for(t, access), vm_gva_of(gva), access, &tr);
}

static inline void fill(struct vm_tlb *t, uint64_t gva, enum vm_access access, uint64_t page,
                        uint8_t allowed)
{
    fill_piece(t, gva, access, page, allowed, VM_PAGE_SHIFT);
}

static inline bool level2(struct vm_tlb *t, uint64_t gva, enum vm_access access, uint64_t *page)
{
    struct vm_translation tr = {.page = vm_gpa_of(0)};
    bool found = vm_tlb_find(t, context_for(t, access), vm_gva_of(gva), access, &tr);
    *page = tr.page.v;
    return found;
}

static inline void select_both(struct vm_tlb *t, uint64_t key, uint32_t asid)
{
    const struct vm_tlb_key k = {.key = key, .space = key * 3, .asid = asid};
    vm_tlb_select_data(t, &k);
    vm_tlb_select_code(t, &k);
}

static inline void flush_page(struct vm_tlb *t, vm_gva gva)
{
    vm_tlb_flush_pages(t, gva, gva);
}

static inline void flush_page_asid(struct vm_tlb *t, vm_gva gva, uint32_t asid)
{
    vm_tlb_flush_pages_asid(t, gva, gva, asid, false);
}

static inline bool is_empty(uint64_t tag, unsigned i)
{
    return (tag >> VM_PAGE_SHIFT & (VM_TLB_ENTRIES - 1)) != i;
}

static inline uint64_t tag_of(const struct vm_tlb_context *c, unsigned slot)
{
    unsigned i = slot % VM_TLB_ENTRIES;
    return slot / VM_TLB_ENTRIES == 0   ? c->read[i].tag
           : slot / VM_TLB_ENTRIES == 1 ? c->write[i].tag
                                        : c->code[i].tag;
}

// The list of used entries names each filled one once and nothing else.
static inline void check_used_lists(const struct vm_tlb *t)
{
    for (unsigned n = 0; n < VM_TLB_CONTEXTS; n++) {
        const struct vm_tlb_context *c = &t->contexts[n];
        bool listed[3 * VM_TLB_ENTRIES] = {false};
        for (unsigned array = 0; array < 3; array++) {
            for (unsigned k = 0; k < c->used[array].count; k++) {
                unsigned slot = array * VM_TLB_ENTRIES + c->used[array].index[k];
                assert_false(listed[slot]);
                listed[slot] = true;
            }
        }
        for (unsigned slot = 0; slot < 3 * VM_TLB_ENTRIES; slot++)
            assert_int_equal(is_empty(tag_of(c, slot), slot % VM_TLB_ENTRIES), !listed[slot]);
    }
}

#endif
