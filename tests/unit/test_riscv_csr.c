// SPDX-License-Identifier: MIT
//
// RISC-V CSRs: which exist, who may access them, which values they take, and the counters.
#include <stdio.h>

#include "riscv_rig.h"

enum { U = 0, S = 1, M = 3 };

static const unsigned privileges[] = {U, S, M};

// --- every CSR of the "max" CPU: what it reads after all ones and after zeros were written ---

struct expected {
    unsigned first, count;
    uint64_t ones, zeros; // where it can be written
    bool special;         // its values are tested elsewhere
};

#define ALL UINT64_MAX
static const struct expected csrs[] = {
    {CSR_FFLAGS, 1, 0x1f, 0},
    {CSR_FRM, 1, 7, 0},
    {CSR_FCSR, 1, 0xff, 0},
    {CSR_SEED, 1, .special = true},
    {CSR_SSTATUS, 1, M_SIE | M_SPIE | M_SPP | M_FS | M_SUM | M_MXR | M_UXL | M_SD, M_UXL},
    {CSR_SIE, 1, 0x222, 0},
    {CSR_STVEC, 1, ~2ull, 0},
    {CSR_SCOUNTEREN, 1, 0xffffffff, 0},
    {CSR_SENVCFG, 1, E_FIOM | E_CBIE | E_CBCFE | E_CBZE, 0},
    {CSR_SSTATEEN0, 4, 0, 0},
    {CSR_SSCRATCH, 1, ALL, 0},
    {CSR_SEPC, 1, ~1ull, 0},
    {CSR_SCAUSE, 1, ALL, 0},
    {CSR_STVAL, 1, ALL, 0},
    {CSR_SIP, 1, 1 << VM_RISCV64_SSI, 0},
    {CSR_STIMECMP, 1, ALL, 0},
    {CSR_SATP, 1, 0, 0}, // MODE 15 is not there: not written
    {CSR_MSTATUS, 1,
     M_SIE | M_MIE | M_SPIE | M_MPIE | M_SPP | M_MPP | M_FS | M_MPRV | M_SUM | M_MXR | M_TVM |
         M_TW | M_TSR | M_UXL | M_SXL | M_SD,
     M_UXL | M_SXL},
    {CSR_MISA, 1, .special = true},
    {CSR_MEDELEG, 1, 0xb3fe, 0},
    {CSR_MIDELEG, 1, 0x222, 0},
    {CSR_MIE, 1, 0xaaa, 0},
    {CSR_MTVEC, 1, ~2ull, 0},
    {CSR_MCOUNTEREN, 1, 0xffffffff, 0},
    {CSR_MENVCFG, 1, E_FIOM | E_CBIE | E_CBCFE | E_CBZE | E_ADUE | E_PBMTE | E_STCE, 0},
    {CSR_MSTATEEN0, 1, 3ull << 62, 0},
    {CSR_MSTATEEN0 + 1, 3, 0, 0},
    {CSR_MCOUNTINHIBIT, 1, 5, 0},
    {CSR_MHPMEVENT3, 29, 0, 0},
    {CSR_MSCRATCH, 1, ALL, 0},
    {CSR_MEPC, 1, ~1ull, 0},
    {CSR_MCAUSE, 1, ALL, 0},
    {CSR_MTVAL, 1, ALL, 0},
    {CSR_MIP, 1, 0x222, 0},
    {CSR_PMPCFG0, 1, .special = true},
    {CSR_PMPCFG2, 1, .special = true},
    {CSR_PMPADDR0, 16, (1ull << 54) - 1, 0},
    {CSR_MSECCFG, 1, 0x300, 0},
    {CSR_TSELECT, 4, 0, 0}, // no triggers
    {CSR_MCYCLE, 1, .special = true},
    {CSR_MINSTRET, 1, .special = true},
    {CSR_MHPMCOUNTER3, 29, 0, 0},
    {CSR_CYCLE, 1, .special = true},
    {CSR_TIME, 1, .special = true},
    {CSR_INSTRET, 1, .special = true},
    {CSR_HPMCOUNTER3, 29, 0, 0},
    {CSR_MVENDORID, 3, 0, 0},
    {CSR_MHARTID, 1, 0, 0},
    {CSR_MCONFIGPTR, 1, 0, 0},
};

static const struct expected *find(unsigned csr)
{
    for (size_t i = 0; i < VM_ARRAY_SIZE(csrs); i++) {
        if (csr >= csrs[i].first && csr < csrs[i].first + csrs[i].count)
            return &csrs[i];
    }
    return NULL;
}

static bool read_only(unsigned csr)
{
    return csr >> 10 == 3;
}

static void values_are_legal(void **state)
{
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(csrs); i++) {
        const struct expected *e = &csrs[i];
        for (unsigned csr = e->first; csr < e->first + e->count && !e->special; csr++) {
            struct riscv_rig r; // a write of one must not colour the next
            rig_start(&r, "max");
            rig_write(&r, CSR_MSTATUS, M_FS);
            rig_write(&r, CSR_MIDELEG, ALL);
            if (read_only(csr)) {
                assert_int_equal(rig_read(&r, csr), e->zeros);
            } else {
                rig_write(&r, csr, ALL);
                uint64_t ones = rig_read(&r, csr);
                rig_write(&r, csr, 0);
                if (csr != CSR_MSTATUS && csr != CSR_SSTATUS)
                    rig_write(&r, CSR_MSTATUS, M_FS);
                uint64_t zeros = rig_read(&r, csr);
                if (ones != e->ones || zeros != e->zeros)
                    fail_msg("CSR %#x: %#lx and %#lx, not %#lx and %#lx", csr, ones, zeros, e->ones,
                             e->zeros);
            }
            rig_stop(&r);
        }
    }
}

// Opens everything that a CSR can close.
static void open_all(struct riscv_rig *r)
{
    rig_set_privilege(r, M);
    rig_write(r, CSR_MSTATUS, M_FS);
    rig_write(r, CSR_MENVCFG, E_STCE);
    rig_write(r, CSR_MCOUNTEREN, ALL);
    rig_write(r, CSR_SCOUNTEREN, ALL);
    rig_write(r, CSR_MSECCFG, ALL);
    rig_write(r, CSR_MSTATEEN0, ALL);
}

// All 4096 addresses in all privileges by every kind of instruction.
static void access_follows_the_address(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned csr = 0; csr < 4096; csr++) {
        for (size_t p = 0; p < VM_ARRAY_SIZE(privileges); p++) {
            unsigned privilege = privileges[p];
            bool exists = find(csr) && (csr >> 8 & 3) <= privilege;
            if (csr > CSR_SSTATEEN0 && csr <= CSR_SSTATEEN0 + 3)
                exists = privilege == M; // mstateen1 to 3 keep them closed
            for (enum rv_helper h = RV_CSR_READ; h <= RV_CSR_CLEAR; h++) {
                bool reads = h == RV_CSR_READ;
                bool want = !exists || (!reads && read_only(csr)) || (reads && csr == CSR_SEED);
                open_all(&r);
                rig_set_privilege(&r, privilege);
                bool got = rig_csr_illegal(&r, h, csr);
                if (got != want)
                    fail_msg("CSR %#x privilege %u helper %d: illegal %d", csr, privilege, h, got);
            }
        }
    }
    rig_stop(&r);
}

// --- CSRs that are there only with their extension ---

static void absent_without_extension(void **state)
{
    (void)state;
    static const struct {
        const char *with, *without;
        unsigned csr;
    } cases[] = {
        {"max", "max,-zicntr", CSR_CYCLE},
        {"max", "max,-zicntr", CSR_TIME},
        {"max", "max,-zicntr", CSR_INSTRET},
        {"max", "max,-zihpm", CSR_HPMCOUNTER3 + 28},
        {"max", "max,-sstc", CSR_STIMECMP},
        {"max", "max,-zkr", CSR_MSECCFG},
        {"max", "max,-smstateen", CSR_MSTATEEN0 + 3},
        {"max", "max,-smstateen", CSR_SSTATEEN0},
        {"rv64imaf", "rv64imac", CSR_FCSR},
        {"max,+sscofpmf", "max", CSR_SCOUNTOVF},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(cases); i++) {
        struct riscv_rig r;
        rig_start(&r, cases[i].with);
        rig_write(&r, CSR_MSTATUS, M_FS);
        assert_false(rig_csr_illegal(&r, RV_CSR_READ, cases[i].csr));
        rig_stop(&r);
        rig_start(&r, cases[i].without);
        rig_write(&r, CSR_MSTATUS, M_FS);
        assert_true(rig_csr_illegal(&r, RV_CSR_READ, cases[i].csr));
        rig_stop(&r);
    }
}

static uint64_t read_of(const char *cpu, unsigned csr, uint64_t written)
{
    struct riscv_rig r;
    rig_start(&r, cpu);
    rig_write(&r, csr, written);
    uint64_t value = rig_read(&r, csr);
    rig_stop(&r);
    return value;
}

static uint64_t letters(const char *text)
{
    uint64_t misa = 2ull << 62;
    for (; *text; text++)
        misa |= 1u << (*text - 'A');
    return misa;
}

static void registers_claim_what_exists(void **state)
{
    (void)state;
    assert_int_equal(read_of("max", CSR_MISA, 0), letters("ABCDFIMSU"));
    assert_int_equal(read_of("rv64gc", CSR_MISA, ALL), letters("ACDFIMSU"));
    assert_int_equal(read_of("rv64i", CSR_MISA, ALL), letters("ISU"));
    assert_int_equal(read_of("rv64imac", CSR_MSTATUS, M_FS), M_UXL | M_SXL); // no F: FS is zero
    assert_int_equal(read_of("rv64i", CSR_MENVCFG, ALL), E_FIOM);
    assert_int_equal(read_of("rv64i", CSR_SENVCFG, ALL), E_FIOM);
    assert_int_equal(read_of("rv64i", CSR_MCOUNTEREN, ALL), 0);
    assert_int_equal(read_of("max,-zihpm", CSR_SCOUNTEREN, ALL), 7);
    assert_int_equal(read_of("rv64ima", CSR_MEPC, ALL), ~3ull); // IALIGN=32
    assert_int_equal(read_of("rv64ima", CSR_MEDELEG, ALL), 0xb3ff);
    assert_int_equal(read_of("max,+sscofpmf", CSR_MIE, ALL), 0x2aaa);
    assert_int_equal(read_of("max,+sscofpmf", CSR_MIDELEG, ALL), 0x2222);
    assert_int_equal(read_of("max,+sscofpmf", CSR_MIP, ALL), 0x2222);
}

// --- fields with reserved values ---

static void reserved_values_are_not_taken(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    rig_write(&r, CSR_MSTATUS, mpp(S));
    rig_write(&r, CSR_MSTATUS, mpp(2));
    assert_int_equal(rig_read(&r, CSR_MSTATUS) & M_MPP, mpp(S));
    rig_write(&r, CSR_MENVCFG, 1 << 4);
    rig_write(&r, CSR_MENVCFG, 2 << 4 | E_CBZE);
    assert_int_equal(rig_read(&r, CSR_MENVCFG), 1 << 4 | E_CBZE);
    rig_write(&r, CSR_SENVCFG, E_CBIE);
    rig_write(&r, CSR_SENVCFG, 2 << 4);
    assert_int_equal(rig_read(&r, CSR_SENVCFG), E_CBIE);
    for (unsigned mode = 0; mode < 16; mode++) {
        uint64_t old = rig_read(&r, CSR_SATP);
        uint64_t value = (uint64_t)mode << 60 | 0xabcdull << 44 | (0x800000000 + mode);
        bool there = mode == 0 || (mode >= 8 && mode <= 10);
        rig_write(&r, CSR_SATP, value);
        assert_int_equal(rig_read(&r, CSR_SATP), there ? value : old);
    }
    rig_stop(&r);
    rig_start(&r, "max,-sv48");
    rig_write(&r, CSR_SATP, 9ull << 60);
    assert_int_equal(rig_read(&r, CSR_SATP), 0);
    rig_write(&r, CSR_SATP, 8ull << 60);
    assert_int_equal(rig_read(&r, CSR_SATP), 8ull << 60);
    rig_stop(&r);
}

// --- read-modify-write ---

static void instructions_combine(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    rig_write(&r, CSR_MSCRATCH, 0xf0f0);
    assert_int_equal(rig_call(&r, RV_CSR_SET, CSR_MSCRATCH, 0x0f, 0), 0xf0f0);
    assert_int_equal(rig_call(&r, RV_CSR_CLEAR, CSR_MSCRATCH, 0xf000, 0), 0xf0ff);
    assert_int_equal(rig_call(&r, RV_CSR_SWAP, CSR_MSCRATCH, 5, 0), 0x00ff);
    assert_int_equal(rig_read(&r, CSR_MSCRATCH), 5);
    for (unsigned i = 0; i < 16; i++) // a bank
        rig_write(&r, CSR_PMPADDR0 + i, 0x100 + i);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(rig_read(&r, CSR_PMPADDR0 + i), 0x100 + i);
    rig_stop(&r);
}

// --- floating point ---

static void floating_point_follows_fs(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned csr = CSR_FFLAGS; csr <= CSR_FCSR; csr++) {
        rig_write(&r, CSR_MSTATUS, 0);
        assert_true(rig_csr_illegal(&r, RV_CSR_READ, csr));
        assert_true(rig_csr_illegal(&r, RV_CSR_WRITE, csr));
        rig_write(&r, CSR_MSTATUS, 1 << 13);
        rig_read(&r, csr); // a read leaves it Initial
        assert_int_equal(rig_read(&r, CSR_MSTATUS), M_UXL | M_SXL | 1 << 13);
        rig_write(&r, csr, 0);
        assert_int_equal(rig_read(&r, CSR_MSTATUS), M_UXL | M_SXL | M_FS | M_SD);
    }
    rig_write(&r, CSR_MSTATUS, 2 << 13); // Clean; then an FP instruction writes
    r.s->fs_dirty = M_FS;
    assert_int_equal(rig_read(&r, CSR_SSTATUS), M_UXL | M_FS | M_SD);
    rig_write(&r, CSR_MSTATUS, 2 << 13); // what software writes now is the last word
    assert_int_equal(rig_read(&r, CSR_MSTATUS) & (M_FS | M_SD), 2 << 13);
    rig_write(&r, CSR_FCSR, 0xdf);
    assert_int_equal(rig_read(&r, CSR_FRM), 6);
    assert_int_equal(rig_read(&r, CSR_FFLAGS), 0x1f);
    assert_int_equal(r.s->fp.round, VM_FP_RNE);
    rig_write(&r, CSR_FRM, 3);
    assert_int_equal(rig_read(&r, CSR_FCSR), 0x7f);
    assert_int_equal(r.s->fp.round, VM_FP_RUP);
    rig_stop(&r);
}

static bool fp_illegal(struct riscv_rig *r, bool dynamic)
{
    rig_call(r, RV_FP_CHECK, dynamic, 0, 0);
    return r->v->exception.pending;
}

static void fp_check_and_mode_bits(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned frm = 0; frm < 8; frm++) {
        rig_set_privilege(&r, M);
        rig_write(&r, CSR_MSTATUS, M_FS);
        rig_write(&r, CSR_FRM, frm);
        assert_false(fp_illegal(&r, false));
        assert_int_equal(fp_illegal(&r, true), frm > 4);
        assert_int_equal(r.v->mode, M);
        rig_set_privilege(&r, U);
        assert_int_equal(r.v->mode, U | (frm > 4 ? RV_MODE_BAD_FRM : 0));
        rig_write(&r, CSR_FRM, 7 - frm); // U-mode itself may change it
        assert_int_equal(r.v->mode, U | (7 - frm > 4 ? RV_MODE_BAD_FRM : 0));
        rig_set_privilege(&r, S);
        rig_write(&r, CSR_SSTATUS, 0);
        assert_true(fp_illegal(&r, false));
        assert_int_equal(r.v->mode, S);
        rig_set_privilege(&r, U);
        assert_true(r.v->mode & RV_MODE_FS_OFF);
    }
    rig_stop(&r);
}

// --- counters ---

static void instret_is_exact(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    static const unsigned counters[][2] = {{CSR_MCYCLE, CSR_CYCLE}, {CSR_MINSTRET, CSR_INSTRET}};
    for (unsigned i = 0; i < 2; i++) {
        unsigned machine = counters[i][0], user = counters[i][1];
        unsigned inhibit = i == 0 ? 1 : 4;
        r.icount = 1000;
        uint64_t before = rig_read(&r, machine);
        r.icount += 5;
        assert_int_equal(rig_read(&r, machine), before + 5);
        assert_int_equal(rig_read(&r, user), before + 5);
        rig_write(&r, machine, 77); // what the next instruction reads
        r.icount++;
        assert_int_equal(rig_read(&r, machine), 77);
        r.icount += 10;
        assert_int_equal(rig_read(&r, user), 87);
        rig_write(&r, CSR_MCOUNTINHIBIT, inhibit); // counts itself, and nothing after it
        r.icount++;
        assert_int_equal(rig_read(&r, machine), 88);
        r.icount += 100;
        assert_int_equal(rig_read(&r, machine), 88);
        rig_write(&r, machine, 5);
        r.icount++;
        assert_int_equal(rig_read(&r, user), 5);
        rig_write(&r, CSR_MCOUNTINHIBIT, 0);
        r.icount++;
        assert_int_equal(rig_read(&r, machine), 5);
        r.icount++;
        assert_int_equal(rig_read(&r, machine), 6);
    }
    r.host.now = 123456789;
    assert_int_equal(rig_read(&r, CSR_TIME), 1234567); // 10 MHz
    assert_int_equal(vm_riscv64_time(&r.machine), 1234567);
    assert_int_equal(vm_riscv64_time_to_clock(&r.machine, 1234567), 123456700);
    assert_int_equal(vm_riscv64_time_to_clock(&r.machine, ALL), VM_TIMER_NEVER);
    assert_int_equal(vm_riscv64_time_to_clock(&r.machine, ALL / 100), VM_TIMER_NEVER);
    assert_int_equal(vm_riscv64_time_to_clock(&r.machine, ALL / 100 - 1), (ALL / 100 - 1) * 100);
    rig_stop(&r);
}

static void counters_follow_their_enables(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned enables = 0; enables < 4; enables++) {
            uint64_t machine = enables & 1 ? 1ull << i : ~(1ull << i);
            uint64_t supervisor = enables & 2 ? 1ull << i : ~(1ull << i);
            rig_set_privilege(&r, M);
            rig_write(&r, CSR_MCOUNTEREN, machine);
            rig_write(&r, CSR_SCOUNTEREN, supervisor);
            assert_false(rig_csr_illegal(&r, RV_CSR_READ, CSR_CYCLE + i));
            rig_set_privilege(&r, S);
            assert_int_equal(rig_csr_illegal(&r, RV_CSR_READ, CSR_CYCLE + i), !(enables & 1));
            rig_set_privilege(&r, U);
            assert_int_equal(rig_csr_illegal(&r, RV_CSR_READ, CSR_CYCLE + i), enables != 3);
        }
    }
    rig_stop(&r);
}

// --- gates of single CSRs ---

static void stimecmp_needs_stce_and_tm(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (unsigned open = 0; open < 4; open++) {
        rig_set_privilege(&r, M);
        rig_write(&r, CSR_MENVCFG, open & 1 ? E_STCE : 0);
        rig_write(&r, CSR_MCOUNTEREN, open & 2 ? 2 : ~2ull);
        assert_false(rig_csr_illegal(&r, RV_CSR_READ, CSR_STIMECMP));
        rig_set_privilege(&r, S);
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_READ, CSR_STIMECMP), open != 3);
        rig_set_privilege(&r, U);
        assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_STIMECMP));
    }
    rig_stop(&r);
}

static void seed_follows_mseccfg(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    uint64_t first = rig_call(&r, RV_CSR_SWAP, CSR_SEED, 0, 0);
    assert_int_equal(first >> 16, 0x8000); // ES16, nothing but entropy below
    unsigned different = 0;
    for (unsigned i = 0; i < 20; i++)
        different += rig_call(&r, RV_CSR_SWAP, CSR_SEED, 0, 0) != first;
    assert_true(different > 10);
    for (unsigned bits = 0; bits < 4; bits++) {
        rig_set_privilege(&r, M);
        rig_write(&r, CSR_MSECCFG, bits << 8);
        assert_false(rig_csr_illegal(&r, RV_CSR_WRITE, CSR_SEED));
        assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_SEED));
        rig_set_privilege(&r, S);
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_SWAP, CSR_SEED), !(bits & 2));
        rig_set_privilege(&r, U);
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_SWAP, CSR_SEED), !(bits & 1));
        assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_SEED));
    }
    rig_stop(&r);
}

static void mstateen_guards_the_supervisor(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    for (uint64_t bits = 0; bits < 4; bits++) {
        rig_set_privilege(&r, M);
        rig_write(&r, CSR_MSTATEEN0, bits << 62);
        assert_false(rig_csr_illegal(&r, RV_CSR_READ, CSR_SENVCFG));
        assert_false(rig_csr_illegal(&r, RV_CSR_READ, CSR_SSTATEEN0));
        rig_set_privilege(&r, S);
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_READ, CSR_SENVCFG), !(bits & 1));
        assert_int_equal(rig_csr_illegal(&r, RV_CSR_WRITE, CSR_SSTATEEN0), !(bits & 2));
        assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_SSTATEEN0 + 1));
    }
    rig_stop(&r);
    rig_start(&r, "max,-smstateen"); // nothing guards senvcfg then
    rig_set_privilege(&r, S);
    assert_false(rig_csr_illegal(&r, RV_CSR_READ, CSR_SENVCFG));
    rig_stop(&r);
}

static void tvm_closes_satp(void **state)
{
    (void)state;
    struct riscv_rig r;
    rig_start(&r, "max");
    rig_write(&r, CSR_MSTATUS, M_TVM);
    assert_false(rig_csr_illegal(&r, RV_CSR_READ, CSR_SATP));
    rig_set_privilege(&r, S);
    assert_true(rig_csr_illegal(&r, RV_CSR_READ, CSR_SATP));
    assert_true(rig_csr_illegal(&r, RV_CSR_WRITE, CSR_SATP));
    rig_stop(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_legal),
        cmocka_unit_test(access_follows_the_address),
        cmocka_unit_test(absent_without_extension),
        cmocka_unit_test(registers_claim_what_exists),
        cmocka_unit_test(reserved_values_are_not_taken),
        cmocka_unit_test(instructions_combine),
        cmocka_unit_test(floating_point_follows_fs),
        cmocka_unit_test(fp_check_and_mode_bits),
        cmocka_unit_test(instret_is_exact),
        cmocka_unit_test(counters_follow_their_enables),
        cmocka_unit_test(stimecmp_needs_stce_and_tm),
        cmocka_unit_test(seed_follows_mseccfg),
        cmocka_unit_test(mstateen_guards_the_supervisor),
        cmocka_unit_test(tvm_closes_satp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
