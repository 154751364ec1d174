// SPDX-License-Identifier: MIT
//
// The blocks that an engine has translated: found by physical address and mode, linked with one
// another, and dropped when the code that they were made from has been written.
//
// A block may be executed wherever its page is mapped, but links that leave the page say more: the
// page that they lead to is a neighbour only where the block's own page was mapped when they were
// set. So a page has one virtual address at a time at which its blocks can be reached without a
// look-up; a look-up at another one cuts what was known at the last.
//
// A cache belongs to one vCPU and its thread, so nothing here locks. An engine's own block begins
// with a struct vm_block. Only engines include this header.
#ifndef VM_CORE_BLOCK_H
#define VM_CORE_BLOCK_H

#include <vm/core/translate.h>

struct vm_block;

// A direct exit of a block: where it was last seen to lead. One that leaves its page holds only
// while the code mapping's generation is the one noted.
struct vm_link {
    struct vm_block *target; // NULL: not linked
    uint64_t generation;
    struct vm_link *next, **prev; // among the links that lead to the same target
    uint64_t site;                // the engine's own
};

struct vm_block {
    struct vm_block_source source;
    struct vm_block_page *page;
    struct vm_block *page_next;     // among those that begin in the same page
    struct vm_block *crossing_next; // among those that go on in the same second page
    struct vm_link *incoming;
    struct vm_link *links; // the block's own exits
    uint16_t link_count;
    bool dropped; // or never kept: not in the cache, and nothing may link to it or from it
};

enum { VM_BLOCK_HASH_BITS = 17, VM_BLOCK_PAGE_HASH_BITS = 10 };

struct vm_block_page;
struct vm_block_node;

struct vm_block_cache {
    struct vm_arena pages_arena; // of pages and nodes
    struct vm_block_node *hash[1 << VM_BLOCK_HASH_BITS];
    struct vm_block_node *free_nodes;
    struct vm_block_page *page_hash[1 << VM_BLOCK_PAGE_HASH_BITS];
    struct vm_block_page *pages;
    uint64_t code_writes; // the space's counter when the cache was last synchronised
    // Called for each link that loses its target, NULL: not wanted.
    void (*unlinked)(void *context, struct vm_link *link);
    // Called for each block that is dropped, or has its page moved to another virtual address: it
    // must not be reached by `pc`, where it was, without a look-up any more.
    void (*gone)(void *context, struct vm_block *b, uint64_t pc);
    void *context;
};

// The cache starts zeroed; `arena_chunk` is the allocation size of its page table.
void vm_block_cache_init(struct vm_block_cache *c, const struct vm_allocator *allocator);
void vm_block_cache_destroy(struct vm_block_cache *c);

// The block for the code at `gpa` (the physical address of `pc`) in mode `mode`, or NULL. NULL with
// an exception pending: the fetch of an instruction's second page raised it.
struct vm_block *vm_block_find(struct vm_block_cache *c, struct vm_vcpu *v, uint64_t pc, vm_gpa gpa,
                               uint32_t mode);

// Enters the block, which was translated at `pc`, if it may be found again: it is made from the
// code as it is now, and a second page is one of which the TLB tells when it changes. Else it is
// `dropped` and runs once, as if before the code was written. False when memory is out.
bool vm_block_keep(struct vm_block_cache *c, const struct vm_vcpu *v, struct vm_block *b,
                   uint64_t pc);

// Drops every block whose code has been written since it was translated.
void vm_block_sync(struct vm_block_cache *c, struct vm_vcpu *v);

// Drops the blocks for which `is_in` holds, so that their memory may be used anew.
void vm_block_drop_if(struct vm_block_cache *c, bool (*is_in)(void *context, struct vm_block *b),
                      void *context);

// Forgets all blocks without telling of their links: the engine drops their code as well.
void vm_block_forget_all(struct vm_block_cache *c);

// Whether a direct exit of `from`, which ran in the page at `page_base`, may lead to `to`, just
// found, without a look-up. A near one stays within the virtual page, and holds whatever the
// mapping: then it must be one physical page too.
bool vm_block_may_link(const struct vm_vcpu *v, const struct vm_block *from, uint64_t page_base,
                       const struct vm_block *to, bool near);

// Notes that `link` leads to `target` while the code mapping has `generation` (0: always).
void vm_link_set(struct vm_link *link, struct vm_block *target, uint64_t generation);

#endif
