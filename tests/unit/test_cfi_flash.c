// SPDX-License-Identifier: MIT
//
// NOR flash by its commands, as drivers use them: query, erase, single and buffered programs, lock
// bits, errors; saving; random accesses against what flash can do at all.
#include "device_host.h"

#include <stdlib.h>
#include <string.h>

#include <vm/base/memory.h>
#include <vm/device/cfi_flash.h>

enum {
    CODE = 0x20000000,
    SIZE = 2 * VM_CFI_FLASH_SECTOR,
    VARS = CODE + SIZE,
    SECOND = VARS + VM_CFI_FLASH_SECTOR,
};

enum { READY = 0x800080, LOCKED_ERROR = 0x20002, PROGRAM_ERROR = 0x100010, ERASE_ERROR = 0x200020 };

struct fixture {
    struct device_bed bed;
    uint8_t *code, *vars;
    unsigned saves;
    uint64_t offset, size; // of the last
};

static void save(void *context, uint64_t offset, uint64_t size)
{
    struct fixture *f = context;
    f->saves++;
    f->offset = offset;
    f->size = size;
}

// Contents that differ everywhere.
static void fill(uint8_t *array)
{
    for (uint32_t i = 0; i < SIZE; i += 4)
        vm_store_le32(array + i, i * UINT32_C(2654435761));
}

static struct fixture *begin(bool kept)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct vm_error e;
    device_bed_init(&f->bed);
    f->code = aligned_alloc(VM_PAGE_SIZE, SIZE);
    f->vars = aligned_alloc(VM_PAGE_SIZE, SIZE);
    fill(f->code);
    memset(f->vars, 0xff, SIZE);
    const struct vm_cfi_flash_bank banks[] = {
        {.base = {CODE}, .size = SIZE, .array = f->code, .read_only = true},
        {.base = {VARS}, .size = SIZE, .array = f->vars, .save = kept ? save : NULL, .context = f},
    };
    if (vm_cfi_flash_create(&f->bed.machine, banks, 2, &f->bed.device, &e) != VM_OK ||
        vm_cfi_flash_attach(&f->bed.device, &e) != VM_OK)
        fail_msg("%s", e.text);
    f->bed.device.ops->reset(f->bed.device.device);
    return f;
}

static void end(struct fixture *f)
{
    device_bed_end(&f->bed);
    free(f->code);
    free(f->vars);
    free(f);
}

static bool shows_array(struct fixture *f, uint64_t at)
{
    uint8_t byte;
    return vm_space_read(&f->bed.machine.space, vm_gpa_of(at), &byte, 1);
}

// A word as a guest loads it.
static uint32_t word(struct fixture *f, uint64_t at)
{
    uint32_t value;
    if (vm_space_read(&f->bed.machine.space, vm_gpa_of(at), &value, sizeof value))
        return value;
    return (uint32_t)mmio_read(&f->bed.machine, at, 4);
}

// To both chips.
static void command(struct fixture *f, uint64_t at, uint32_t c)
{
    mmio_write(&f->bed.machine, at, 4, c | c << 16);
}

static void put(struct fixture *f, uint64_t at, uint32_t value)
{
    command(f, at, 0x40);
    mmio_write(&f->bed.machine, at, 4, value);
}

static void expect_status(struct fixture *f, uint64_t at, uint32_t status)
{
    assert_int_equal(word(f, at), status);
    command(f, at, 0x50);
}

static void expect_word(struct fixture *f, uint64_t at, uint32_t value)
{
    command(f, at, 0xff);
    assert_true(shows_array(f, at));
    assert_int_equal(word(f, at), value);
}

static uint8_t query(struct fixture *f, unsigned n)
{
    uint32_t both = word(f, VARS + 4 * n);
    assert_int_equal(both & 0xffff, both >> 16);
    return (uint8_t)both;
}

// --- what it is ---

static void is_memory_at_first(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    assert_true(shows_array(f, CODE));
    assert_ptr_equal(vm_space_host(&f->bed.machine.space, vm_gpa_of(CODE), SIZE, false), f->code);
    assert_int_equal(word(f, CODE + 64), vm_load_le32(f->code + 64));
    assert_int_equal(word(f, VARS), UINT32_MAX);
    end(f);
}

static void query_describes_the_bank(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    command(f, VARS + 0x55 * 4, 0x98);
    assert_int_equal(query(f, 0x10), 'Q');
    assert_int_equal(query(f, 0x11), 'R');
    assert_int_equal(query(f, 0x12), 'Y');
    assert_int_equal(query(f, 0x13) | query(f, 0x14) << 8, 1); // Intel's
    unsigned extended = query(f, 0x15) | query(f, 0x16) << 8u;
    assert_int_equal(query(f, 0x17) | query(f, 0x19), 0); // no other
    uint64_t chip = UINT64_C(1) << query(f, 0x27);
    assert_int_equal(2 * chip, SIZE);
    assert_int_equal(2 << query(f, 0x2a), VM_CFI_FLASH_BUFFER);
    assert_int_equal(query(f, 0x2c), 1);
    uint64_t blocks = (query(f, 0x2d) | query(f, 0x2e) << 8u) + 1;
    uint64_t block = (query(f, 0x2f) | query(f, 0x30) << 8u) * UINT64_C(256);
    assert_int_equal(blocks * block, chip);
    assert_int_equal(2 * block, VM_CFI_FLASH_SECTOR);
    assert_int_equal(query(f, extended), 'P');
    assert_int_equal(query(f, extended + 1), 'R');
    assert_int_equal(query(f, extended + 2), 'I');
    assert_int_equal(query(f, extended + 5), 0x20); // instant individual locking
    assert_int_equal(query(f, 0x40), 0);
    assert_int_equal(word(f, VARS + SIZE - 4), 0);
    // Parts of words, and two at once.
    assert_int_equal(mmio_read(&f->bed.machine, VARS + 0x40, 1), 'Q');
    assert_int_equal(mmio_read(&f->bed.machine, VARS + 0x42, 2), 'Q');
    assert_int_equal(mmio_read(&f->bed.machine, VARS + 0x40, 8), UINT64_C(0x0052005200510051));
    assert_true(shows_array(f, CODE)); // the other bank goes its own way
    end(f);
}

static void identifies_itself(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    command(f, VARS, 0x90);
    assert_int_equal(word(f, VARS), 0x890089);
    assert_int_equal(word(f, VARS + 4), 0x180018);
    assert_int_equal(word(f, SECOND + 8), 0);
    command(f, CODE, 0x90);
    assert_int_equal(word(f, CODE + 8), 0x30003); // locked for good
    end(f);
}

static void probes_for_others_leave_it_alone(void **state)
{
    (void)state;
    static const uint32_t others[] = {0xf0, 0xaa, 0x55, 0x00, 0xff};
    struct fixture *f = begin(false);
    for (size_t i = 0; i < VM_ARRAY_SIZE(others); i++) {
        command(f, VARS, 0x70);
        assert_false(shows_array(f, VARS));
        command(f, VARS + 0x555 * 4, others[i]);
        assert_true(shows_array(f, VARS));
    }
    end(f);
}

// --- programs and erasures ---

static void programs_take_bits_away(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    put(f, VARS + 8, 0x12345678);
    expect_status(f, VARS, READY);
    put(f, VARS + 8, 0xffff0fff);
    expect_status(f, VARS, READY);
    expect_word(f, VARS + 8, 0x12340678);
    // By bytes and halves; and the other opcode.
    command(f, VARS, 0x10);
    mmio_write(&f->bed.machine, VARS + 14, 1, 0x5a);
    command(f, VARS, 0x40);
    mmio_write(&f->bed.machine, VARS + 12, 2, 0x1234);
    expect_word(f, VARS + 12, 0xff5a1234);
    assert_int_equal(f->vars[7], 0xff);
    assert_int_equal(f->vars[16], 0xff);
    end(f);
}

static void erases_whole_sectors(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    memset(f->vars, 0x42, SIZE);
    command(f, SECOND + 0x1234, 0x20);
    command(f, SECOND + 0x1234, 0xd0);
    expect_status(f, SECOND, READY);
    for (uint32_t i = 0; i < SIZE; i++)
        assert_int_equal(f->vars[i], i < VM_CFI_FLASH_SECTOR ? 0x42 : 0xff);
    expect_word(f, VARS, 0x42424242);
    end(f);
}

static void buffers_go_in_together(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    command(f, SECOND, 0xe8);
    assert_int_equal(word(f, SECOND), READY);
    command(f, SECOND, 3);
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(f->vars[VM_CFI_FLASH_SECTOR + 0x100], 0xff); // not yet
        mmio_write(&f->bed.machine, SECOND + 0x100 + 4 * i, 4, 0x01010101 * (i + 1));
    }
    command(f, SECOND, 0xd0);
    expect_status(f, SECOND, READY);
    for (unsigned i = 0; i < 4; i++)
        expect_word(f, SECOND + 0x100 + 4 * i, 0x01010101 * (i + 1));
    expect_word(f, SECOND + 0x110, UINT32_MAX);
    expect_word(f, SECOND + 0xfc, UINT32_MAX);
    // As much as there is room for, from the end down.
    command(f, VARS, 0xe8);
    command(f, VARS, VM_CFI_FLASH_BUFFER / 4 - 1);
    for (unsigned i = VM_CFI_FLASH_BUFFER; i > 0; i -= 4)
        mmio_write(&f->bed.machine, VARS + i - 4, 4, i);
    command(f, VARS, 0xd0);
    expect_status(f, VARS, READY);
    for (unsigned i = VM_CFI_FLASH_BUFFER; i > 0; i -= 4)
        expect_word(f, VARS + i - 4, i);
    end(f);
}

static void wrong_sequences_are_errors(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    const uint32_t sequence = READY | PROGRAM_ERROR | ERASE_ERROR;
    command(f, VARS, 0x20);
    command(f, VARS, 0xff);
    assert_int_equal(word(f, VARS), sequence);
    command(f, VARS, 0x70);
    assert_int_equal(word(f, VARS), sequence); // until it is cleared
    expect_status(f, VARS, sequence);
    expect_status(f, VARS, READY);
    command(f, VARS, 0xe8);
    command(f, VARS, VM_CFI_FLASH_BUFFER / 4); // one too many
    expect_status(f, VARS, sequence);
    command(f, VARS, 0xe8);
    command(f, VARS, 0);
    mmio_write(&f->bed.machine, VARS, 4, 0);
    command(f, VARS, 0xff); // not confirmed
    expect_status(f, VARS, sequence);
    command(f, VARS, 0xe8);
    command(f, VARS, 1);
    mmio_write(&f->bed.machine, VARS, 4, 0);
    mmio_write(&f->bed.machine, VARS + VM_CFI_FLASH_BUFFER, 4, 0); // another block
    command(f, VARS, 0xd0);
    expect_status(f, VARS, READY | PROGRAM_ERROR);
    command(f, VARS, 0x60);
    command(f, VARS, 0x77);
    expect_status(f, VARS, sequence);
    for (uint32_t i = 0; i < SIZE; i++)
        assert_int_equal(f->vars[i], 0xff);
    command(f, VARS, 0xff);
    command(f, VARS, 0xd0); // resume, of nothing
    assert_int_equal(word(f, VARS), READY);
    command(f, VARS, 0xb0);
    assert_int_equal(word(f, VARS), READY);
    end(f);
}

// --- locks ---

static void lock_bits_protect_sectors(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    command(f, SECOND, 0x60);
    command(f, SECOND, 0x01);
    expect_status(f, SECOND, READY);
    put(f, SECOND, 0);
    expect_status(f, SECOND, READY | PROGRAM_ERROR | LOCKED_ERROR);
    command(f, SECOND, 0x20);
    command(f, SECOND, 0xd0);
    expect_status(f, SECOND, READY | ERASE_ERROR | LOCKED_ERROR);
    command(f, SECOND, 0x90);
    assert_int_equal(word(f, SECOND + 8), 0x10001);
    assert_int_equal(word(f, VARS + 8), 0);
    put(f, VARS, 1); // the other one is open
    expect_status(f, VARS, READY);
    command(f, SECOND, 0x60);
    command(f, SECOND, 0xd0);
    put(f, SECOND, 2);
    expect_status(f, SECOND, READY);
    expect_word(f, SECOND, 2);
    // Locked down it stays so until the reset.
    command(f, SECOND, 0x60);
    command(f, SECOND, 0x2f);
    command(f, SECOND, 0x60);
    command(f, SECOND, 0xd0);
    put(f, SECOND, 0);
    expect_status(f, SECOND, READY | PROGRAM_ERROR | LOCKED_ERROR);
    command(f, SECOND, 0x60);
    command(f, SECOND, 0x03); // read configuration: there is none
    expect_status(f, SECOND, READY);
    f->bed.device.ops->reset(f->bed.device.device);
    assert_true(shows_array(f, SECOND));
    put(f, SECOND, 0);
    expect_word(f, SECOND, 0);
    end(f);
}

static void code_cannot_be_changed(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    uint8_t *before = malloc(SIZE);
    memcpy(before, f->code, SIZE);
    command(f, CODE, 0x60);
    command(f, CODE, 0xd0);
    put(f, CODE + 4, 0);
    expect_status(f, CODE, READY | PROGRAM_ERROR | LOCKED_ERROR);
    command(f, CODE, 0x20);
    command(f, CODE, 0xd0);
    expect_status(f, CODE, READY | ERASE_ERROR | LOCKED_ERROR);
    assert_memory_equal(f->code, before, SIZE);
    free(before);
    end(f);
}

// --- saving ---

static void is_busy_until_it_is_saved(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    command(f, VARS, 0x40);
    mmio_write(&f->bed.machine, VARS + 0x22, 1, 0x55);
    assert_int_equal(f->saves, 1);
    assert_int_equal(f->offset, 0x20); // whole words
    assert_int_equal(f->size, 4);
    assert_int_equal(word(f, VARS), 0);
    // It is deaf meanwhile.
    command(f, VARS, 0xff);
    put(f, VARS + 0x20, 0);
    command(f, VARS, 0x20);
    command(f, VARS, 0xd0);
    assert_false(shows_array(f, VARS));
    assert_int_equal(f->saves, 1);
    vm_cfi_flash_saved(&f->bed.device, 1, true);
    assert_int_equal(word(f, VARS), READY);
    expect_word(f, VARS + 0x20, 0xff55ffff);
    command(f, SECOND, 0x20);
    command(f, SECOND, 0xd0);
    assert_int_equal(f->saves, 2);
    assert_int_equal(f->offset, VM_CFI_FLASH_SECTOR);
    assert_int_equal(f->size, VM_CFI_FLASH_SECTOR);
    vm_cfi_flash_saved(&f->bed.device, 1, true);
    // What fails, changes nothing and is not saved.
    command(f, VARS, 0x20);
    command(f, VARS, 0x20);
    assert_int_equal(f->saves, 2);
    end(f);
}

static void failed_saves_are_failed_operations(void **state)
{
    (void)state;
    struct fixture *f = begin(true);
    put(f, VARS, 0);
    vm_cfi_flash_saved(&f->bed.device, 1, false);
    expect_status(f, VARS, READY | PROGRAM_ERROR);
    command(f, VARS, 0x20);
    command(f, VARS, 0xd0);
    vm_cfi_flash_saved(&f->bed.device, 1, false);
    expect_status(f, VARS, READY | ERASE_ERROR);
    end(f);
}

// --- anything ---

// From one store to the next a sector loses bits, or is erased as a whole.
static void check_sector(const uint64_t *before, const uint64_t *after)
{
    bool erased = true, came_back = false;
    for (unsigned i = 0; i < VM_CFI_FLASH_SECTOR / 8; i++) {
        erased = erased && after[i] == UINT64_MAX;
        came_back = came_back || after[i] & ~before[i];
    }
    assert_true(erased || !came_back);
}

static void access_anything(struct fixture *f, uint64_t *random)
{
    static const uint8_t often[] = {0x10, 0x20, 0x40, 0x50, 0x60, 0x70, 0x90, 0x98, 0xb0, 0xd0,
                                    0xe8, 0x01, 0x2f, 0xff, 0x03, 0x00, 0xd0, 0x20, 0x40, 0xd0};
    uint64_t r = test_random(random);
    unsigned size = 1u << (r & 3);
    // Near the beginnings of sectors, so that buffers fill up.
    uint64_t at = CODE + (r >> 8 & 3) * VM_CFI_FLASH_SECTOR + (r >> 16) % (r & 4 ? 64 : 8192);
    at &= ~(uint64_t)(size - 1);
    uint64_t value = r & 24 ? often[(r >> 40) % VM_ARRAY_SIZE(often)] : test_random(random);
    if ((r >> 48) % 64 == 0)
        f->bed.device.ops->reset(f->bed.device.device);
    if ((r >> 56) % 4 == 0)
        mmio_reads(&f->bed.machine, at, size);
    else
        mmio_write(&f->bed.machine, at, size, value);
}

static void random_accesses_do_what_flash_can(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    uint64_t random = test_seed("flash", 1);
    uint64_t *before = malloc(SIZE);
    uint8_t *code = malloc(SIZE);
    unsigned changes = 0;
    memcpy(code, f->code, SIZE);
    for (unsigned n = 0; n < 5000; n++) {
        memcpy(before, f->vars, SIZE);
        access_anything(f, &random);
        for (unsigned i = 0; i < SIZE; i += VM_CFI_FLASH_SECTOR)
            check_sector(before + i / 8, (const uint64_t *)(const void *)(f->vars + i));
        changes += memcmp(before, f->vars, SIZE) != 0;
    }
    assert_true(changes > 20);
    assert_memory_equal(f->code, code, SIZE);
    free(before);
    free(code);
    end(f);
}

static void refuses_what_cannot_be(void **state)
{
    (void)state;
    struct fixture *f = begin(false);
    struct vm_device second;
    struct vm_cfi_flash_bank bank = {.base = {0x1000000}, .array = f->vars};
    static const uint64_t sizes[] = {0, VM_CFI_FLASH_SECTOR, 3 * VM_CFI_FLASH_SECTOR,
                                     UINT64_C(1) << 40};
    for (size_t i = 0; i < VM_ARRAY_SIZE(sizes); i++) {
        bank.size = sizes[i];
        assert_int_equal(vm_cfi_flash_create(&f->bed.machine, &bank, 1, &second, NULL),
                         VM_ERR_USAGE);
    }
    bank.size = SIZE;
    for (uint64_t allowed = 0; allowed < 3; allowed++) {
        atomic_store(&f->bed.host.base.fail_after, allowed);
        assert_int_equal(vm_cfi_flash_create(&f->bed.machine, &bank, 1, &second, NULL),
                         VM_ERR_HOST);
    }
    atomic_store(&f->bed.host.base.fail_after, UINT64_MAX);
    bank.base = vm_gpa_of(CODE);
    assert_int_equal(vm_cfi_flash_create(&f->bed.machine, &bank, 1, &second, NULL), VM_OK);
    assert_int_equal(vm_cfi_flash_attach(&second, NULL), VM_ERR_USAGE);
    vm_device_destroy(&second);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_memory_at_first),
        cmocka_unit_test(query_describes_the_bank),
        cmocka_unit_test(identifies_itself),
        cmocka_unit_test(probes_for_others_leave_it_alone),
        cmocka_unit_test(programs_take_bits_away),
        cmocka_unit_test(erases_whole_sectors),
        cmocka_unit_test(buffers_go_in_together),
        cmocka_unit_test(wrong_sequences_are_errors),
        cmocka_unit_test(lock_bits_protect_sectors),
        cmocka_unit_test(code_cannot_be_changed),
        cmocka_unit_test(is_busy_until_it_is_saved),
        cmocka_unit_test(failed_saves_are_failed_operations),
        cmocka_unit_test(random_accesses_do_what_flash_can),
        cmocka_unit_test(refuses_what_cannot_be),
    };
    return cmocka_run_group_tests_name("flash", tests, NULL, NULL);
}
