// SPDX-License-Identifier: MIT
//
// The CSRs of the RISC-V advanced interrupt architecture, with real interrupt files behind them and
// without, and the virtual interrupts of mvien and mvip.
#include "riscv_rig.h"

#include <string.h>

#include <vm/device/imsic.h>

enum { U = 0, S = 1, M = 3 };

#define ALL UINT64_MAX

enum {
    CSR_SISELECT = 0x150,
    CSR_SIREG = 0x151,
    CSR_STOPEI = 0x15c,
    CSR_MVIEN = 0x308,
    CSR_MVIP = 0x309,
    CSR_MISELECT = 0x350,
    CSR_MIREG = 0x351,
    CSR_MTOPEI = 0x35c,
    CSR_STOPI = 0xdb0,
    CSR_MTOPI = 0xfb0,
};

enum { EIDELIVERY = 0x70, EITHRESHOLD = 0x72, EIP = 0x80, EIE = 0xc0 };
enum { SSI = 1 << 1, MSI = 1 << 3, STI = 1 << 5, MTI = 1 << 7, SEI = 1 << 9, MEI = 1 << 11 };

#define STATEEN_IMSIC  (1ull << 58)
#define STATEEN_AIA    (1ull << 59)
#define STATEEN_CSRIND (1ull << 60)

static const unsigned all_csrs[] = {CSR_SISELECT, CSR_SIREG, CSR_STOPEI, CSR_MVIEN, CSR_MVIP,
                                    CSR_MISELECT, CSR_MIREG, CSR_MTOPEI, CSR_STOPI, CSR_MTOPI};

struct bed {
    struct riscv_rig r;
    struct vm_device machine, supervisor;
};

static void drive(void *target, uint32_t line, bool level)
{
    vm_vcpu_set_irq(target, line, level);
}

static void make_imsic(struct bed *b, struct vm_device *out, uint64_t base, uint32_t line)
{
    struct vm_imsic_config c = {.base = {base}, .harts = 1, .irq = {{drive, b->r.v, line}}};
    assert_int_equal(vm_imsic_create(&b->r.machine, &c, out, NULL), VM_OK);
    out->ops->reset(out->device);
}

// A hart with both files, everything open to S-mode.
static void start(struct bed *b, const char *cpu)
{
    rig_start(&b->r, cpu);
    make_imsic(b, &b->machine, 0x24000000, VM_RISCV64_MEI);
    make_imsic(b, &b->supervisor, 0x28000000, VM_RISCV64_SEI);
    const struct vm_riscv64_imsic imsic = {vm_imsic_file(&b->machine, 0),
                                           vm_imsic_file(&b->supervisor, 0)};
    assert_int_equal(vm_riscv64_connect_imsics(&b->r.machine, &imsic, NULL), VM_OK);
    if (strstr(cpu, "max") && !strstr(cpu, "-smstateen"))
        rig_write(&b->r, CSR_MSTATEEN0, ALL);
}

static void stop(struct bed *b)
{
    vm_device_destroy(&b->machine);
    vm_device_destroy(&b->supervisor);
    rig_stop(&b->r);
}

static void send(struct bed *b, unsigned level, uint32_t identity)
{
    const struct vm_device *d = level == M ? &b->machine : &b->supervisor;
    assert_true(vm_imsic_message(d, d->base.v, identity));
}

static void put_file(struct bed *b, unsigned level, unsigned number, uint64_t value)
{
    rig_write(&b->r, level == M ? CSR_MISELECT : CSR_SISELECT, number);
    rig_write(&b->r, level == M ? CSR_MIREG : CSR_SIREG, value);
}

static uint64_t get_file(struct bed *b, unsigned level, unsigned number)
{
    rig_write(&b->r, level == M ? CSR_MISELECT : CSR_SISELECT, number);
    return rig_read(&b->r, level == M ? CSR_MIREG : CSR_SIREG);
}

// The instruction with a result: CSRRW, CSRRS, CSRRC.
static uint64_t change(struct bed *b, enum rv_helper helper, unsigned csr, uint64_t operand)
{
    uint64_t old = rig_call(&b->r, helper, csr, operand, b->r.icount);
    assert_false(b->r.v->exception.pending);
    return old;
}

static bool illegal(struct bed *b, unsigned csr)
{
    bool reading = rig_csr_illegal(&b->r, RV_CSR_READ, csr);
    if (csr >> 10 != 3)
        assert_int_equal(rig_csr_illegal(&b->r, RV_CSR_SET, csr), reading);
    return reading;
}

// --- what exists ---

static void without_the_extensions_there_is_nothing(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (size_t i = 0; i < VM_ARRAY_SIZE(all_csrs); i++)
        assert_true(rig_csr_illegal(&r, RV_CSR_READ, all_csrs[i]));
    rig_write(&r, CSR_MSTATEEN0, ALL);
    assert_int_equal(rig_read(&r, CSR_MSTATEEN0), 3ull << 62);
    rig_stop(&r);
}

// An APLIC may be the controller of such a hart.
static void without_an_imsic_the_window_is_short(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max,+ssaia"); // brings smaia
    rig_write(&r, CSR_MSTATEEN0, ALL);
    assert_int_equal(rig_read(&r, CSR_MSTATEEN0), 0x1bull << 59);
    for (size_t i = 0; i < VM_ARRAY_SIZE(all_csrs); i++) {
        bool external = all_csrs[i] == CSR_MTOPEI || all_csrs[i] == CSR_STOPEI;
        bool window = all_csrs[i] == CSR_MIREG || all_csrs[i] == CSR_SIREG; // at select 0
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_READ, all_csrs[i]), external || window);
    }
    for (unsigned number = 0; number < 0x200; number++) {
        rig_write(&r, CSR_MISELECT, number);
        rig_write(&r, CSR_SISELECT, number);
        bool exists = number >= 0x30 && number <= 0x3f && number % 2 == 0;
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_READ, CSR_MIREG), !exists);
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_SET, CSR_SIREG), !exists);
    }
    rig_stop(&r);
}

static void selects_hold_nine_bits(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    for (unsigned number = 0; number < 0x200; number++) {
        rig_write(&b.r, CSR_MISELECT, number);
        rig_write(&b.r, CSR_SISELECT, 0x1ff - number);
        assert_int_equal(rig_read(&b.r, CSR_MISELECT), number);
        assert_int_equal(rig_read(&b.r, CSR_SISELECT), 0x1ff - number);
        bool file = number >= 0x70 && number <= 0xff && (number < 0x80 || number % 2 == 0);
        bool priority = number >= 0x30 && number <= 0x3f && number % 2 == 0;
        assert_int_equal(rig_csr_illegal(&b.r, RV_CSR_READ, CSR_MIREG), !file && !priority);
    }
    rig_write(&b.r, CSR_MISELECT, ALL);
    assert_int_equal(rig_read(&b.r, CSR_MISELECT), 0x1ff);
    stop(&b);
}

static void priorities_of_major_interrupts_are_zero(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    for (unsigned number = 0x30; number < 0x40; number += 2) {
        put_file(&b, M, number, ALL);
        put_file(&b, S, number, ALL);
        assert_int_equal(get_file(&b, M, number) | get_file(&b, S, number), 0);
    }
    stop(&b);
}

static void the_window_reaches_the_file_of_its_level(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    put_file(&b, M, EITHRESHOLD, 200);
    put_file(&b, S, EITHRESHOLD, 100);
    put_file(&b, M, EIE + 6, ALL);
    send(&b, S, 130);
    assert_int_equal(get_file(&b, M, EITHRESHOLD), 200);
    assert_int_equal(get_file(&b, S, EITHRESHOLD), 100);
    assert_int_equal(get_file(&b, M, EIE + 6), ALL);
    assert_int_equal(get_file(&b, S, EIE + 6), 0);
    assert_int_equal(get_file(&b, S, EIP + 4), 1 << 2);
    assert_int_equal(get_file(&b, M, EIP + 4), 0);
    for (unsigned number = 0x71; number < 0x80; number += number == 0x71 ? 2 : 1) {
        put_file(&b, M, number, ALL); // reserved
        assert_int_equal(get_file(&b, M, number), 0);
    }
    stop(&b);
}

static void bits_of_the_window_are_set_and_cleared(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    put_file(&b, S, EIE, 0xf0);
    assert_int_equal(change(&b, RV_CSR_SET, CSR_SIREG, 0x0f), 0xf0);
    assert_int_equal(change(&b, RV_CSR_CLEAR, CSR_SIREG, 0x18), 0xfe);
    assert_int_equal(change(&b, RV_CSR_SWAP, CSR_SIREG, 0x1234), 0xe6);
    assert_int_equal(rig_read(&b.r, CSR_SIREG), 0x1234);
    put_file(&b, S, EIDELIVERY, ALL);
    assert_int_equal(change(&b, RV_CSR_CLEAR, CSR_SIREG, 1), 1);
    assert_int_equal(rig_read(&b.r, CSR_SIREG), 0);
    stop(&b);
}

// --- external interrupts ---

static void topei_shows_and_claims(void **state)
{
    (void)state;
    static const struct {
        unsigned level, topei, line;
    } levels[] = {{M, CSR_MTOPEI, MEI}, {S, CSR_STOPEI, SEI}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(levels); i++) {
        struct bed b;
        start(&b, "max");
        unsigned topei = levels[i].topei;
        put_file(&b, levels[i].level, EIE, ALL);
        put_file(&b, levels[i].level, EIDELIVERY, 1);
        send(&b, levels[i].level, 7);
        send(&b, levels[i].level, 9);
        send(&b, levels[i].level, 11);
        assert_int_equal(rig_read(&b.r, CSR_MIP), levels[i].line);
        assert_int_equal(rig_read(&b.r, topei), 7 << 16 | 7); // claims nothing
        assert_int_equal(change(&b, RV_CSR_SWAP, topei, 0), 7 << 16 | 7);
        assert_int_equal(rig_read(&b.r, topei), 9 << 16 | 9);
        rig_write(&b.r, topei, ALL); // the value is no matter
        assert_int_equal(change(&b, RV_CSR_CLEAR, topei, 0), 11 << 16 | 11);
        assert_int_equal(rig_read(&b.r, topei), 0);
        assert_int_equal(rig_read(&b.r, CSR_MIP), 0);
        rig_write(&b.r, topei, 0);
        assert_int_equal(change(&b, RV_CSR_SET, topei, 1), 0);
        stop(&b);
    }
}

static void an_external_interrupt_traps(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    rig_write(&b.r, CSR_MIDELEG, ALL);
    rig_write(&b.r, CSR_MIE, ALL);
    rig_write(&b.r, CSR_STVEC, RIG_RAM + 0x100);
    put_file(&b, S, EIE, 1 << 5);
    put_file(&b, S, EIDELIVERY, 1);
    rig_set_privilege(&b.r, U);
    assert_false(rv_take_interrupt(b.r.v));
    assert_false(rv_has_work(b.r.v));
    send(&b, S, 5);
    assert_true(rv_has_work(b.r.v));
    assert_true(rv_take_interrupt(b.r.v));
    assert_int_equal(b.r.s->privilege, S);
    assert_int_equal(b.r.s->scause, 1ull << 63 | 9);
    assert_int_equal(rig_read(&b.r, CSR_STOPI), 9 << 16 | 1);
    assert_int_equal(change(&b, RV_CSR_SWAP, CSR_STOPEI, 0), 5 << 16 | 5);
    assert_int_equal(rig_read(&b.r, CSR_STOPI), 0);
    stop(&b);
}

// --- top interrupts ---

static void top_interrupts_follow_the_default_order(void **state)
{
    (void)state;
    static const uint8_t order[] = {11, 3, 7, 9, 1, 5, 13};
    struct bed b;
    start(&b, "max,-sstc,+sscofpmf");
    rig_write(&b.r, CSR_MIE, ALL);
    rig_write(&b.r, CSR_MIP, ALL);
    atomic_fetch_or(&b.r.v->irq_lines, MEI | MSI | MTI);
    for (size_t i = 0; i < VM_ARRAY_SIZE(order); i++) {
        assert_int_equal(rig_read(&b.r, CSR_MTOPI), order[i] << 16 | 1);
        change(&b, RV_CSR_CLEAR, CSR_MIE, 1ull << order[i]);
    }
    assert_int_equal(rig_read(&b.r, CSR_MTOPI), 0);
    rig_write(&b.r, CSR_MIE, ALL);
    rig_write(&b.r, CSR_MIDELEG, ALL); // what is the supervisor's goes to stopi
    assert_int_equal(rig_read(&b.r, CSR_MTOPI), 11 << 16 | 1);
    assert_int_equal(rig_read(&b.r, CSR_STOPI), 9 << 16 | 1);
    rig_write(&b.r, CSR_MIE, SSI | STI);
    assert_int_equal(rig_read(&b.r, CSR_MTOPI), 0);
    assert_int_equal(rig_read(&b.r, CSR_STOPI), 1 << 16 | 1);
    rig_write(&b.r, CSR_MSTATUS, 0); // SIE is no matter
    assert_int_equal(rig_read(&b.r, CSR_STOPI), 1 << 16 | 1);
    stop(&b);
}

// --- mvien, mvip ---

static void mvien_has_two_bits(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max,+sscofpmf");
    rig_write(&b.r, CSR_MVIEN, ALL);
    assert_int_equal(rig_read(&b.r, CSR_MVIEN), SSI | SEI);
    rig_write(&b.r, CSR_MVIP, ALL);
    assert_int_equal(rig_read(&b.r, CSR_MVIP), SSI | STI | SEI); // STIP is mip's without STCE
    rig_write(&b.r, CSR_MENVCFG, E_STCE);
    rig_write(&b.r, CSR_MVIP, ALL);
    assert_int_equal(rig_read(&b.r, CSR_MVIP), SSI | SEI);
    stop(&b);
}

static void mvip_is_mips_where_mvien_is_not(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    rig_write(&b.r, CSR_MVIP, ALL);
    assert_int_equal(rig_read(&b.r, CSR_MIP), SSI | STI | SEI);
    rig_write(&b.r, CSR_MIP, SSI);
    assert_int_equal(rig_read(&b.r, CSR_MVIP), SSI);
    change(&b, RV_CSR_CLEAR, CSR_MVIP, SSI);
    assert_int_equal(rig_read(&b.r, CSR_MIP), 0);
    atomic_fetch_or(&b.r.v->irq_lines, SEI | SSI); // of SEIP, the bit without the signal
    assert_int_equal(rig_read(&b.r, CSR_MIP), SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_MVIP), SSI);
    stop(&b);
}

static void mvip_is_its_own_where_mvien_is(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    rig_write(&b.r, CSR_MVIP, SEI);
    rig_write(&b.r, CSR_MVIEN, SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_MVIP) & SEI, SEI); // stays
    rig_write(&b.r, CSR_MVIP, SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_MIP), 0);
    rig_write(&b.r, CSR_MIP, SSI | SEI); // SEIP is read-only now
    assert_int_equal(rig_read(&b.r, CSR_MIP), SSI);
    rig_write(&b.r, CSR_MVIP, 0);
    assert_int_equal(rig_read(&b.r, CSR_MIP), SSI);
    atomic_fetch_or(&b.r.v->irq_lines, SEI);
    assert_int_equal(rig_read(&b.r, CSR_MIP), SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_MVIP), 0);
    stop(&b);
}

static void virtual_interrupts_are_the_supervisors(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    rig_write(&b.r, CSR_MVIEN, SSI | SEI);
    rig_write(&b.r, CSR_MVIP, SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_SIP), SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_STOPI), 0);
    assert_false(rv_has_work(b.r.v));
    rig_write(&b.r, CSR_SIE, ALL);
    assert_int_equal(rig_read(&b.r, CSR_SIE), SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_MIE), 0); // bits of its own
    assert_int_equal(rig_read(&b.r, CSR_STOPI), 9 << 16 | 1);
    assert_int_equal(rig_read(&b.r, CSR_MTOPI), 0);
    assert_true(rv_has_work(b.r.v));
    assert_false(rv_take_interrupt(b.r.v)); // not in M-mode
    rig_write(&b.r, CSR_STVEC, RIG_RAM + 0x200);
    rig_set_privilege(&b.r, U);
    assert_true(rv_take_interrupt(b.r.v));
    assert_int_equal(b.r.s->scause, 1ull << 63 | 9);
    assert_int_equal(b.r.s->pc, RIG_RAM + 0x200);
    rig_write(&b.r, CSR_SIP, 0); // SSIP can be cleared there, SEIP not
    assert_int_equal(rig_read(&b.r, CSR_SIP), SEI);
    rig_set_privilege(&b.r, M);
    assert_int_equal(rig_read(&b.r, CSR_MVIP), SEI);
    // Delegation wins: then both are mip's and mie's.
    rig_write(&b.r, CSR_MIDELEG, SSI | SEI);
    assert_int_equal(rig_read(&b.r, CSR_SIP), 0);
    assert_int_equal(rig_read(&b.r, CSR_SIE), 0);
    rig_write(&b.r, CSR_SIE, SSI);
    assert_int_equal(rig_read(&b.r, CSR_MIE), SSI);
    stop(&b);
}

// A real interrupt traps to M-mode while a virtual one waits for S-mode.
static void filtered_interrupts_stay_at_machine_level(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    rig_write(&b.r, CSR_MVIEN, SEI);
    rig_write(&b.r, CSR_MVIP, SEI);
    rig_write(&b.r, CSR_SIE, SEI);
    rig_write(&b.r, CSR_MIE, SEI);
    rig_write(&b.r, CSR_MTVEC, RIG_RAM + 0x300);
    put_file(&b, S, EIE, ALL);
    put_file(&b, S, EIDELIVERY, 1);
    send(&b, S, 3);
    rig_set_privilege(&b.r, U);
    assert_true(rv_take_interrupt(b.r.v));
    assert_int_equal(b.r.s->privilege, M);
    assert_int_equal(b.r.s->mcause, 1ull << 63 | 9);
    assert_int_equal(rig_read(&b.r, CSR_MTOPI), 9 << 16 | 1);
    assert_false(illegal(&b, CSR_STOPEI)); // M-mode may
    rig_set_privilege(&b.r, S);
    assert_true(illegal(&b, CSR_STOPEI));
    rig_write(&b.r, CSR_SISELECT, EIDELIVERY);
    assert_true(illegal(&b, CSR_SIREG));
    rig_write(&b.r, CSR_SISELECT, 0x30);
    assert_false(illegal(&b, CSR_SIREG));
    stop(&b);
}

// --- privilege and state enable ---

static void privileges(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    rig_write(&b.r, CSR_MISELECT, EIDELIVERY);
    rig_write(&b.r, CSR_SISELECT, EIDELIVERY);
    for (size_t i = 0; i < VM_ARRAY_SIZE(all_csrs); i++) {
        rig_set_privilege(&b.r, M);
        assert_false(illegal(&b, all_csrs[i]));
        rig_set_privilege(&b.r, S);
        assert_int_equal(illegal(&b, all_csrs[i]), (all_csrs[i] >> 8 & 3) == M);
        rig_set_privilege(&b.r, U);
        assert_true(illegal(&b, all_csrs[i]));
    }
    rig_set_privilege(&b.r, M);
    assert_true(rig_csr_illegal(&b.r, RV_CSR_WRITE, CSR_STOPI)); // read-only addresses
    assert_true(rig_csr_illegal(&b.r, RV_CSR_WRITE, CSR_MTOPI));
    stop(&b);
}

static void check_stateen(struct bed *b, uint64_t bits, unsigned select)
{
    bool window = bits & STATEEN_CSRIND, file = bits & STATEEN_IMSIC, rest = bits & STATEEN_AIA;
    rig_set_privilege(&b->r, M);
    rig_write(&b->r, CSR_MSTATEEN0, bits);
    assert_int_equal(rig_read(&b->r, CSR_MSTATEEN0), bits);
    rig_write(&b->r, CSR_SISELECT, select);
    assert_false(illegal(b, CSR_SIREG));
    rig_set_privilege(&b->r, S);
    assert_int_equal(illegal(b, CSR_SISELECT), !window);
    assert_int_equal(illegal(b, CSR_SIREG), !window || (select < 0x40 ? !rest : !file));
    assert_int_equal(illegal(b, CSR_STOPEI), !file);
    assert_int_equal(illegal(b, CSR_STOPI), !rest);
}

static void state_enable_closes_each_part(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    for (uint64_t n = 0; n < 8; n++) {
        check_stateen(&b, n << 58, EIDELIVERY);
        check_stateen(&b, n << 58, 0x32);
    }
    stop(&b);
    start(&b, "max,-smstateen"); // nothing guards them then
    rig_write(&b.r, CSR_SISELECT, EIE);
    rig_set_privilege(&b.r, S);
    assert_false(illegal(&b, CSR_SIREG) || illegal(&b, CSR_STOPEI) || illegal(&b, CSR_STOPI));
    stop(&b);
}

// --- set-up and reset ---

static void boards_turn_the_extensions_on(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "rv64gc");
    size_t size;
    const char *isa = vm_riscv64_isa_string(b.r.machine.config);
    vm_riscv64_isa_extensions(b.r.machine.config, &size);
    assert_non_null(strstr(isa, "_ssaia"));
    assert_non_null(strstr(isa, "_smaia"));
    assert_true(size > 40);
    stop(&b);
    struct riscv_rig r;
    struct vm_error e = {0};
    const struct vm_riscv64_imsic none = {0};
    rig_start(&r, "max,-ssaia");
    assert_int_equal(vm_riscv64_connect_imsics(&r.machine, &none, &e), VM_ERR_USAGE);
    assert_non_null(strstr(e.text, "--cpu"));
    rig_stop(&r);
}

static void reset_clears_the_registers(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    rig_write(&b.r, CSR_MISELECT, 0x70);
    rig_write(&b.r, CSR_SISELECT, 0x72);
    rig_write(&b.r, CSR_MVIEN, ALL);
    rig_write(&b.r, CSR_SIE, ALL);
    rig_write(&b.r, CSR_MVIP, ALL);
    rv_reset(b.r.v, RIG_RAM);
    assert_int_equal(b.r.s->miselect | b.r.s->siselect | b.r.s->mvien | b.r.s->mvip | b.r.s->sie,
                     0);
    vm_riscv64_enter_supervisor(b.r.v, RIG_RAM, 0); // opens what it has
    assert_int_equal(b.r.s->mstateen0, 0x37ull << 58);
    rig_write(&b.r, CSR_SISELECT, EIDELIVERY);
    assert_false(illegal(&b, CSR_SIREG) || illegal(&b, CSR_STOPEI) || illegal(&b, CSR_STOPI));
    stop(&b);
}

// A debugger may put anything there.
static void sync_makes_registers_legal(void **state)
{
    (void)state;
    struct bed b;
    start(&b, "max");
    b.r.s->miselect = b.r.s->siselect = b.r.s->mvien = b.r.s->mvip = b.r.s->sie = ALL;
    vm_riscv64_guest_ops.sync(b.r.v);
    assert_int_equal(b.r.s->miselect, 0x1ff);
    assert_int_equal(b.r.s->siselect, 0x1ff);
    assert_int_equal(b.r.s->mvien, SSI | SEI);
    assert_int_equal(b.r.s->mvip, SSI);
    assert_int_equal(b.r.s->sie, SSI | SEI);
    stop(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_the_extensions_there_is_nothing),
        cmocka_unit_test(without_an_imsic_the_window_is_short),
        cmocka_unit_test(selects_hold_nine_bits),
        cmocka_unit_test(priorities_of_major_interrupts_are_zero),
        cmocka_unit_test(the_window_reaches_the_file_of_its_level),
        cmocka_unit_test(bits_of_the_window_are_set_and_cleared),
        cmocka_unit_test(topei_shows_and_claims),
        cmocka_unit_test(an_external_interrupt_traps),
        cmocka_unit_test(top_interrupts_follow_the_default_order),
        cmocka_unit_test(mvien_has_two_bits),
        cmocka_unit_test(mvip_is_mips_where_mvien_is_not),
        cmocka_unit_test(mvip_is_its_own_where_mvien_is),
        cmocka_unit_test(virtual_interrupts_are_the_supervisors),
        cmocka_unit_test(filtered_interrupts_stay_at_machine_level),
        cmocka_unit_test(privileges),
        cmocka_unit_test(state_enable_closes_each_part),
        cmocka_unit_test(boards_turn_the_extensions_on),
        cmocka_unit_test(reset_clears_the_registers),
        cmocka_unit_test(sync_makes_registers_legal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
