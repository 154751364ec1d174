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

// A direct exit of a block: where it was last seen to lead. An engine's own link begins with one;
// the second half is the engine's, and lies here where there is room for it.
struct vm_link {
    struct vm_block *target;      // NULL: not linked
    struct vm_link *next, **prev; // among the links that lead to the same target
    bool far;                     // holds only while the mapping stands that it was set under
    uint8_t flags;
    uint16_t number;
    int32_t offset;
};

// There is one for every few guest instructions that were ever run: so it has no more than others
// cannot tell. The engine's own: links, link_count, part.
struct vm_block {
    struct vm_block_page *page;
    struct vm_block *page_next; // among those that begin in the same page
    struct vm_link *incoming;
    struct vm_link *links;            // the block's own exits
    struct vm_block_second *crossing; // of one whose last instruction goes on in a second page
    uint32_t version;                 // the page's code version when the bytes were read
    uint32_t mode;
    uint16_t offset; // in the page
    uint16_t link_count;
    uint8_t part; // of the engine's memory
    bool dropped; // or never kept: not in the cache, and nothing may link to it or from it
};

enum { VM_BLOCK_HASH_BITS = 17, VM_BLOCK_PAGE_HASH_BITS = 10 };

struct vm_block_page;
struct vm_block_second;
struct vm_block_node;

struct vm_block_cache {
    struct vm_arena pages_arena; // of pages, nodes and second pages
    size_t link_bytes;           // of the engine's own
    struct vm_block_node *hash[1 << VM_BLOCK_HASH_BITS];
    struct vm_block_node *free_nodes;
    struct vm_block_second *free_seconds;
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

// The cache starts zeroed. The engine's own links, which begin with a struct vm_link, have
// `link_bytes`.
void vm_block_cache_init(struct vm_block_cache *c, const struct vm_allocator *allocator,
                         size_t link_bytes);
void vm_block_cache_destroy(struct vm_block_cache *c);

// The block for the code at `gpa` (the physical address of `pc`) in mode `mode`, or NULL. NULL with
// an exception pending: the fetch of an instruction's second page raised it.
struct vm_block *vm_block_find(struct vm_block_cache *c, struct vm_vcpu *v, uint64_t pc, vm_gpa gpa,
                               uint32_t mode);

// Enters the block, which was made from `source`, if it may be found again: the code is as it was
// then, and a second page is one of which the TLB tells when it changes. Else it is `dropped` and
// runs once, as if before the code was written. False when memory is out.
bool vm_block_keep(struct vm_block_cache *c, const struct vm_vcpu *v, struct vm_block *b,
                   const struct vm_block_source *source);

// Drops every block whose code has been written since it was translated.
void vm_block_sync(struct vm_block_cache *c, struct vm_vcpu *v);

// Drops the blocks of one part of the engine's memory, so that it may be used anew.
void vm_block_drop_part(struct vm_block_cache *c, uint8_t part);

// Forgets all blocks without telling of their links: the engine drops their code as well.
void vm_block_forget_all(struct vm_block_cache *c);

// Whether a direct exit of `from`, which ran in the page at `page_base`, may lead to `to`, just
// found, without a look-up. A near one stays within the virtual page, and holds whatever the
// mapping: then it must be one physical page too.
bool vm_block_may_link(const struct vm_vcpu *v, const struct vm_block *from, uint64_t page_base,
                       const struct vm_block *to, bool near);

// Notes that `link` leads to `target`; a far one, while the mapping stands.
void vm_link_set(struct vm_link *link, struct vm_block *target, bool far);

#endif
