// SPDX-License-Identifier: MIT
//
// The memory accesses of CPY and SET. A call moves at most what lies in one page at either end, and
// at least a byte or it raises: what has been moved counts, so that the exception of a later byte
// comes with the next call.
#include "frontend.h"

#include <stdatomic.h>
#include <vm/base/memory.h>

// A piece of RAM at a guest address.
struct piece {
    uint8_t *host;
    const struct vm_region *region;
    uint64_t offset; // in the region
};

enum place { IN_RAM, ELSEWHERE, RAISED };

// What the byte at `address` lies in. ELSEWHERE: it must be accessed by itself, since it is no
// plain RAM or its page is not whole.
static enum place find(struct vm_vcpu *v, uint64_t address, enum vm_access access, unsigned index,
                       struct piece *piece)
{
    struct vm_translation t;
    if (!vm_vcpu_translate(v, vm_gva_of(address), access, index, &t))
        return RAISED;
    uint64_t gpa = t.page.v | (address & VM_PAGE_MASK);
    const struct vm_region *r = vm_space_find(&v->machine->space, vm_gpa_of(gpa));
    if (!r || !r->host || !vm_translation_is_whole(&t) ||
        (access == VM_ACCESS_WRITE && (r->read_only || r->rom)))
        return ELSEWHERE;
    uint64_t offset = gpa - r->base.v;
    *piece = (struct piece){r->host + offset, r, offset};
    return IN_RAM;
}

// Writes are seen by translations as vm_vcpu_store's are: write, then look for marks.
static void note_write(struct vm_vcpu *v, const struct piece *p, uint64_t offset, uint64_t size)
{
    atomic_thread_fence(memory_order_seq_cst);
    vm_region_note_write(&v->machine->space, p->region, offset, size);
}

static uint32_t byte_attr(unsigned index)
{
    return VM_IR_MEM(0, index << VM_IR_MEM_INDEX_SHIFT, VM_IR_RELAXED);
}

// How many bytes from `address` on are in its page, and how many up to it.
static uint64_t in_page(uint64_t address)
{
    return VM_PAGE_SIZE - (address & VM_PAGE_MASK);
}

static uint64_t up_to(uint64_t last)
{
    return (last & VM_PAGE_MASK) + 1;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// --- SET ---

static void fill(uint8_t *host, uint64_t size, uint8_t byte)
{
    uint64_t pattern = byte * UINT64_C(0x0101010101010101), i = 0;
    for (; i < size && (uintptr_t)(host + i) % 8; i++)
        vm_ram_store(host + i, 1, byte);
    for (; i + 8 <= size; i += 8)
        vm_ram_store(host + i, 8, pattern);
    for (; i < size; i++)
        vm_ram_store(host + i, 1, byte);
}

uint64_t a64_help_mops_set(void *vcpu, uint64_t address, uint64_t left, uint64_t value,
                           uint64_t index)
{
    struct vm_vcpu *v = vcpu;
    struct piece p;
    switch (find(v, address, VM_ACCESS_WRITE, (unsigned)index, &p)) {
    case RAISED: return left;
    case ELSEWHERE:
        return vm_vcpu_store(v, vm_gva_of(address), byte_attr((unsigned)index), value & 0xff)
                   ? left + 1
                   : left;
    default: break;
    }
    uint64_t size = least(0 - left, in_page(address));
    fill(p.host, size, (uint8_t)value);
    note_write(v, &p, p.offset, size);
    return left + size;
}

// --- CPY ---

// Eight bytes at a time: where source and destination overlap, none is written before it is read,
// since forward copies go to lower addresses and backward ones to higher.
static void copy_forward(uint8_t *to, const uint8_t *from, uint64_t size)
{
    uint64_t i = 0;
    for (; i < size && (uintptr_t)(to + i) % 8; i++)
        vm_ram_store(to + i, 1, vm_ram_load(from + i, 1));
    for (; i + 8 <= size; i += 8)
        vm_ram_store(to + i, 8, vm_ram_load(from + i, 8));
    for (; i < size; i++)
        vm_ram_store(to + i, 1, vm_ram_load(from + i, 1));
}

// To the bytes before `to` from those before `from`.
static void copy_backward(uint8_t *to, const uint8_t *from, uint64_t size)
{
    uint64_t i = 0;
    for (; i < size && (uintptr_t)(to - i) % 8; i++)
        vm_ram_store(to - i - 1, 1, vm_ram_load(from - i - 1, 1));
    for (; i + 8 <= size; i += 8)
        vm_ram_store(to - i - 8, 8, vm_ram_load(from - i - 8, 8));
    for (; i < size; i++)
        vm_ram_store(to - i - 1, 1, vm_ram_load(from - i - 1, 1));
}

// The byte at these addresses alone.
static bool copy_byte(struct vm_vcpu *v, uint64_t to, uint64_t from, unsigned writes,
                      unsigned reads)
{
    uint64_t byte;
    return vm_vcpu_load(v, vm_gva_of(from), byte_attr(reads), &byte) &&
           vm_vcpu_store(v, vm_gva_of(to), byte_attr(writes), byte);
}

// `left` is minus the bytes from `to` and `from` on, or the bytes before them.
uint64_t a64_help_mops_copy(void *vcpu, uint64_t to, uint64_t from, uint64_t left, uint64_t indexes)
{
    struct vm_vcpu *v = vcpu;
    struct piece source, target;
    unsigned writes = indexes & 15, reads = indexes >> 4 & 15;
    bool backward = (int64_t)left > 0;
    uint64_t first_to = to - backward, first_from = from - backward; // the byte that is next
    enum place read = find(v, first_from, VM_ACCESS_READ, reads, &source);
    enum place write =
        read == RAISED ? RAISED : find(v, first_to, VM_ACCESS_WRITE, writes, &target);
    if (read == RAISED || write == RAISED)
        return left;
    if (read == ELSEWHERE || write == ELSEWHERE)
        return copy_byte(v, first_to, first_from, writes, reads) ? (backward ? left - 1 : left + 1)
                                                                 : left;
    if (backward) {
        uint64_t size = least(left, least(up_to(first_to), up_to(first_from)));
        copy_backward(target.host + 1, source.host + 1, size);
        note_write(v, &target, target.offset + 1 - size, size);
        return left - size;
    }
    uint64_t size = least(0 - left, least(in_page(to), in_page(from)));
    copy_forward(target.host, source.host, size);
    note_write(v, &target, target.offset, size);
    return left + size;
}
