// SPDX-License-Identifier: MIT
//
// A vCPU's soft TLBs. First level: direct-mapped arrays for reads, writes and code, a set of them
// per translation context (address space, privilege, and what else changes the meaning of an
// access), so that a context switch swaps a pointer and flushes nothing. Second level: one
// set-associative array with LRU for all contexts, which also knows MMIO pages.
//
// Both levels hold 4 KiB pieces of whatever pages the guest has; a flush of an address takes away
// every piece of the page around it. Second-level entries carry the number of the last flush before
// they were filled, and hold as long as nothing that covers them was flushed later: everything,
// their address space, or, for pieces of large pages, their large page. So no flush looks at them
// all. Address spaces and large pages share numbers by hash; at worst a flush takes away too much.
//
// A data entry that another one takes the slot of goes aside, to a smaller array by another index,
// where generated code looks before it leaves a miss to C: so two pages of one slot that are used
// by turns, as a kernel's stack and what it works on often are, both stay.
//
// A first-level entry matches when (gva ^ tag) <= page size - access size: one compare covers the
// page, page crossing and so every alignment. An empty entry's tag differs from every address of
// its slot in bit 12.
//
// Owned and used by the vCPU's thread only. What other threads want flushed reaches it as a
// request (vm/core/vcpu.h).
#ifndef VM_MEM_TLB_H
#define VM_MEM_TLB_H

#include <vm/mem/space.h>

enum {
    VM_TLB_BITS = 9,
    VM_TLB_ENTRIES = 1 << VM_TLB_BITS,
    VM_TLB_ASIDE_BITS = 6,
    VM_TLB_ASIDE = 1 << VM_TLB_ASIDE_BITS, // at most 64, for the bits of aside_used
    VM_TLB_CONTEXTS = 16,
    VM_TLB_RECENT = 32, // contexts that are found by hash
    VM_TLB_REGIMES = 4,
    VM_TLB_SEEN = 1 << 11, // places for pages whose code mappings were used
    VM_TLB2_WAYS = 8,
    VM_TLB2_SETS = 512,
    VM_TLB_ASIDS = 256,  // numbers of flushes by address space
    VM_TLB_LARGE = 1024, // numbers of flushes by large page
};

enum vm_access {
    VM_ACCESS_READ = 1,
    VM_ACCESS_WRITE = 2,
    VM_ACCESS_EXECUTE = 4,
};

struct vm_tlb_entry {
    uint64_t tag;    // page base of the gva
    uint64_t addend; // host address = gva + addend
};

struct vm_tlb_code_entry {
    uint64_t tag;
    uint64_t addend;
    vm_gpa page; // guest-physical base of the page
    const struct vm_region *region;
    uint16_t last; // offset of the last byte that may be fetched; less than the page's in an entry
                   // that is not kept
    bool global;   // the mapping is that of every address space
    uint8_t attributes; // as in struct vm_translation
};

// Identifies a translation context. The frontend chooses `key`: equal keys must mean equal
// translations; `asid` serves flushes by address space.
struct vm_tlb_key {
    uint64_t key;
    uint64_t space; // e.g. the root of the page table
    uint32_t asid;
    uint32_t regime; // what global translations hold for: part of what `key` says
};

// The pages whose code mappings were used: a flush of any other page leaves the generation alone. A
// hash table with open addressing, at most half full.
struct vm_tlb_seen {
    uint64_t page[VM_TLB_SEEN];     // gva >> 12, plus 1; 0: empty
    uint16_t used[VM_TLB_SEEN / 2]; // which places are not
    uint32_t count;
};

// Addresses that global translations were remembered for, without top bytes.
struct vm_tlb_globals {
    uint64_t first, last; // first > last: none
};

// The global code mappings of a regime. They outlive switches of the address space.
struct vm_tlb_regime {
    uint32_t regime;
    uint64_t code_generation; // changes whenever one of them may have changed
    struct vm_tlb_seen seen;
};

// What a code mapping rests on: index of vm_tlb.code_generations.
enum vm_tlb_rests { VM_TLB_ON_CONTEXT, VM_TLB_ON_REGIME };

// Which entries of an array are filled.
struct vm_tlb_used {
    uint16_t index[VM_TLB_ENTRIES];
    uint32_t count;
};

struct vm_tlb_context {
    struct vm_tlb_entry read[VM_TLB_ENTRIES];
    struct vm_tlb_entry write[VM_TLB_ENTRIES];
    struct vm_tlb_entry aside[2][VM_TLB_ASIDE]; // of read and write
    struct vm_tlb_code_entry code[VM_TLB_ENTRIES];
    struct vm_tlb_key key;
    uint64_t code_generation; // changes whenever a code mapping of this context may have changed
    struct vm_tlb_seen seen;  // since the context was cleared
    uint64_t last_use;
    struct vm_tlb_used used[3]; // of read, write and code
    bool live;
    uint64_t aside_used[2]; // a bit for each place aside that has been filled
    uint64_t wrote[8];      // by hash of the host's page, those that may be written
};

enum {
    // An attribute: data accesses that are not naturally aligned fail, even those of ops that do
    // not ask for alignment (Arm's Device memory).
    VM_PAGE_ALIGNED = 0x80,
};

// What the page walk of a frontend found.
struct vm_translation {
    vm_gpa page;     // guest-physical base of the 4 KiB page
    uint8_t allowed; // VM_ACCESS_* that this context may do without another walk
    uint8_t shift;   // log2 of the size of the guest's page, below 64; VM_PAGE_SHIFT or less: 4 KiB
    // The offsets of the first and last byte around the address for which that holds: less than the
    // page where protection is finer. Such a translation is not remembered.
    uint16_t first, last;
    bool global; // the same in every address space of the context's regime
    // VM_PAGE_ALIGNED; the other bits are the frontend's and part of the execution mode for which
    // code of the page is translated (VM_MODE_OF_PAGE).
    uint8_t attributes;
};

static inline bool vm_translation_is_whole(const struct vm_translation *t)
{
    return t->first == 0 && t->last == VM_PAGE_MASK;
}

struct vm_tlb2_entry {
    uint64_t vpage;      // gva >> 12
    uint64_t key, space; // of the context
    vm_gpa page;
    uint32_t asid;
    uint32_t age;
    uint32_t flush;  // the last flush before it was filled
    uint8_t allowed; // 0: empty
    uint8_t shift;   // as in struct vm_translation
    bool global;     // holds for every space of the key's regime; stays when a space is flushed
    uint8_t attributes;
};

struct vm_tlb_level2 {
    struct vm_tlb2_entry entries[VM_TLB2_SETS * VM_TLB2_WAYS];
    uint32_t flush;                     // number of the last flush
    uint32_t flush_all;                 // of the last one of everything
    uint32_t asid_flush[VM_TLB_ASIDS];  // of address spaces
    uint32_t large_flush[VM_TLB_LARGE]; // of large pages; 0: there is none since flush_all
    uint64_t large_shifts;              // bit n: there are pages of 2^n bytes since then
};

struct vm_tlb_stats {
    uint64_t l1_misses, l2_hits, walks, flushes, page_flushes, context_switches;
};

struct vm_tlb {
    struct vm_tlb_context *data;  // current, for loads and stores
    struct vm_tlb_context *code;  // current, for fetches
    struct vm_tlb_context *other; // for MMU index 1; `none`: every such access walks
    struct vm_tlb_context *contexts;
    struct vm_tlb_context *none; // always empty
    struct vm_tlb_level2 *level2;
    struct vm_space *space;
    uint64_t clock;
    // The code generation of the current context and that of its regime, where generated code finds
    // them. No number is given out twice, and the low half of none is 0.
    uint64_t code_generations[2];
    uint64_t generations; // the last code generation given out
    struct vm_tlb_regime regimes[VM_TLB_REGIMES];
    struct vm_tlb_regime *regime;     // of the current code context
    struct vm_tlb_globals globals[2]; // in each half of the address space, since all was flushed
    uint8_t recent[VM_TLB_RECENT];
    struct vm_tlb_stats stats;
};

vm_status vm_tlb_init(struct vm_tlb *t, struct vm_space *space,
                      const struct vm_allocator *allocator, struct vm_error *e);
void vm_tlb_destroy(struct vm_tlb *t, const struct vm_allocator *allocator);

// Makes the context of `key` current for data or for code, evicting the least recently used one
// when all are taken.
void vm_tlb_select_data(struct vm_tlb *t, const struct vm_tlb_key *key);
void vm_tlb_select_code(struct vm_tlb *t, const struct vm_tlb_key *key);

// The same for loads and stores with MMU index 1; NULL: they have no context.
void vm_tlb_select_other(struct vm_tlb *t, const struct vm_tlb_key *key);

// What was current, to be so again without a look at keys.
struct vm_tlb_selection {
    struct vm_tlb_context *data, *code, *other;
    struct vm_tlb_regime *regime;
    uint64_t switches; // of contexts that were given to other keys until then
};
void vm_tlb_note_selection(const struct vm_tlb *t, struct vm_tlb_selection *out);

// Makes it current. False: a context has another key by now, or nothing was noted (all zeros).
bool vm_tlb_select_again(struct vm_tlb *t, const struct vm_tlb_selection *s);

// Second-level look-up for the given context; true if the access is allowed there.
bool vm_tlb_find(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva, enum vm_access access,
                 struct vm_translation *out);

// Remembers a translation at both levels. Writability is cached in the first level only for RAM
// pages without translated lines and, while dirty tracking is on, already dirty ones.
void vm_tlb_fill(struct vm_tlb *t, struct vm_tlb_context *c, vm_gva gva, enum vm_access access,
                 const struct vm_translation *translation);

// Flushes: everything; all of one address space; the pages, of any size, around the addresses from
// first to last, in every context or in those of one address space. What is global stays when one
// address space is flushed, but with `and_global`. Addresses that differ in their top byte only are
// flushed together: Arm has tags there, which guests may or may not have the MMU ignore.
void vm_tlb_flush_all(struct vm_tlb *t);
void vm_tlb_flush_asid(struct vm_tlb *t, uint32_t asid);
void vm_tlb_flush_pages(struct vm_tlb *t, vm_gva first, vm_gva last);
void vm_tlb_flush_pages_asid(struct vm_tlb *t, vm_gva first, vm_gva last, uint32_t asid,
                             bool and_global);

// Forgets cached writability of the RAM page at host address `page`, in every context.
void vm_tlb_protect_page(struct vm_tlb *t, const void *page);

static VM_ALWAYS_INLINE unsigned vm_tlb_index(uint64_t gva)
{
    return gva >> VM_PAGE_SHIFT & (VM_TLB_ENTRIES - 1);
}

// The index aside. Generated code computes the same.
static VM_ALWAYS_INLINE unsigned vm_tlb_aside_index(uint64_t gva)
{
    return (gva ^ gva >> VM_TLB_BITS) >> VM_PAGE_SHIFT & (VM_TLB_ASIDE - 1);
}

static VM_ALWAYS_INLINE bool vm_tlb_hit(uint64_t tag, uint64_t gva, unsigned size)
{
    return (gva ^ tag) <= VM_PAGE_SIZE - size;
}

#endif
