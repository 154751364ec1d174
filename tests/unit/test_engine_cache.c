// SPDX-License-Identifier: MIT
//
// An engine's cache: what is translated when, found again, linked, and dropped. Programs of a tiny
// instruction set: code that is written, pages that move, breakpoints, steps, modes, requests.
// Linked with one engine (tested_engine.h).
#include "tested_engine.h"
#include "tiny_guest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vm/base/memory.h>

// --- the rig ---

enum { PAGE = VM_PAGE_SIZE, RX = VM_ACCESS_READ | VM_ACCESS_EXECUTE, RWX = 7 };

static struct rig rig;

static struct vm_vcpu *vcpu(void)
{
    return rig.v[0];
}

static uint64_t *x(void)
{
    return ((struct tiny_state *)vcpu()->state)->x;
}

static int set_up(void **state)
{
    (void)state;
    rig_init(&rig, 2, &tiny_guest, tested_engine.ops);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

#define INSN(op, a, b, imm) (uint8_t)(op), (uint8_t)(a), (uint8_t)(b), (uint8_t)(imm)
#define FAR(op, a, offset)  (uint8_t)(op), (uint8_t)(a), (uint8_t)(offset), (uint8_t)((offset) >> 8)

// Puts bytes into RAM at an offset, behind the guest's back.
static void poke(uint64_t offset, const uint8_t *bytes, size_t size)
{
    memcpy(rig.ram + offset, bytes, size);
}
#define POKE(offset, ...) \
    poke(offset, (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

// The same as a store of the guest.
static void write(uint64_t gva, const uint8_t bytes[4])
{
    assert_true(rig_store(vcpu(), gva, 4, vm_load_le32(bytes)));
}
#define WRITE(gva, ...) write(gva, (const uint8_t[]){__VA_ARGS__})

static void remap(uint64_t gva, uint64_t gpa)
{
    for (unsigned i = 0; i < rig.mapping_count; i++) {
        if (rig.mappings[i].gva == gva)
            rig.mappings[i].gpa = gpa;
    }
}

// Runs from `pc` until the program waits.
static void run_from(uint64_t pc)
{
    vm_vcpu_set_pc(vcpu(), pc);
    vcpu()->exception.pending = false;
    assert_int_equal(vm_vcpu_run(vcpu()), VM_RUN_WAITING);
}

static enum vm_engine_exit engine_from(uint64_t pc)
{
    vm_vcpu_set_pc(vcpu(), pc);
    vcpu()->exception.pending = false;
    return vcpu()->engine->run(vcpu());
}

static struct vm_engine_stats engine_stats(void)
{
    struct vm_engine_stats s;
    vcpu()->engine->stats(vcpu(), &s);
    return s;
}

// --- running ---

static void loops_count_exactly(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(ADD, 2, 2, 3), INSN(ADD, 1, 1, -1), FAR(BNZ, 1, -8), INSN(WAIT, 0, 0, 0));
    x()[1] = 1000;
    run_from(0x1000);
    assert_int_equal(x()[2], 3000);
    assert_int_equal(vcpu()->icount, 3001);
    assert_int_equal(vm_vcpu_pc(vcpu()), 0x1010);
    // Found again, and linked: nothing is translated or looked up any more.
    struct vm_engine_stats before = engine_stats();
    x()[1] = 1000;
    run_from(0x1000);
    assert_int_equal(engine_stats().blocks, before.blocks);
    assert_true(engine_stats().block_lookups - before.block_lookups <= 1);
}

static void steps_and_limits_are_exact(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(ADD, 2, 2, 3), INSN(ADD, 1, 1, -1), FAR(BNZ, 1, -8), INSN(WAIT, 0, 0, 0));
    struct vm_vcpu *v = vcpu();
    static const uint64_t pcs[] = {0x1000, 0x1004, 0x1008};
    x()[1] = 10;
    vm_vcpu_set_pc(v, 0x1000);
    for (unsigned n = 0; n < 30; n++) {
        assert_int_equal(vm_vcpu_pc(v), pcs[n % 3]);
        assert_int_equal(x()[2], (n + 2) / 3 * 3);
        v->insn_limit = v->icount + 1;
        assert_int_equal(vm_vcpu_run(v), VM_RUN_LIMIT);
        assert_int_equal(v->icount, n + 1);
    }
    v->insn_limit = v->icount + 5;
    assert_int_equal(vm_vcpu_run(v), VM_RUN_WAITING);
    v->insn_limit = v->icount;
    assert_int_equal(vm_vcpu_run(v), VM_RUN_LIMIT);
    x()[1] = 100;
    vm_vcpu_set_pc(v, 0x1000);
    v->insn_limit = v->icount + 100;
    assert_int_equal(vm_vcpu_run(v), VM_RUN_LIMIT);
    assert_int_equal(v->icount, 131);
    assert_int_equal(vm_vcpu_pc(v), 0x1004);
}

// The most memory that is in use while so many steps are made.
static uint64_t most_live_bytes(unsigned steps)
{
    uint64_t most = 0, end = vcpu()->icount + steps;
    while (vcpu()->icount < end) {
        vcpu()->insn_limit = vcpu()->icount + 20;
        assert_int_equal(vm_vcpu_run(vcpu()), VM_RUN_LIMIT);
        uint64_t live = atomic_load(&rig.host.live_bytes);
        most = live > most ? live : most;
    }
    return most;
}

static void steps_leave_nothing_behind(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(ADD, 2, 2, 3), FAR(JMP, 0, -4));
    vm_vcpu_set_pc(vcpu(), 0x1000);
    vcpu()->insn_limit = 1000;
    assert_int_equal(vm_vcpu_run(vcpu()), VM_RUN_LIMIT);
    // What steps leave is thrown away now and then.
    uint64_t most = most_live_bytes(3000);
    vcpu()->insn_limit = 100000;
    assert_int_equal(vm_vcpu_run(vcpu()), VM_RUN_LIMIT);
    assert_int_equal(most_live_bytes(3000), most);
}

static void raise_at_helper(struct vm_vcpu *v)
{
    vm_vcpu_raise(v, 0x99, vm_vcpu_pc(v));
}

static void faults_are_exact(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0x2000, 0x70000000, RX);
    POKE(0, INSN(ADD, 1, 1, 1), INSN(ADD, 2, 2, 1), INSN(LD, 3, 4, 0), INSN(ADD, 1, 1, 1));
    struct vm_vcpu *v = vcpu();
    x()[4] = 0x9000;
    assert_int_equal(engine_from(0x1000), VM_ENGINE_EXCEPTION);
    rig_expect_exception(v, RIG_PAGE_FAULT + VM_ACCESS_READ, 0x9000);
    assert_int_equal(vm_vcpu_pc(v), 0x1008);
    assert_int_equal(v->icount, 2);
    assert_int_equal(x()[1], 1);
    // The trap itself, and what a helper raises.
    POKE(0x100, INSN(ADD, 1, 1, 1), INSN(TRAP, 0, 0, 0), INSN(ADD, 5, 5, 1), INSN(HELP, 0, 0, 0));
    assert_int_equal(engine_from(0x1100), VM_ENGINE_EXCEPTION);
    rig_expect_exception(v, TRAP, TRAP);
    assert_int_equal(vm_vcpu_pc(v), 0x1104);
    assert_int_equal(v->icount, 3);
    tiny_help = raise_at_helper;
    assert_int_equal(engine_from(0x1108), VM_ENGINE_EXCEPTION);
    rig_expect_exception(v, 0x99, 0x110c); // the helper sees the PC
    assert_int_equal(v->icount, 4);
    // Fetches: nothing mapped, nobody there.
    POKE(0x200, FAR(JMP, 0, 0xe00));
    assert_int_equal(engine_from(0x1200), VM_ENGINE_EXCEPTION);
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_EXECUTE, 0x2000);
}

static void ask(struct vm_vcpu *v)
{
    vm_vcpu_request(v, VM_REQUEST_IRQ);
}

static void requests_are_seen_at_the_next_exit(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RX);
    tiny_help = ask;
    struct vm_vcpu *v = vcpu();
    POKE(0, INSN(HELP, 0, 0, 0), INSN(ADD, 1, 1, 1), FAR(JMP, 0, 0xff8));   // far
    POKE(PAGE, INSN(ADD, 1, 1, 1), INSN(HELP, 0, 0, 0), INSN(JR, 2, 0, 0)); // near, then indirect
    x()[2] = 0x1000;
    // Late: at the way to the other page, and at the indirect jump.
    static const uint64_t stops[2][2] = {{0x1004, 0x2008}, {0x2000, 0x1000}};
    for (unsigned n = 0; n < 20; n++) {
        if (n == 0)
            vm_vcpu_set_pc(v, 0x1000);
        atomic_store(&v->request, 0);
        assert_int_equal(v->engine->run(v), VM_ENGINE_REQUEST);
        if (tested_engine.polls_late && n < 2) // nothing is linked yet
            continue;
        assert_int_equal(vm_vcpu_pc(v), stops[tested_engine.polls_late][n % 2]);
        assert_int_equal(x()[1], tested_engine.polls_late ? n + 1 : (n + 1) / 2 * 2);
    }
}

// --- code that is written ---

// Two functions in one page: the first is written after it was translated, the second translated
// after that. The fence must still find the first stale.
static void written_code_is_seen_after_sync(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RWX);
    POKE(0, INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    POKE(0x400, INSN(ADD, 1, 0, 2), INSN(WAIT, 0, 0, 0));
    POKE(0x800, INSN(SYNC, 0, 0, 0), INSN(WAIT, 0, 0, 0));
    run_from(0x1000);
    assert_int_equal(x()[1], 1);
    WRITE(0x1000, INSN(ADD, 1, 0, 5));
    run_from(0x1400);
    assert_int_equal(x()[1], 2);
    run_from(0x1800);
    run_from(0x1000);
    assert_int_equal(x()[1], 5);
    uint64_t blocks = engine_stats().blocks;
    run_from(0x1800); // nothing was written: nothing is dropped
    run_from(0x1000);
    run_from(0x1400);
    assert_int_equal(engine_stats().blocks, blocks);
    WRITE(0x1400, INSN(ADD, 1, 0, 6));
    run_from(0x1800);
    run_from(0x1400);
    assert_int_equal(x()[1], 6);
    run_from(0x1000);
    assert_int_equal(x()[1], 5);
}

static void links_to_written_code_are_cut(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RWX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RWX);
    POKE(0, FAR(JMP, 0, 0x100));
    POKE(0x100, FAR(JMP, 0, 0xf00)); // to 0x2000
    POKE(0x800, INSN(SYNC, 0, 0, 0), INSN(WAIT, 0, 0, 0));
    POKE(PAGE, INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    for (uint8_t n = 1; n < 20; n++) {
        run_from(0x1000);
        run_from(0x1000);
        assert_int_equal(x()[1], n);
        WRITE(0x2000, INSN(ADD, 1, 0, n + 1));
        run_from(0x1800);
    }
    // The one in the middle, between two links.
    WRITE(0x1100, INSN(ADD, 1, 0, 77));
    WRITE(0x1104, INSN(WAIT, 0, 0, 0));
    run_from(0x1800);
    run_from(0x1000);
    assert_int_equal(x()[1], 77);
}

// A block that drops itself runs on to its end, and is not linked any more.
static void code_may_drop_itself(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RWX);
    // st x3 over the ADD ahead; sync; ADD; back to the start until x2 is 0.
    POKE(0, INSN(ST, 3, 4, 0), INSN(SYNC, 0, 0, 0));
    POKE(0x40, INSN(ADD, 1, 1, 1), INSN(ADD, 2, 2, -1), FAR(BNZ, 2, -0x48), INSN(WAIT, 0, 0, 0));
    POKE(8, FAR(JMP, 0, 0x38));
    const uint8_t changed[8] = {INSN(ADD, 1, 1, 10), INSN(ADD, 2, 2, -1)};
    x()[2] = 5;
    x()[3] = vm_load_le64(changed);
    x()[4] = 0x1040;
    run_from(0x1000);
    assert_int_equal(x()[1], 50);
}

static void other_vcpus_see_it_after_their_sync(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RWX);
    POKE(0, INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    struct vm_vcpu *other = rig.v[1];
    const struct tiny_state *s = other->state;
    run_from(0x1000);
    for (uint8_t n = 1; n < 10; n++) {
        vm_vcpu_set_pc(other, 0x1000);
        assert_int_equal(vm_vcpu_run(other), VM_RUN_WAITING);
        assert_int_equal(s->x[1], n);
        WRITE(0x1000, INSN(ADD, 1, 0, n + 1));
        vm_vcpu_post_work(vcpu(), other, &(struct vm_work){.kind = VM_WORK_SYNC_CODE});
    }
}

// --- instructions across pages ---

static void instructions_may_cross_pages(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RWX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RWX);
    const uint8_t one[] = {INSN(ADD, 1, 1, 7), INSN(WAIT, 0, 0, 0)};
    POKE(0xff8, NOP, 0, INSN(ADD, 1, 0, 1));
    poke(0xffe, one, sizeof one);
    run_from(0x1ff8);
    assert_int_equal(x()[1], 8);
    assert_int_equal(vcpu()->icount, 4);
    // Its second half is written, then moves to another page.
    WRITE(0x2000, 1, 9, WAIT, 0);
    vcpu()->engine->sync_code(vcpu());
    run_from(0x1ff8);
    assert_int_equal(x()[1], 10);
    const uint8_t elsewhere[] = {1, 20, INSN(WAIT, 0, 0, 0)};
    poke(2 * PAGE, elsewhere, sizeof elsewhere);
    remap(0x2000, RIG_RAM + 2 * PAGE);
    vm_tlb_flush_pages(&vcpu()->tlb, vm_gva_of(0x2000), vm_gva_of(0x2000));
    run_from(0x1ff8);
    assert_int_equal(x()[1], 21);
    remap(0x2000, RIG_RAM + PAGE);
    vm_tlb_flush_pages(&vcpu()->tlb, vm_gva_of(0x2000), vm_gva_of(0x2000));
    run_from(0x1ff8);
    assert_int_equal(x()[1], 10);
    // The second page goes away: the fault names it, the PC the instruction.
    rig.mapping_count = 1;
    vm_tlb_flush_pages(&vcpu()->tlb, vm_gva_of(0x2000), vm_gva_of(0x2000));
    assert_int_equal(engine_from(0x1ffe), VM_ENGINE_EXCEPTION);
    rig_expect_exception(vcpu(), RIG_PAGE_FAULT + VM_ACCESS_EXECUTE, 0x2000);
    assert_int_equal(vm_vcpu_pc(vcpu()), 0x1ffe);
    assert_int_equal(engine_from(0x1ff8), VM_ENGINE_EXCEPTION);
    assert_int_equal(vm_vcpu_pc(vcpu()), 0x1ffe);
}

// --- pages that move ---

// One physical page under several addresses: found again, and position-independent.
static void translations_belong_to_physical_pages(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0xffffffff80007000u, RIG_RAM, RX);
    rig_map(&rig, 0, RIG_RAM, RX);
    POKE(0x10, INSN(PC, 1, 0, 0), FAR(JMP, 0, 0x100));
    POKE(0x114, INSN(PC, 2, 0, 0), INSN(WAIT, 0, 0, 0));
    static const uint64_t bases[] = {0x1000, 0xffffffff80007000u, 0};
    uint64_t blocks = 0;
    for (unsigned round = 0; round < 3; round++) {
        for (size_t i = 0; i < VM_ARRAY_SIZE(bases); i++) {
            run_from(bases[i] + 0x10);
            assert_int_equal(x()[1], bases[i] + 0x10);
            assert_int_equal(x()[2], bases[i] + 0x114);
            assert_int_equal(vm_vcpu_pc(vcpu()), bases[i] + 0x11c);
            blocks = blocks ? blocks : engine_stats().blocks;
        }
    }
    assert_int_equal(engine_stats().blocks, blocks);
}

static void flushed_pages_are_looked_up_anew(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RX);
    POKE(0, FAR(JMP, 0, 0x1000));
    POKE(PAGE, INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    POKE(2 * PAGE, INSN(ADD, 1, 0, 2), INSN(WAIT, 0, 0, 0));
    for (unsigned n = 0; n < 10; n++) {
        run_from(0x1000);
        run_from(0x1000);
        assert_int_equal(x()[1], n % 2 + 1);
        run_from(0x2000);
        assert_int_equal(x()[1], n % 2 + 1);
        remap(0x2000, RIG_RAM + (n % 2 ? PAGE : 2 * PAGE));
        vm_tlb_flush_pages(&vcpu()->tlb, vm_gva_of(0x2000), vm_gva_of(0x2000));
    }
}

// The same through indirect jumps, which an engine may remember by virtual address; and in another
// address space.
static void indirect_jumps_follow_the_mapping(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RX);
    POKE(0, INSN(JR, 5, 0, 0));
    POKE(PAGE, INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    POKE(2 * PAGE, INSN(ADD, 1, 0, 2), INSN(WAIT, 0, 0, 0));
    x()[5] = 0x2000;
    for (unsigned n = 0; n < 12; n++) {
        for (unsigned again = 0; again < 3; again++) {
            run_from(0x1000);
            assert_int_equal(x()[1], n % 2 + 1);
        }
        remap(0x2000, RIG_RAM + (n % 2 ? PAGE : 2 * PAGE));
        if (n < 6) {
            vm_tlb_flush_pages(&vcpu()->tlb, vm_gva_of(0x2000), vm_gva_of(0x2000));
            continue;
        }
        vm_tlb_flush_all(&vcpu()->tlb);
        vcpu()->engine->sync_code(vcpu());
    }
}

static void *ask_soon(void *context)
{
    const struct timespec soon = {.tv_nsec = 5000000};
    nanosleep(&soon, NULL);
    vm_vcpu_request(context, VM_REQUEST_IRQ);
    return NULL;
}

// How many instructions a loop has run when another thread made it leave: few where the machine was
// so busy that the other was quicker.
static uint64_t run_until_asked(uint64_t pc)
{
    pthread_t thread;
    atomic_store(&vcpu()->request, 0);
    assert_int_equal(pthread_create(&thread, NULL, ask_soon, vcpu()), 0);
    uint64_t before = vcpu()->icount;
    enum vm_engine_exit exit;
    vm_vcpu_set_pc(vcpu(), pc);
    do
        exit = vcpu()->engine->run(vcpu());
    while (exit == VM_ENGINE_RESYNC);
    pthread_join(thread, NULL);
    assert_int_equal(exit, VM_ENGINE_REQUEST);
    return vcpu()->icount - before;
}

// Loops of one block, of two in one page, over pages, and through an indirect jump are left when
// another thread asks.
static void loops_are_left_on_request(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RX);
    POKE(0, FAR(JMP, 0, 0));
    POKE(0x10, INSN(ADD, 1, 1, 1), FAR(BNZ, 2, -4));
    POKE(0x20, FAR(JMP, 0, 0x20));
    POKE(0x40, FAR(JMP, 0, -0x20));
    POKE(0x60, FAR(JMP, 0, 0xfa0));
    POKE(PAGE, FAR(JMP, 0, -0xfa0));
    POKE(0x80, INSN(JR, 3, 0, 0));
    x()[2] = 1;
    x()[3] = 0x1080;
    static const uint64_t loops[] = {0x1000, 0x1010, 0x1020, 0x1060, 0x1080};
    for (size_t i = 0; i < 2 * VM_ARRAY_SIZE(loops); i++) {
        unsigned tries = 0;
        while (run_until_asked(loops[i / 2]) <= 1000)
            assert_true(tries++ < 100);
        assert_true(vm_vcpu_pc(vcpu()) >= 0x1000 && vm_vcpu_pc(vcpu()) <= 0x2000);
    }
}

static void move_own_page(struct vm_vcpu *v)
{
    remap(0x1000, RIG_RAM + PAGE);
    vm_tlb_flush_pages(&v->tlb, vm_gva_of(0x1000), vm_gva_of(0x1000));
}

static void do_nothing(struct vm_vcpu *v)
{
    (void)v;
}

// The page of a block is replaced while it runs. Where its exit leads then must not stick to it.
static void near_links_stay_in_their_page(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(HELP, 0, 0, 0), INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    POKE(PAGE + 4, INSN(ADD, 1, 0, 2), INSN(WAIT, 0, 0, 0));
    tiny_help = move_own_page;
    run_from(0x1000);
    assert_int_equal(x()[1], 2);
    tiny_help = do_nothing;
    remap(0x1000, RIG_RAM);
    vm_tlb_flush_pages(&vcpu()->tlb, vm_gva_of(0x1000), vm_gva_of(0x1000));
    run_from(0x1000);
    assert_int_equal(x()[1], 1);
}

// One page at two addresses of one space. What lies behind it differs, so what leaves it does.
static void a_page_may_be_mapped_twice(void **state)
{
    (void)state;
    enum { AT = 0x1000, ALSO_AT = 0x5000, BACK = 0x9000 };
    rig_map(&rig, AT, RIG_RAM, RX);
    rig_map(&rig, AT + PAGE, RIG_RAM + PAGE, RX);
    rig_map(&rig, ALSO_AT, RIG_RAM, RX);
    rig_map(&rig, ALSO_AT + PAGE, RIG_RAM + 2 * PAGE, RX);
    rig_map(&rig, BACK, RIG_RAM + 3 * PAGE, RX);
    POKE(0, INSN(ADD, 3, 3, 1), FAR(JMP, 0, 0x3c));
    POKE(0x40, INSN(PC, 4, 0, 0), FAR(JMP, 0, PAGE - 0x44));
    POKE(PAGE, INSN(ADD, 1, 1, 1), INSN(JR, 5, 0, 0));
    POKE(2 * PAGE, INSN(ADD, 2, 2, 1), INSN(JR, 5, 0, 0));
    POKE(3 * PAGE, INSN(ADD, 6, 6, -1), FAR(BNZ, 6, 8), INSN(WAIT, 0, 0, 0), INSN(JR, 7, 0, 0));
    x()[5] = BACK;
    uint64_t seed = 1, left = 0, right = 0;
    for (unsigned n = 0; n < 200; n++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        bool first = seed >> 60 & 1;
        x()[6] = 1 + (seed >> 50 & 7);
        *(first ? &left : &right) += x()[6];
        x()[7] = first ? AT : ALSO_AT;
        run_from(x()[7]);
        assert_int_equal(x()[4], x()[7] + 0x40);
        assert_int_equal(x()[1], left);
        assert_int_equal(x()[2], right);
    }
    assert_int_equal(x()[3], left + right);
    assert_int_equal(engine_stats().blocks, 7); // one each, wherever it is executed
}

// --- pages whose protection is finer than a page ---

static void fine_pages_are_fetched_anew_each_time(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig.mappings[0].split = true;
    POKE(0, INSN(ADD, 1, 1, 1), INSN(HELP, 0, 0, 0), INSN(ADD, 1, 1, 1), FAR(JMP, 0, -12));
    tiny_help = do_nothing;
    uint64_t walks = vcpu()->tlb.stats.walks;
    vcpu()->insn_limit = 400;
    vm_vcpu_set_pc(vcpu(), 0x1000);
    assert_int_equal(vm_vcpu_run(vcpu()), VM_RUN_LIMIT);
    assert_int_equal(x()[1], 200);
    // Without a limit too, and without memory that grows.
    vcpu()->insn_limit = UINT64_MAX;
    tiny_help = ask;
    for (unsigned i = 0; i < 1000; i++) {
        atomic_store(&vcpu()->request, 0);
        assert_int_equal(vcpu()->engine->run(vcpu()), VM_ENGINE_REQUEST);
    }
    assert_int_equal(x()[1], 200 + 1 + 2 * 999);
    assert_true(vcpu()->tlb.stats.walks - walks >= vcpu()->icount);
    assert_true(atomic_load(&rig.host.live_bytes) < 8 << 20);
    // From another page, too.
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RX);
    POKE(PAGE, FAR(JMP, 0, -0x1000));
    for (unsigned i = 0; i < 3; i++) {
        atomic_store(&vcpu()->request, 0);
        assert_int_equal(engine_from(0x2000), VM_ENGINE_REQUEST);
    }
    // It is gone, without a flush.
    rig.mappings[0].allowed = 0;
    atomic_store(&vcpu()->request, 0);
    assert_int_equal(engine_from(0x2000), VM_ENGINE_EXCEPTION);
    rig_expect_exception(vcpu(), RIG_PAGE_FAULT + VM_ACCESS_EXECUTE, 0x1000);
    vm_vcpu_set_pc(vcpu(), 0x1008);
    atomic_store(&vcpu()->request, 0);
    uint64_t pc = vm_vcpu_pc(vcpu());
    assert_int_equal(vcpu()->engine->run(vcpu()), VM_ENGINE_EXCEPTION);
    rig_expect_exception(vcpu(), RIG_PAGE_FAULT + VM_ACCESS_EXECUTE, pc);
}

static void a_fine_second_page_is_fetched_anew_each_time(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RX);
    rig.mappings[1].split = true;
    const uint8_t one[] = {INSN(ADD, 1, 1, 7), INSN(WAIT, 0, 0, 0)};
    poke(0xffe, one, sizeof one);
    for (unsigned i = 1; i < 5; i++) {
        run_from(0x1ffe);
        assert_int_equal(x()[1], 7 * i);
    }
    rig.mapping_count = 1;
    assert_int_equal(engine_from(0x1ffe), VM_ENGINE_EXCEPTION);
    rig_expect_exception(vcpu(), RIG_PAGE_FAULT + VM_ACCESS_EXECUTE, 0x2000);
}

// --- work of others in the middle ---

// Another vCPU moves the page that is being translated, and has the flush done before it lets the
// translator go on.
static void move_meanwhile(void *context)
{
    struct vm_vcpu *v = vcpu();
    (void)context;
    if (atomic_load(&v->work_finished) < atomic_load(&v->work_posted))
        return;
    if (rig.mappings[0].gpa != RIG_RAM) {
        atomic_store(&rig.machine.protecting, false);
        return;
    }
    remap(0x1000, RIG_RAM + PAGE);
    v->work[v->work_count++] = (struct vm_work){VM_WORK_FLUSH_PAGE, 0x1000, 0x1000, 0};
    atomic_fetch_add(&v->work_posted, 1);
    atomic_fetch_or(&v->request, VM_REQUEST_WORK);
}

static void a_flush_meanwhile_is_heeded(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    POKE(PAGE, INSN(ADD, 1, 0, 2), INSN(WAIT, 0, 0, 0));
    rig.host.host.yield = move_meanwhile;
    for (unsigned single = 0; single < 2; single++) {
        remap(0x1000, RIG_RAM);
        vm_tlb_flush_all(&vcpu()->tlb);
        vcpu()->engine->flush(vcpu());
        atomic_store(&rig.machine.protecting, true);
        vcpu()->insn_limit = single ? vcpu()->icount + 10 : UINT64_MAX;
        x()[1] = 0;
        run_from(0x1000);
        assert_int_equal(x()[1], 2);
    }
}

// --- modes, breakpoints ---

static void translations_belong_to_their_mode(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, FAR(JMP, 0, 0x10));
    POKE(0x10, INSN(MODE, 1, 0, 0), INSN(WAIT, 0, 0, 0));
    for (unsigned n = 0; n < 12; n++) {
        vcpu()->mode = n % 4;
        run_from(0x1000);
        assert_int_equal(x()[1], n % 4);
    }
    assert_int_equal(engine_stats().blocks, 8);
}

static void expect_stop(enum vm_run_result result, uint64_t pc)
{
    assert_int_equal(vm_vcpu_run(vcpu()), result);
    assert_int_equal(vm_vcpu_pc(vcpu()), pc);
}

static void breakpoints_stop_before_their_instruction(void **state)
{
    (void)state;
    struct vm_machine *m = &rig.machine;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(ADD, 2, 2, 1), INSN(ADD, 1, 1, -1), FAR(BNZ, 1, -8), INSN(WAIT, 0, 0, 0));
    x()[1] = 3;
    run_from(0x1000); // as a block, linked to itself
    vm_machine_add_breakpoint(m, 0x1004, NULL);
    x()[1] = 3;
    x()[2] = 0;
    vm_vcpu_set_pc(vcpu(), 0x1000);
    for (unsigned n = 1; n <= 3; n++) {
        expect_stop(VM_RUN_BREAKPOINT, 0x1004);
        assert_int_equal(x()[2], n);
        assert_int_equal(x()[1], 4 - n);
    }
    expect_stop(VM_RUN_WAITING, 0x1010);
    // One at the very start is passed when the run begins there, and hit when it comes back.
    vm_machine_remove_breakpoint(m, 0x1004, NULL);
    vm_machine_add_breakpoint(m, 0x1000, NULL);
    x()[1] = 2;
    vm_vcpu_set_pc(vcpu(), 0x1000);
    expect_stop(VM_RUN_BREAKPOINT, 0x1000);
    expect_stop(VM_RUN_WAITING, 0x1010);
    // Steps stop at one, too, but not at the one they start from.
    x()[1] = 2;
    vm_vcpu_set_pc(vcpu(), 0x1000);
    vcpu()->insn_limit = vcpu()->icount + 2;
    expect_stop(VM_RUN_LIMIT, 0x1008);
    vcpu()->insn_limit = vcpu()->icount + 100;
    expect_stop(VM_RUN_BREAKPOINT, 0x1000);
    vcpu()->insn_limit = UINT64_MAX;
    vm_machine_remove_breakpoint(m, 0x1000, NULL);
    expect_stop(VM_RUN_WAITING, 0x1010);
}

// --- limits ---

static void memory_runs_out_cleanly(void **state)
{
    (void)state;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(ADD, 1, 0, 1), INSN(WAIT, 0, 0, 0));
    unsigned failures = 0;
    for (unsigned n = 0; n < 10; n++) {
        vcpu()->engine->destroy(vcpu());
        vm_vcpu_set_pc(vcpu(), 0x1000);
        atomic_store(&rig.host.fail_after, n);
        if (tested_engine.ops->create(vcpu(), NULL) != VM_OK) {
            failures++;
            atomic_store(&rig.host.fail_after, UINT64_MAX);
            assert_int_equal(tested_engine.ops->create(vcpu(), NULL), VM_OK);
        }
        enum vm_run_result result = vm_vcpu_run(vcpu());
        failures += result == VM_RUN_FAILED;
        assert_true(result == VM_RUN_FAILED || result == VM_RUN_WAITING);
        atomic_store(&rig.host.fail_after, UINT64_MAX);
        run_from(0x1000);
        assert_int_equal(x()[1], 1);
    }
    assert_true(failures >= 2 && failures < 9);
}

static void create_anew(uint64_t code_cache)
{
    vcpu()->engine->destroy(vcpu());
    rig.machine.engine_options.code_cache = code_cache;
    assert_int_equal(tested_engine.ops->create(vcpu(), NULL), VM_OK);
}

// More modes than the cache has room for translations of.
static void a_full_cache_makes_room(void **state)
{
    (void)state;
    enum { N = 2 * PAGE / 4 - 1, MODES = 60 };
    create_anew(300 << 10);
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    rig_map(&rig, 0x2000, RIG_RAM + PAGE, RX);
    for (unsigned i = 0; i < N; i++)
        POKE(4 * i, INSN(ADD, i % 8, (i + 3) % 8, 1));
    POKE(4 * N, INSN(WAIT, 0, 0, 0));
    uint64_t want[8] = {0};
    for (unsigned n = 0; n < 20 * MODES; n++) {
        for (unsigned i = 0; i < N; i++)
            want[i % 8] = want[(i + 3) % 8] + 1;
        vcpu()->mode = n / 3 % 4 ? n % 4 : n / 12 % MODES;
        run_from(0x1000);
        assert_memory_equal(x(), want, sizeof want);
        assert_true(atomic_load(&rig.host.live_bytes) < 16 << 20);
    }
    assert_true(engine_stats().cache_flushes > 10);
    assert_true(engine_stats().cache_bytes <= 400 << 10);
}

static void count_line(void *context, enum vm_trace_topic topic, const char *line)
{
    (void)line;
    if (topic == VM_TRACE_EXEC)
        ++*(unsigned *)context;
}

static void the_trace_shows_each_block(void **state)
{
    (void)state;
    unsigned lines = 0;
    rig_map(&rig, 0x1000, RIG_RAM, RX);
    POKE(0, INSN(ADD, 1, 1, -1), FAR(BNZ, 1, -4), INSN(WAIT, 0, 0, 0));
    rig.machine.trace.write = count_line;
    rig.machine.trace.context = &lines;
    atomic_store(&rig.machine.trace.mask, 1u << VM_TRACE_EXEC);
    x()[1] = 50;
    run_from(0x1000);
    assert_int_equal(lines, 51);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loops_count_exactly),
        TEST(steps_and_limits_are_exact),
        TEST(steps_leave_nothing_behind),
        TEST(faults_are_exact),
        TEST(requests_are_seen_at_the_next_exit),
        TEST(written_code_is_seen_after_sync),
        TEST(links_to_written_code_are_cut),
        TEST(code_may_drop_itself),
        TEST(other_vcpus_see_it_after_their_sync),
        TEST(instructions_may_cross_pages),
        TEST(translations_belong_to_physical_pages),
        TEST(flushed_pages_are_looked_up_anew),
        TEST(indirect_jumps_follow_the_mapping),
        TEST(loops_are_left_on_request),
        TEST(near_links_stay_in_their_page),
        TEST(a_page_may_be_mapped_twice),
        TEST(fine_pages_are_fetched_anew_each_time),
        TEST(a_fine_second_page_is_fetched_anew_each_time),
        TEST(a_flush_meanwhile_is_heeded),
        TEST(translations_belong_to_their_mode),
        TEST(breakpoints_stop_before_their_instruction),
        TEST(memory_runs_out_cleanly),
        TEST(a_full_cache_makes_room),
        TEST(the_trace_shows_each_block),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
