// SPDX-License-Identifier: MIT
//
// A virtual CPU: the guest's register file and everything an engine needs beside it.
//
// Ownership: all fields belong to the thread that runs the vCPU, except the atomic ones and the
// request list. Other threads reach a vCPU only through the functions under "from any thread".
#ifndef VM_CORE_VCPU_H
#define VM_CORE_VCPU_H

#include <stdatomic.h>
#include <vm/core/engine.h>
#include <vm/core/guest.h>
#include <vm/core/host.h>
#include <vm/mem/tlb.h>

struct vm_machine;

// Bits of vcpu->request: why generated code has to come back to the run loop.
enum {
    VM_REQUEST_IRQ = 1 << 0,   // an interrupt line or an enable changed
    VM_REQUEST_WORK = 1 << 1,  // flushes asked for by other vCPUs
    VM_REQUEST_STOP = 1 << 2,  // the machine stops, resets, or is paused
    VM_REQUEST_FLUSH = 1 << 3, // drop all translations (breakpoints)
    VM_REQUEST_LOOK = 1 << 4,  // the guest's `look`, which a timer of the frontend's asks for
};

// What other vCPUs may ask for.
enum vm_work_kind {
    VM_WORK_FLUSH_TLB,       // all
    VM_WORK_FLUSH_PAGE,      // the pages around first to last, all spaces
    VM_WORK_FLUSH_ASID,      // one space
    VM_WORK_FLUSH_PAGE_ASID, // those of one space
    VM_WORK_FLUSH_PAGE_BOTH, // the same, and what is global
    VM_WORK_SYNC_CODE,       // see code that was written
    VM_WORK_PROTECT,         // forget writability of the RAM page at host address `first`
};

struct vm_work {
    enum vm_work_kind kind;
    uint64_t first, last; // gva of the first and the last byte; a host address for PROTECT
    uint32_t asid;
};

enum { VM_WORK_SLOTS = 16, VM_RECENT_BLOCKS = 16 };

struct vm_exception {
    bool pending;
    uint64_t cause; // the guest's encoding
    uint64_t value; // RISC-V tval, ARM FAR, x86 error code and CR2 as the frontend says
};

// A load-reserved or exclusive load's reservation: by address and value, so ABA is accepted.
struct vm_reservation {
    void *host; // NULL: none
    vm_gpa gpa;
    uint8_t size;
    vm_u128 value;
};

// A wait for a reservation to be lost (wait.c): of which memory, with how many instructions retired
// the guest looked last, when it looked first, and how long a sleep is to be.
struct vm_stall {
    void *host;
    uint64_t icount, since, sleep; // ns
};

struct vm_vcpu_stats {
    uint64_t exceptions, interrupts, page_faults, mmio_reads, mmio_writes, waits;
    uint64_t exits[16]; // by enum vm_engine_exit
    uint64_t work_sent, work_done;
};

struct vm_vcpu {
    // The guest's struct (vm/core/arch/<isa>/state.h), in the same allocation as this one; scratch
    // of the engine lies behind it.
    void *state;
    const struct vm_guest_ops *guest;
    struct vm_machine *machine;
    uint32_t index;
    uint32_t mode;      // execution-mode bits, part of every translation's key; below bit 24
    uint32_t mmu_index; // what MMU index 0 stands for; the frontend's encoding
    struct vm_tlb tlb;
    struct vm_exception exception;
    uint64_t exception_icount;  // icount at the last exception,
    uint32_t exception_repeats; // and how many came since without an instruction retired
    struct vm_reservation reservation;
    struct vm_stall stall;
    uint64_t wait_until; // by the host's clock: when the wait that begins, or lasts, ends by itself
    bool loads_too;      // the store under way is that of an atomic operation, which loads, too

    const struct vm_engine_ops *engine;
    void *engine_data;
    uint64_t icount;     // instructions retired
    uint64_t insn_limit; // icount at which `run` comes back; UINT64_MAX for none
    uint64_t run_icount; // icount and PC when vm_vcpu_run was called: a breakpoint there is passed
    uint64_t run_pc;

    _Atomic uint32_t request;   // VM_REQUEST_*
    _Atomic uint64_t irq_lines; // levels that devices drive, by the frontend's line numbers
    _Atomic bool in_guest;      // between vm_vcpu_enter and vm_vcpu_leave
    _Atomic bool parked;        // not started, or stopped by the guest: waits for vm_vcpu_start

    struct vm_host_lock *work_lock;
    struct vm_work work[VM_WORK_SLOTS]; // under work_lock
    uint32_t work_count;                // beyond VM_WORK_SLOTS they collapse to a full flush
    _Atomic uint64_t work_posted, work_finished;

    uint64_t recent[VM_RECENT_BLOCKS]; // PCs at which blocks were looked up last, a ring
    uint32_t recent_next;
    struct vm_vcpu_stats stats;
};

// Allocates and initialises vCPU `index` of the machine, its state zeroed.
vm_status vm_vcpu_create(struct vm_machine *m, uint32_t index, struct vm_vcpu **out,
                         struct vm_error *e);
void vm_vcpu_destroy(struct vm_vcpu *v);

// Bytes of engine scratch behind the state struct.
enum { VM_VCPU_SCRATCH = 16384 };

// Why vm_vcpu_run came back.
enum vm_run_result {
    VM_RUN_STOPPED,    // the machine's stop was asked for (machine->stop)
    VM_RUN_WAITING,    // the guest waits: call again after a wake, or at wait_until
    VM_RUN_LIMIT,      // insn_limit reached
    VM_RUN_BREAKPOINT, // PC is at a breakpoint
    VM_RUN_FAILED,     // the host ran out of memory
};

// Runs the guest on the calling thread until one of the above.
enum vm_run_result vm_vcpu_run(struct vm_vcpu *v);

// True if a wait must end: has_work, its time, a stop, or a request is pending.
bool vm_vcpu_must_run(struct vm_vcpu *v);

// For frontends, of instructions that wait (VM_IR_EXIT_WAIT): the wait ends when has_work says so,
// or at wait_until, which they set and which is VM_TIMER_NEVER otherwise.

// Whether the memory that is reserved, if there is any, has still the value that was loaded.
bool vm_vcpu_reservation_holds(const struct vm_vcpu *v);
// What is to be done by an instruction that waits for a reservation to be lost, or for `until` (the
// host's clock, or VM_TIMER_NEVER), while it holds: true, wait, for wait_until is set; false, go
// on, for others have run meanwhile. `icount` is the instructions retired before it.
bool vm_vcpu_wait_while_reserved(struct vm_vcpu *v, uint64_t icount, uint64_t until);

// PC and other registers by index of the regfile; widths up to 64 bits.
uint64_t vm_vcpu_get(const struct vm_vcpu *v, uint16_t reg);
void vm_vcpu_set(struct vm_vcpu *v, uint16_t reg, uint64_t value);

// The guest's PC, which has 64 bits in every register file.
static inline uint64_t *vm_vcpu_pc_place(const struct vm_vcpu *v)
{
    const struct vm_regfile *r = v->guest->regfile;
    return (uint64_t *)(void *)((char *)v->state + r->registers[r->pc].offset);
}

static inline uint64_t vm_vcpu_pc(const struct vm_vcpu *v)
{
    return *vm_vcpu_pc_place(v);
}

static inline void vm_vcpu_set_pc(struct vm_vcpu *v, uint64_t pc)
{
    *vm_vcpu_pc_place(v) = pc;
}

// Enters the exception that is recorded, and counts it. False: it was a call that built-in firmware
// has answered, and the run loop has to look what the vCPU does next. For the run loop, and for
// engines that are inside vm_vcpu_run and go on by themselves.
bool vm_vcpu_take_exception(struct vm_vcpu *v);

// For engines: whether the PC is at a breakpoint, and not the one that vm_vcpu_run was called at.
bool vm_vcpu_at_breakpoint(const struct vm_vcpu *v);

// For engines: notes in `recent` that a block is looked up at `pc`.
void vm_vcpu_note_recent(struct vm_vcpu *v, uint64_t pc);

// Records an exception for the run loop.
static inline void vm_vcpu_raise(struct vm_vcpu *v, uint64_t cause, uint64_t value)
{
    v->exception = (struct vm_exception){true, cause, value};
}

// --- memory, by the vCPU's thread (access.c) ---

// The slow paths behind an inline TLB check, usable without one. `attr` is the op's attribute word
// (vm/ir/ir.h VM_IR_MEM); `size` 1 to 8. False: vcpu->exception is set.
bool vm_vcpu_load(struct vm_vcpu *v, vm_gva gva, uint32_t attr, uint64_t *value);
bool vm_vcpu_store(struct vm_vcpu *v, vm_gva gva, uint32_t attr, uint64_t value);
bool vm_vcpu_load128(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 *value);
bool vm_vcpu_store128(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 value);
bool vm_vcpu_load_reserved(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 *value);
bool vm_vcpu_store_conditional(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 value,
                               uint64_t *failed);
bool vm_vcpu_cas(struct vm_vcpu *v, vm_gva gva, uint32_t attr, vm_u128 expected, vm_u128 desired,
                 vm_u128 *old);
bool vm_vcpu_rmw(struct vm_vcpu *v, vm_gva gva, uint32_t attr, uint64_t operand, uint64_t *old);

// Translates a data access without performing it.
bool vm_vcpu_translate(struct vm_vcpu *v, vm_gva gva, enum vm_access access, unsigned index,
                       struct vm_translation *out);

// The code page at `pc` through the code TLB. False: vcpu->exception is set.
bool vm_vcpu_fetch_page(struct vm_vcpu *v, vm_gva pc, struct vm_tlb_code_entry *out);

// Whether the code TLB has the page at `pc`. After a fetch it has, unless the page's protection is
// finer than a page: then every instruction there has to be fetched anew.
static inline bool vm_vcpu_code_is_cached(const struct vm_vcpu *v, vm_gva pc)
{
    return vm_tlb_hit(v->tlb.code->code[vm_tlb_index(pc.v)].tag, pc.v, 1);
}

// Marks lines [first, last] (byte offsets in the region) as translated: later writes there are
// seen by every vCPU.
void vm_vcpu_watch_code(struct vm_vcpu *v, const struct vm_region *r, uint64_t first,
                        uint64_t last);

// --- from any thread ---

void vm_vcpu_request(struct vm_vcpu *v, uint32_t bits);

// Drives interrupt line `line` of the vCPU; a change wakes it.
void vm_vcpu_set_irq(struct vm_vcpu *v, uint32_t line, bool level);

// --- from the thread of another vCPU, `self` (which does its own pending work while it waits) ---

// Has `target` do the work before it executes another instruction. Returns when that is certain.
void vm_vcpu_post_work(struct vm_vcpu *self, struct vm_vcpu *target, const struct vm_work *work);
// Does work on the own vCPU.
void vm_vcpu_do_work(struct vm_vcpu *v, const struct vm_work *work);

#endif
