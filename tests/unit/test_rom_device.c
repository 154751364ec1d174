// SPDX-License-Identifier: MIT
//
// mem and core: memory that is a device to stores and, while it shows its commands, to loads. What
// the checked accessors take it for, what TLBs and translators remember, several vCPUs at once.
#include "core_rig.h"

#include <stdlib.h>
#include <string.h>

#include <vm/ir/ir.h>

enum {
    PAGE = VM_PAGE_SIZE,
    FLASH = 0x30000000,
    PAGES = 2,
    SHOW_MEMORY = 0xff,   // what the device takes as a command; anything else shows the commands
    COMMANDS_VALUE = 0x80 // what it reads as then
};

struct bed {
    struct rig rig;
    struct vm_rom_device *rom;
    uint8_t *memory;
    unsigned reads, writes;
    unsigned sizes; // of all accesses, or-ed
    bool refuses;
};

static bool flash_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct bed *b = device;
    assert_true(offset + size <= PAGES * PAGE);
    b->reads++;
    b->sizes |= size;
    *value = COMMANDS_VALUE;
    return true;
}

static bool flash_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct bed *b = device;
    assert_true(offset + size <= PAGES * PAGE);
    b->writes++;
    b->sizes |= size;
    if (!b->refuses)
        vm_space_show_rom(&b->rig.machine.space, b->rom, value == SHOW_MEMORY);
    return !b->refuses;
}

static const struct vm_mmio_ops flash_ops = {flash_read, flash_write};

static struct bed *begin(unsigned vcpus)
{
    struct bed *b = calloc(1, sizeof *b);
    rig_init(&b->rig, vcpus, NULL, NULL);
    b->memory = aligned_alloc(PAGE, PAGES * PAGE);
    for (unsigned i = 0; i < PAGES * PAGE; i++)
        b->memory[i] = (uint8_t)(i * 7 + (i >> 8));
    assert_int_equal(vm_space_add_rom_device(&b->rig.machine.space, vm_gpa_of(FLASH), PAGES * PAGE,
                                             b->memory, &flash_ops, b, "flash", &b->rom, NULL),
                     VM_OK);
    for (unsigned i = 0; i < PAGES; i++)
        rig_map(&b->rig, FLASH + i * PAGE, FLASH + i * PAGE, 7);
    return b;
}

static void end(struct bed *b)
{
    rig_destroy(&b->rig);
    free(b->memory);
    free(b);
}

static uint64_t load(struct bed *b, unsigned vcpu, uint64_t at, unsigned size)
{
    uint64_t value = 0;
    assert_true(rig_load(b->rig.v[vcpu], at, size, &value));
    return value;
}

static void store(struct bed *b, unsigned vcpu, uint64_t at, unsigned size, uint64_t value)
{
    assert_true(rig_store(b->rig.v[vcpu], at, size, value));
}

static uint64_t in_memory(const struct bed *b, uint64_t at, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, b->memory + (at - FLASH), size);
    return value;
}

// --- the space ---

static void accessors_read_the_memory_and_never_write(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    struct vm_space *s = &b->rig.machine.space;
    uint8_t bytes[16];
    uint64_t value;
    assert_true(vm_space_read(s, vm_gpa_of(FLASH + 100), bytes, sizeof bytes));
    assert_memory_equal(bytes, b->memory + 100, sizeof bytes);
    assert_ptr_equal(vm_space_host(s, vm_gpa_of(FLASH), PAGES * PAGE, false), b->memory);
    assert_null(vm_space_host(s, vm_gpa_of(FLASH), 1, true));
    memset(bytes, 0, sizeof bytes);
    assert_false(vm_space_write(s, vm_gpa_of(FLASH + 100), bytes, sizeof bytes));
    assert_false(vm_space_mmio_read(s, vm_gpa_of(FLASH), 4, &value));
    assert_true(vm_space_mmio_write(s, vm_gpa_of(FLASH), 4, 1));
    // Now it is a device through and through.
    assert_false(vm_space_read(s, vm_gpa_of(FLASH + 100), bytes, sizeof bytes));
    assert_false(vm_space_write(s, vm_gpa_of(FLASH + 100), bytes, sizeof bytes));
    assert_null(vm_space_host(s, vm_gpa_of(FLASH), 1, false));
    assert_true(vm_space_mmio_read(s, vm_gpa_of(FLASH), 4, &value));
    assert_int_equal(value, COMMANDS_VALUE);
    assert_int_equal(b->memory[100], (uint8_t)700);
    end(b);
}

static void accessors_refuse_a_write_that_ends_in_it(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    struct vm_space *s = &b->rig.machine.space;
    uint8_t *ram = aligned_alloc(PAGE, PAGE);
    memset(ram, 0x11, PAGE);
    assert_int_equal(vm_space_add_ram(s, vm_gpa_of(FLASH - PAGE), PAGE, ram, "ram below", NULL),
                     VM_OK);
    uint8_t bytes[8] = {0};
    assert_false(vm_space_write(s, vm_gpa_of(FLASH - 4), bytes, sizeof bytes));
    assert_int_equal(ram[PAGE - 1], 0x11);
    assert_true(vm_space_read(s, vm_gpa_of(FLASH - 4), bytes, sizeof bytes));
    assert_memory_equal(bytes + 4, b->memory, 4);
    vm_machine_destroy(&b->rig.machine); // the space goes before its memory
    test_host_check_released(&b->rig.host);
    free(b->rig.ram);
    free(b->rig.rom);
    free(ram);
    free(b->memory);
    free(b);
}

static void memory_runs_out_cleanly(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    struct vm_rom_device *rom;
    static const char name[] = "second";
    for (uint64_t allowed = 0; allowed < 3; allowed++) {
        atomic_store(&b->rig.host.fail_after, allowed);
        assert_int_equal(vm_space_add_rom_device(&b->rig.machine.space, vm_gpa_of(0x50000000), PAGE,
                                                 b->memory, &flash_ops, b, name, &rom, NULL),
                         VM_ERR_HOST);
    }
    atomic_store(&b->rig.host.fail_after, UINT64_MAX);
    assert_int_equal(vm_space_add_rom_device(&b->rig.machine.space, vm_gpa_of(FLASH), PAGE,
                                             b->memory, &flash_ops, b, name, &rom, NULL),
                     VM_ERR_USAGE);
    end(b);
}

// --- one vCPU ---

static void loads_are_direct_while_it_shows_memory(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(load(b, 0, FLASH + 8, 8), in_memory(b, FLASH + 8, 8));
    // Misaligned, and over the page's end.
    assert_int_equal(load(b, 0, FLASH + PAGE - 3, 8), in_memory(b, FLASH + PAGE - 3, 8));
    assert_int_equal(b->reads, 0);
    end(b);
}

static void a_store_is_a_command_and_the_next_load_sees_it(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    assert_int_equal(load(b, 0, FLASH + 8, 4), in_memory(b, FLASH + 8, 4));
    for (unsigned size = 1; size <= 8; size *= 2) {
        b->sizes = 0;
        store(b, 0, FLASH + 8, size, 0x70);
        assert_int_equal(b->sizes, size);
        assert_int_equal(load(b, 0, FLASH + 8, 4), COMMANDS_VALUE);
        store(b, 0, FLASH + PAGE, 4, SHOW_MEMORY);
        assert_int_equal(load(b, 0, FLASH + 8, 4), in_memory(b, FLASH + 8, 4));
    }
    assert_int_equal(b->writes, 8);
    assert_int_equal(b->reads, 4);
    assert_int_equal(b->memory[8], (uint8_t)56);
    end(b);
}

static void odd_stores_and_loads_of_commands_fail(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    struct vm_vcpu *v = b->rig.v[0];
    uint64_t value;
    assert_false(rig_store(v, FLASH + 2, 4, 0x70));
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_WRITE, FLASH + 2);
    assert_false(rig_store(v, FLASH + PAGE - 2, 4, 0x70)); // over the page's end
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_WRITE, FLASH + PAGE - 2);
    b->refuses = true;
    assert_false(rig_store(v, FLASH, 4, 0x70));
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_WRITE, FLASH);
    b->refuses = false;
    store(b, 0, FLASH, 4, 0x70);
    assert_false(rig_load(v, FLASH + 2, 4, &value));
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_READ, FLASH + 2);
    assert_false(rig_load(v, FLASH + PAGE - 2, 4, &value));
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_READ, FLASH + PAGE - 2);
    end(b);
}

static void atomics_do_not_write(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    struct vm_vcpu *v = b->rig.v[0];
    vm_u128 old;
    uint64_t failed;
    const uint32_t attr = VM_IR_MEM(2, 0, VM_IR_SEQ_CST);
    assert_true(vm_vcpu_load_reserved(v, vm_gva_of(FLASH), attr, &old));
    assert_int_equal(old.lo, in_memory(b, FLASH, 4));
    assert_false(vm_vcpu_store_conditional(v, vm_gva_of(FLASH), attr, old, &failed));
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_WRITE, FLASH);
    assert_false(vm_vcpu_cas(v, vm_gva_of(FLASH), attr, old, (vm_u128){1, 0}, &old));
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_WRITE, FLASH);
    assert_int_equal(b->writes, 0);
    end(b);
}

// --- code ---

static void code_is_fetched_from_memory_only(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    struct vm_vcpu *v = b->rig.v[0];
    struct vm_tlb_code_entry page;
    assert_true(vm_vcpu_fetch_page(v, vm_gva_of(FLASH + 4), &page));
    assert_ptr_equal((void *)(uintptr_t)(page.addend + FLASH), b->memory);
    uint64_t generation = v->tlb.code->code_generation;
    store(b, 0, FLASH, 4, 0x70);
    // Blocks that are linked by this mapping are not, and the vCPU looks where it is.
    assert_true(v->tlb.code->code_generation != generation);
    assert_true(atomic_load(&v->request) & VM_REQUEST_IRQ);
    assert_false(vm_vcpu_fetch_page(v, vm_gva_of(FLASH + 4), &page));
    rig_expect_exception(v, RIG_BUS_ERROR + VM_ACCESS_EXECUTE, FLASH + 4);
    store(b, 0, FLASH, 4, SHOW_MEMORY);
    assert_true(vm_vcpu_fetch_page(v, vm_gva_of(FLASH + 4), &page));
    end(b);
}

static void changes_drop_translations(void **state)
{
    (void)state;
    struct bed *b = begin(1);
    struct vm_vcpu *v = b->rig.v[0];
    struct vm_space *s = &b->rig.machine.space;
    struct vm_tlb_code_entry page;
    assert_true(vm_vcpu_fetch_page(v, vm_gva_of(FLASH), &page));
    vm_vcpu_watch_code(v, page.region, 64, 127);
    uint32_t version = atomic_load(&page.region->track[0].code_version);
    store(b, 0, FLASH, 4, 0x40);
    vm_space_rom_changed(s, b->rom, 128, 4); // another line
    assert_int_equal(atomic_load(&page.region->track[0].code_version), version);
    vm_space_rom_changed(s, b->rom, 64, 4);
    assert_int_equal(atomic_load(&page.region->track[0].code_version), version + 1);
    assert_int_equal(atomic_load(&page.region->track[1].code_version), 0);
    end(b);
}

// --- several vCPUs ---

static void switches_flush_every_vcpu(void **state)
{
    (void)state;
    struct bed *b = begin(RIG_VCPUS);
    for (unsigned i = 0; i < RIG_VCPUS; i++)
        assert_int_equal(load(b, i, FLASH + 8, 4), in_memory(b, FLASH + 8, 4));
    store(b, 1, FLASH, 4, 0x70);
    for (unsigned i = 0; i < RIG_VCPUS; i++) {
        // The others were outside of the guest: they do their work on entry.
        if (i != 1) {
            assert_true(atomic_load(&b->rig.v[i]->request) & VM_REQUEST_WORK);
            assert_int_equal(b->rig.v[i]->work_count, 1);
            vm_vcpu_do_work(b->rig.v[i], &b->rig.v[i]->work[0]);
        }
        assert_int_equal(load(b, i, FLASH + 8, 4), COMMANDS_VALUE);
    }
    // Memory that nobody can have cached is shown without any work.
    uint64_t sent = b->rig.v[2]->stats.work_sent;
    store(b, 2, FLASH, 4, 0x90);
    store(b, 2, FLASH, 4, SHOW_MEMORY);
    assert_int_equal(b->rig.v[2]->stats.work_sent, sent);
    end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(accessors_read_the_memory_and_never_write),
        cmocka_unit_test(accessors_refuse_a_write_that_ends_in_it),
        cmocka_unit_test(memory_runs_out_cleanly),
        cmocka_unit_test(loads_are_direct_while_it_shows_memory),
        cmocka_unit_test(a_store_is_a_command_and_the_next_load_sees_it),
        cmocka_unit_test(odd_stores_and_loads_of_commands_fail),
        cmocka_unit_test(atomics_do_not_write),
        cmocka_unit_test(code_is_fetched_from_memory_only),
        cmocka_unit_test(changes_drop_translations),
        cmocka_unit_test(switches_flush_every_vcpu),
    };
    return cmocka_run_group_tests_name("rom device", tests, NULL, NULL);
}
