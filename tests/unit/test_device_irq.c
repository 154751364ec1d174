// SPDX-License-Identifier: MIT
//
// The interrupt controllers: CLINT and PLIC by their registers.
#include "device_host.h"

#include <string.h>

#include <vm/device/aclint.h>
#include <vm/device/plic.h>

enum { BASE = 0x2000000, HARTS = 3, NS_PER_TICK = 100 };

struct fixture {
    struct device_bed bed;
    struct wire software[HARTS], timer[HARTS]; // CLINT
    struct wire context[2 * HARTS];            // PLIC
};

static uint64_t ticks(void *context)
{
    return ((struct fixture *)context)->bed.host.base.now / NS_PER_TICK;
}

static uint64_t ticks_to_clock(void *context, uint64_t time)
{
    (void)context;
    return time < VM_TIMER_NEVER / NS_PER_TICK ? time * NS_PER_TICK : VM_TIMER_NEVER;
}

static vm_status clint_create(void *fixture)
{
    struct fixture *f = fixture;
    struct vm_aclint_config c = {
        .base = {BASE}, .harts = HARTS, .time = ticks, .to_clock = ticks_to_clock, .context = f};
    for (int i = 0; i < HARTS; i++) {
        c.software[i] = wire_irq(&f->software[i]);
        c.timer[i] = wire_irq(&f->timer[i]);
    }
    return vm_aclint_create(&f->bed.machine, &c, &f->bed.device, NULL);
}

static void clint_set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    device_bed_init(&f->bed);
    assert_int_equal(clint_create(f), VM_OK);
    device_bed_attach(&f->bed);
}

static vm_status plic_create(void *fixture)
{
    struct fixture *f = fixture;
    struct vm_plic_config c = {.base = {BASE}, .contexts = 2 * HARTS};
    for (int i = 0; i < 2 * HARTS; i++)
        c.context[i].irq = wire_irq(&f->context[i]);
    return vm_plic_create(&f->bed.machine, &c, &f->bed.device, NULL);
}

static void plic_set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    device_bed_init(&f->bed);
    assert_int_equal(plic_create(f), VM_OK);
    device_bed_attach(&f->bed);
}

static void tear_down(struct fixture *f)
{
    device_bed_end(&f->bed);
}

// --- CLINT ---

static void msip_drives_the_hart_it_names(void **state)
{
    (void)state;
    struct fixture f;
    clint_set_up(&f);
    mmio_write(&f.bed.machine, BASE + 4, 4, 0xffffffff);
    assert_false(f.software[0].level);
    assert_true(f.software[1].level);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 4, 4), 1);
    mmio_write(&f.bed.machine, BASE + 4, 4, 0xfffffffe);
    assert_false(f.software[1].level);
    // Beyond the last hart, and between the register blocks: nothing.
    mmio_write(&f.bed.machine, BASE + 4 * HARTS, 4, 1);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 4 * HARTS, 4), 0);
    mmio_write(&f.bed.machine, BASE + 0x3ffc, 4, 1);
    for (int i = 0; i < HARTS; i++)
        assert_false(f.software[i].level);
    tear_down(&f);
}

static void mtimecmp_raises_when_time_comes(void **state)
{
    (void)state;
    struct fixture f;
    clint_set_up(&f);
    uint64_t now = mmio_read(&f.bed.machine, BASE + 0xbff8, 8);
    assert_int_equal(now, 10);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0x4008, 8), UINT64_MAX);
    mmio_write(&f.bed.machine, BASE + 0x4008, 8, now + 50);
    assert_false(f.timer[1].level);
    device_host_advance(&f.bed.host, &f.bed.machine, 49 * NS_PER_TICK);
    assert_false(f.timer[1].level);
    device_host_advance(&f.bed.host, &f.bed.machine, NS_PER_TICK);
    assert_true(f.timer[1].level);
    assert_false(f.timer[0].level);
    mmio_write(&f.bed.machine, BASE + 0x4008, 8, now + 1000); // as handlers do
    assert_false(f.timer[1].level);
    mmio_write(&f.bed.machine, BASE + 0x4008, 8, 0); // past: at once
    assert_true(f.timer[1].level);
    f.bed.device.ops->reset(f.bed.device.device);
    assert_false(f.timer[1].level);
    tear_down(&f);
}

static void mtimecmp_is_written_in_halves(void **state)
{
    (void)state;
    struct fixture f;
    clint_set_up(&f);
    mmio_write(&f.bed.machine, BASE + 0x4000, 4, 20);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0x4000, 8), UINT64_C(0xffffffff00000014));
    assert_false(f.timer[0].level);
    mmio_write(&f.bed.machine, BASE + 0x4004, 4, 0);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0x4000, 4), 20);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0x4004, 4), 0);
    device_host_advance(&f.bed.host, &f.bed.machine, 10 * NS_PER_TICK);
    assert_true(f.timer[0].level);
    tear_down(&f);
}

static void mtime_can_be_set(void **state)
{
    (void)state;
    struct fixture f;
    clint_set_up(&f);
    mmio_write(&f.bed.machine, BASE + 0x4000, 8, UINT64_C(0x100000005));
    mmio_write(&f.bed.machine, BASE + 0xbffc, 4, 1);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0xbffc, 4), 1);
    assert_true(f.timer[0].level); // 0x10000000a
    mmio_write(&f.bed.machine, BASE + 0xbff8, 8, 0);
    assert_false(f.timer[0].level);
    device_host_advance(&f.bed.host, &f.bed.machine, 7 * NS_PER_TICK);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0xbff8, 8), 7);
    // A comparison at the end of time neither wraps nor fires.
    mmio_write(&f.bed.machine, BASE + 0xbff8, 8, UINT64_MAX - 100);
    mmio_write(&f.bed.machine, BASE + 0x4000, 8, UINT64_MAX);
    assert_false(f.timer[0].level);
    device_host_advance(&f.bed.host, &f.bed.machine, 50 * NS_PER_TICK);
    assert_false(f.timer[0].level);
    device_host_advance(&f.bed.host, &f.bed.machine, 50 * NS_PER_TICK);
    assert_true(f.timer[0].level);
    tear_down(&f);
}

static void clint_takes_words_only(void **state)
{
    (void)state;
    struct fixture f;
    clint_set_up(&f);
    assert_false(mmio_reads(&f.bed.machine, BASE, 1));
    assert_false(mmio_reads(&f.bed.machine, BASE, 2));
    assert_false(mmio_reads(&f.bed.machine, BASE, 8)); // two harts' msip
    assert_false(mmio_writes(&f.bed.machine, BASE, 8, 1));
    assert_false(mmio_writes(&f.bed.machine, BASE + 0x4000, 2, 1));
    assert_true(mmio_reads(&f.bed.machine, BASE + 0x4000, 8));
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0x4000 + 8 * HARTS, 8), 0);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0xfff8, 8), 0);
    tear_down(&f);
}

// --- PLIC ---

enum { ENABLE = BASE + 0x2000, CONTEXT = BASE + 0x200000 };

static void drive(struct fixture *f, uint32_t source, bool level)
{
    struct vm_irq irq = vm_plic_source(&f->bed.device, source);
    vm_irq_set(&irq, level);
}

static void enable(struct fixture *f, unsigned context, uint32_t source, uint32_t priority)
{
    uint64_t address = ENABLE + 0x80 * context + source / 32 * 4;
    mmio_write(&f->bed.machine, address, 4,
               mmio_read(&f->bed.machine, address, 4) | (uint32_t)1 << source % 32);
    mmio_write(&f->bed.machine, BASE + 4 * (uint64_t)source, 4, priority);
}

static uint64_t claim_address(unsigned context)
{
    return CONTEXT + 0x1000 * (uint64_t)context + 4;
}

static uint32_t claim(struct fixture *f, unsigned context)
{
    return (uint32_t)mmio_read(&f->bed.machine, claim_address(context), 4);
}

static void complete(struct fixture *f, unsigned context, uint32_t source)
{
    mmio_write(&f->bed.machine, claim_address(context), 4, source);
}

static bool pends(struct fixture *f, uint32_t source)
{
    return mmio_read(&f->bed.machine, BASE + 0x1000 + source / 32 * 4, 4) >> source % 32 & 1;
}

static void a_level_interrupts_until_it_is_gone(void **state)
{
    (void)state;
    struct fixture f;
    plic_set_up(&f);
    enable(&f, 1, 10, 1);
    drive(&f, 10, true);
    assert_true(f.context[1].level);
    assert_false(f.context[0].level);
    assert_true(pends(&f, 10));
    assert_int_equal(claim(&f, 1), 10);
    assert_false(f.context[1].level);
    assert_false(pends(&f, 10));
    assert_int_equal(claim(&f, 1), 0);
    complete(&f, 1, 10); // the wire is high still
    assert_true(f.context[1].level);
    assert_int_equal(claim(&f, 1), 10);
    drive(&f, 10, false);
    complete(&f, 1, 10);
    assert_false(f.context[1].level);
    assert_int_equal(claim(&f, 1), 0);
    tear_down(&f);
}

// A request that the gateway has forwarded stays although the wire falls.
static void a_request_outlives_its_wire(void **state)
{
    (void)state;
    struct fixture f;
    plic_set_up(&f);
    enable(&f, 0, 95, 7);
    drive(&f, 95, true);
    drive(&f, 95, false);
    assert_true(f.context[0].level);
    assert_int_equal(claim(&f, 0), 95);
    complete(&f, 0, 95);
    assert_false(f.context[0].level);
    tear_down(&f);
}

static void priorities_order_claims(void **state)
{
    (void)state;
    struct fixture f;
    plic_set_up(&f);
    enable(&f, 3, 5, 2);
    enable(&f, 3, 40, 3);
    enable(&f, 3, 41, 3);
    enable(&f, 3, 70, 0); // never interrupts
    const uint32_t sources[] = {70, 5, 41, 40};
    for (int i = 0; i < 4; i++)
        drive(&f, sources[i], true);
    assert_int_equal(claim(&f, 3), 40); // the lowest number of equals
    assert_int_equal(claim(&f, 3), 41);
    assert_int_equal(claim(&f, 3), 5);
    assert_int_equal(claim(&f, 3), 0);
    assert_true(pends(&f, 70));
    tear_down(&f);
}

static void threshold_masks_the_wire_not_the_claim(void **state)
{
    (void)state;
    struct fixture f;
    plic_set_up(&f);
    enable(&f, 0, 7, 3);
    mmio_write(&f.bed.machine, CONTEXT, 4, 3);
    drive(&f, 7, true);
    assert_false(f.context[0].level);
    mmio_write(&f.bed.machine, CONTEXT, 4, 2);
    assert_true(f.context[0].level);
    mmio_write(&f.bed.machine, CONTEXT, 4, 0xf); // three bits
    assert_int_equal(mmio_read(&f.bed.machine, CONTEXT, 4), 7);
    assert_false(f.context[0].level);
    assert_int_equal(claim(&f, 0), 7);
    tear_down(&f);
}

static void claims_are_exclusive_and_completions_checked(void **state)
{
    (void)state;
    struct fixture f;
    plic_set_up(&f);
    enable(&f, 1, 8, 1);
    enable(&f, 3, 8, 1);
    drive(&f, 8, true);
    assert_true(f.context[1].level && f.context[3].level);
    assert_int_equal(claim(&f, 3), 8);
    assert_false(f.context[1].level || f.context[3].level);
    assert_int_equal(claim(&f, 1), 0);
    complete(&f, 0, 8); // has not enabled it
    complete(&f, 3, 0);
    complete(&f, 3, 96);
    complete(&f, 3, UINT32_MAX);
    assert_false(f.context[1].level);
    complete(&f, 1, 8); // any context that has it enabled
    assert_true(f.context[1].level && f.context[3].level);
    tear_down(&f);
}

static void plic_registers_hold_what_exists(void **state)
{
    (void)state;
    struct fixture f;
    plic_set_up(&f);
    for (unsigned word = 0; word < 32; word++) {
        mmio_write(&f.bed.machine, ENABLE + 4 * word, 4, UINT32_MAX);
        uint64_t want = word == 0 ? 0xfffffffe : word < 3 ? 0xffffffff : 0;
        assert_int_equal(mmio_read(&f.bed.machine, ENABLE + 4 * word, 4), want);
    }
    mmio_write(&f.bed.machine, BASE, 4, 7); // source 0 does not exist
    assert_int_equal(mmio_read(&f.bed.machine, BASE, 4), 0);
    mmio_write(&f.bed.machine, BASE + 4 * 95, 4, 0xff);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 4 * 95, 4), 7);
    mmio_write(&f.bed.machine, BASE + 4 * 96, 4, 7);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 4 * 96, 4), 0);
    mmio_write(&f.bed.machine, BASE + 0x1000, 4, UINT32_MAX);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 0x1000, 4), 0); // read-only
    // Contexts that do not exist.
    mmio_write(&f.bed.machine, ENABLE + 0x80 * 2 * HARTS, 4, UINT32_MAX);
    assert_int_equal(mmio_read(&f.bed.machine, ENABLE + 0x80 * 2 * HARTS, 4), 0);
    mmio_write(&f.bed.machine, CONTEXT + 0x1000 * 2 * HARTS, 4, 5);
    assert_int_equal(mmio_read(&f.bed.machine, CONTEXT + 0x1000 * 2 * HARTS, 4), 0);
    assert_int_equal(mmio_read(&f.bed.machine, BASE + VM_PLIC_SIZE - 4, 4), 0);
    assert_false(mmio_reads(&f.bed.machine, BASE, 8));
    assert_false(mmio_reads(&f.bed.machine, BASE, 1));
    assert_false(mmio_writes(&f.bed.machine, BASE, 2, 0));
    assert_null(vm_plic_source(&f.bed.device, 0).set);
    assert_null(vm_plic_source(&f.bed.device, 96).set);
    tear_down(&f);
}

static void plic_reset_keeps_levels_only(void **state)
{
    (void)state;
    struct fixture f;
    plic_set_up(&f);
    enable(&f, 1, 3, 1);
    enable(&f, 1, 4, 1);
    drive(&f, 3, true);
    drive(&f, 4, true);
    assert_int_equal(claim(&f, 1), 3);
    drive(&f, 4, false);
    f.bed.device.ops->reset(f.bed.device.device);
    assert_false(f.context[1].level);
    assert_true(pends(&f, 3));
    assert_false(pends(&f, 4));
    enable(&f, 1, 3, 1);
    assert_true(f.context[1].level);
    tear_down(&f);
}

// --- both ---

static void creation_survives_every_failure(void **state)
{
    (void)state;
    static struct fixture f;
    device_bed_starve(&f.bed, clint_create, &f);
    device_bed_starve(&f.bed, plic_create, &f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(msip_drives_the_hart_it_names),
        cmocka_unit_test(mtimecmp_raises_when_time_comes),
        cmocka_unit_test(mtimecmp_is_written_in_halves),
        cmocka_unit_test(mtime_can_be_set),
        cmocka_unit_test(clint_takes_words_only),
        cmocka_unit_test(a_level_interrupts_until_it_is_gone),
        cmocka_unit_test(a_request_outlives_its_wire),
        cmocka_unit_test(priorities_order_claims),
        cmocka_unit_test(threshold_masks_the_wire_not_the_claim),
        cmocka_unit_test(claims_are_exclusive_and_completions_checked),
        cmocka_unit_test(plic_registers_hold_what_exists),
        cmocka_unit_test(plic_reset_keeps_levels_only),
        cmocka_unit_test(creation_survives_every_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
