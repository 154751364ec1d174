// SPDX-License-Identifier: MIT
//
// loader: ELF files and where images go. Ends with every truncation and random damage of small
// images: nothing may crash, and nothing may be placed outside RAM.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <vm/loader/loader.h>

#include "loader_images.h"

enum { RAM_SIZE = 8 << 20 };

#define RAM_BASE 0x80000000ull

static void *heap_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return align <= 16 ? malloc(size) : NULL;
}

static void heap_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)size;
    free(p);
}

static const struct vm_allocator heap = {heap_alloc, heap_release, NULL};

static struct image a, b; // too large for a stack

static uint8_t ram[RAM_SIZE];

static enum vm_guest_isa machine = VM_ISA_RISCV64;

struct guest {
    unsigned calls, fail_at;
};

static vm_status place(void *context, vm_gpa address, const void *data, uint64_t filesz,
                       uint64_t memsz, struct vm_error *e)
{
    struct guest *g = context;
    uint64_t offset = address.v - RAM_BASE;
    assert_true(filesz <= memsz && memsz <= RAM_SIZE && offset <= RAM_SIZE - memsz);
    if (++g->calls == g->fail_at)
        return vm_error_set(e, VM_ERR_HOST, "refused");
    memcpy(ram + offset, data, filesz);
    memset(ram + offset + filesz, 0, memsz - filesz);
    return VM_OK;
}

static struct vm_loader_request request_of(const struct image *m, enum vm_loader_role role,
                                           struct guest *g)
{
    return (struct vm_loader_request){
        .data = m->data,
        .size = m->size,
        .role = role,
        .isa = machine,
        .ram_base = vm_gpa_of(RAM_BASE),
        .ram_size = RAM_SIZE,
        .unpack_limit = 1 << 20,
        .allocator = &heap,
        .place = place,
        .context = g,
    };
}

static struct vm_loader_placement expect_placed(const struct image *m, enum vm_loader_role role)
{
    struct guest g = {0};
    struct vm_loader_request r = request_of(m, role, &g);
    struct vm_loader_placement p;
    struct vm_error e;
    memset(ram, 0xee, sizeof ram);
    if (vm_loader_place(&r, &p, &e) != VM_OK)
        fail_msg("%s", e.text);
    return p;
}

static void expect_refused(const struct image *m, enum vm_loader_role role, const char *text)
{
    struct guest g = {0};
    struct vm_loader_request r = request_of(m, role, &g);
    struct vm_loader_placement p;
    struct vm_error e;
    assert_int_equal(vm_loader_place(&r, &p, &e), VM_ERR_FILE);
    if (!strstr(e.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, e.text);
    assert_null(strchr(e.text, '\n'));
    assert_int_equal(g.calls, 0); // nothing is placed of what is refused
    assert_int_equal(vm_loader_place(&r, &p, NULL), VM_ERR_FILE);
}

static void places_riscv_image(void **state)
{
    (void)state;
    make_riscv(&a, 0x200000, 0x300000, 1000);
    struct vm_loader_placement p = expect_placed(&a, VM_LOADER_KERNEL);
    assert_int_equal(p.entry.v, RAM_BASE + 0x200000);
    assert_int_equal(p.lowest.v, RAM_BASE + 0x200000);
    assert_int_equal(p.end.v, RAM_BASE + 0x500000);
    assert_int_equal(p.info.content, VM_IMAGE_RISCV_LINUX);
    assert_memory_equal(ram + 0x200000, a.data, a.size);
    assert_int_equal(ram[0x200000 + 1000], 0); // BSS
    assert_int_equal(ram[0x4fffff], 0);
    assert_int_equal(ram[0x500000], 0xee);
    assert_int_equal(ram[0x1fffff], 0xee);
    make_riscv(&a, 0, 10, 1000); // of machine mode, and with a size that is too small
    p = expect_placed(&a, VM_LOADER_KERNEL);
    assert_int_equal(p.entry.v, RAM_BASE);
    assert_int_equal(p.end.v, RAM_BASE + 1000);
    make_riscv(&a, 0x200000, RAM_SIZE - 0x200000, 100); // fits exactly
    assert_int_equal(expect_placed(&a, VM_LOADER_KERNEL).end.v, RAM_BASE + RAM_SIZE);
}

static void places_arm64_image(void **state)
{
    (void)state;
    machine = VM_ISA_ARM64;
    make_arm64(&a);
    struct vm_loader_placement p = expect_placed(&a, VM_LOADER_KERNEL);
    assert_int_equal(p.entry.v, RAM_BASE);
    assert_int_equal(p.end.v, RAM_BASE + 0x200000); // with BSS
    assert_memory_equal(ram, a.data, a.size);
    assert_int_equal(ram[0x1fffff], 0);
    assert_int_equal(ram[0x200000], 0xee);
    put64(&a, 8, 0x80000);
    assert_int_equal(expect_placed(&a, VM_LOADER_KERNEL).entry.v, RAM_BASE + 0x80000);
    // An old kernel says nothing about its size, and nothing right about its offset.
    put64(&a, 8, 0x800);
    put64(&a, 16, 0);
    p = expect_placed(&a, VM_LOADER_KERNEL);
    assert_int_equal(p.entry.v, RAM_BASE + 0x80000);
    assert_int_equal(p.end.v, RAM_BASE + 0x80000 + a.size);
    // As distributions pack it into an EFI application.
    make_arm64(&a);
    make_zstd(&b, &a);
    make_zboot(&a, &b, "zstd", 0xaa64);
    p = expect_placed(&a, VM_LOADER_KERNEL);
    assert_int_equal(p.entry.v, RAM_BASE);
    assert_int_equal(p.info.format, VM_IMAGE_EFI_ZBOOT);
    machine = VM_ISA_RISCV64;
}

static void refuses_arm64_image(void **state)
{
    (void)state;
    machine = VM_ISA_ARM64;
    make_arm64(&a);
    put64(&a, 8, RAM_SIZE + 1);
    expect_refused(&a, VM_LOADER_KERNEL, "which is not in RAM");
    put64(&a, 8, RAM_SIZE - 0x1fffff);
    expect_refused(&a, VM_LOADER_KERNEL, "give more memory");
    put64(&a, 16, UINT64_MAX);
    expect_refused(&a, VM_LOADER_KERNEL, "give more memory");
    make_arm64(&a);
    a.data[24] |= 1;
    expect_refused(&a, VM_LOADER_KERNEL, "big-endian ARM64");
    a.data[24] = 10;
    expect_refused(&a, VM_LOADER_FIRMWARE, "not firmware that can be loaded (Linux Image");
    make_riscv(&a, 0x200000, 0x300000, 1000);
    expect_refused(&a, VM_LOADER_KERNEL, "but the machine is arm64");
    machine = VM_ISA_RISCV64;
}

static void refuses_riscv_image(void **state)
{
    (void)state;
    make_riscv(&a, 0x200000, RAM_SIZE - 0x200000 + 1, 100);
    expect_refused(&a, VM_LOADER_KERNEL, "give more memory");
    make_riscv(&a, 0x200000, UINT64_MAX, 100);
    expect_refused(&a, VM_LOADER_KERNEL, "give more memory");
    make_riscv(&a, 0x201000, 0x1000, 100);
    expect_refused(&a, VM_LOADER_KERNEL, "multiple of 2 MiB");
    make_riscv(&a, 0 - 0x200000ull, 0x1000, 100);
    expect_refused(&a, VM_LOADER_KERNEL, "load offset 0xffffffffffe00000");
    make_riscv(&a, 0x200000, 0x1000, 100);
    a.data[24] = 1;
    expect_refused(&a, VM_LOADER_KERNEL, "big-endian");
    a.data[24] = 0;
    expect_refused(&a, VM_LOADER_FIRMWARE, "not firmware that can be loaded (Linux Image");
}

static void places_elf(void **state)
{
    (void)state;
    make_elf(&a);
    for (int role = VM_LOADER_KERNEL; role <= VM_LOADER_FIRMWARE; role++) {
        struct vm_loader_placement p = expect_placed(&a, (enum vm_loader_role)role);
        assert_int_equal(p.entry.v, 0x80000010); // physical, though e_entry is virtual
        assert_int_equal(p.lowest.v, 0x80000000);
        assert_int_equal(p.end.v, 0x80002000);
        assert_memory_equal(ram, a.data + ELF_TEXT, 64);
        assert_int_equal(ram[64], 0xee);
        assert_memory_equal(ram + 0x1000, a.data + ELF_DATA, 16);
        assert_int_equal(ram[0x1010], 0);
        assert_int_equal(ram[0x1fff], 0);
        assert_int_equal(ram[0x2000], 0xee);
    }
    if (!vm_loader_unpacks(VM_IMAGE_GZIP))
        return;
    make_gzip(&b, &a);
    assert_int_equal(expect_placed(&b, VM_LOADER_KERNEL).info.content, VM_IMAGE_ELF);
    b.size -= 2;
    expect_refused(&b, VM_LOADER_KERNEL, "truncated");
}

static void passes_on_what_place_says(void **state)
{
    (void)state;
    struct vm_loader_placement p;
    struct vm_error e;
    make_elf(&a);
    for (unsigned i = 1; i <= 2; i++) {
        struct guest g = {.fail_at = i};
        struct vm_loader_request r = request_of(&a, VM_LOADER_KERNEL, &g);
        assert_int_equal(vm_loader_place(&r, &p, &e), VM_ERR_HOST);
        assert_string_equal(e.text, "refused");
        assert_int_equal(g.calls, i);
    }
}

static void places_flat_firmware(void **state)
{
    (void)state;
    memset(a.data, 0x13, 5000);
    a.size = 5000;
    struct vm_loader_placement p = expect_placed(&a, VM_LOADER_FIRMWARE);
    assert_int_equal(p.entry.v, RAM_BASE);
    assert_int_equal(p.end.v, RAM_BASE + 5000);
    assert_int_equal(ram[4999], 0x13);
    assert_int_equal(ram[5000], 0xee);
    expect_refused(&a, VM_LOADER_KERNEL, "not a kernel that can be loaded (unknown format");
    a.size = 0;
    expect_refused(&a, VM_LOADER_FIRMWARE, "empty");
    expect_refused(&a, VM_LOADER_KERNEL, "empty");
}

static void refuses_what_is_for_others(void **state)
{
    (void)state;
    make_arm64(&a);
    expect_refused(&a, VM_LOADER_KERNEL, "but the machine is riscv64");
    expect_refused(&a, VM_LOADER_KERNEL, "or --guest arm64");
    make_bzimage(&a, true);
    expect_refused(&a, VM_LOADER_KERNEL, "or --guest x86_64");
    make_elf_header(&a, false, false, 243);
    expect_refused(&a, VM_LOADER_KERNEL, "RISC-V 32-bit, entry 0x40, but the machine is riscv64");
    make_elf_header(&a, true, false, 999);
    expect_refused(&a, VM_LOADER_FIRMWARE, "machine 999");
    memset(&a, 0, sizeof a);
    add_pe(&a, 0x40, 0x5064, 10);
    expect_refused(&a, VM_LOADER_KERNEL, "EFI applications need firmware");
    make_fdt(&a);
    expect_refused(&a, VM_LOADER_KERNEL, "--dtb");
    make_cpio(&a);
    expect_refused(&a, VM_LOADER_KERNEL, "--initrd");
    expect_refused(&a, VM_LOADER_FIRMWARE, "cpio");
}

// A field of the ELF file that makes it bad.
struct damage {
    size_t at;
    unsigned width; // bytes
    uint64_t value;
    const char *text;
};

static void refuses_bad_elf(void **state)
{
    (void)state;
    enum { TEXT = ELF_PHDR, DATA = ELF_PHDR + 2 * ELF_PHDR_SIZE };
    static const struct damage rows[] = {
        {4, 1, 3, "damaged header"},
        {5, 1, 0, "damaged header"},
        {16, 2, 1, "type 1"},
        {16, 2, 4, "type 4"},
        {54, 2, 32, "wrong size"},
        {56, 2, 0, "no segment to load"},
        {56, 2, 0xffff, "beyond the end"},
        {56, 2, 30, "beyond the end"},
        {32, 8, ELF_SIZE + 1, "beyond the end"},
        {32, 8, UINT64_MAX, "beyond the end"},
        {24, 8, 0x1000, "ELF entry point needs"},
        {TEXT + 8, 8, ELF_SIZE - 63, "beyond the end"},
        {TEXT + 8, 8, UINT64_MAX - 10, "beyond the end"},
        {TEXT + 32, 8, 65, "larger in the file"},
        {DATA + 32, 8, 4096, "beyond the end"},
        {TEXT + 24, 8, UINT64_MAX - 62, "wraps"},
        {TEXT + 16, 8, UINT64_MAX - 62, "wraps"},
        {TEXT + 40, 8, UINT64_MAX, "wraps"},
        {TEXT + 40, 8, 0x1001, "overlapping segments at physical 0x80000000 and 0x80001000"},
        {DATA + 24, 8, 0x80000000, "overlapping"},
        {DATA + 24, 8, 0x8000003f, "overlapping"},
        {TEXT + 24, 8, 0x7fffffff, "link it for this machine"},
        {DATA + 24, 8, RAM_BASE + RAM_SIZE - 4095, "give more memory"},
        {DATA + 40, 8, RAM_SIZE, "give more memory"},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        make_elf(&a);
        for (unsigned byte = 0; byte < rows[i].width; byte++)
            a.data[rows[i].at + byte] = (uint8_t)(rows[i].value >> (8 * byte));
        expect_refused(&a, VM_LOADER_KERNEL, rows[i].text);
    }
}

static void open_checks_the_kind(void **state)
{
    (void)state;
    struct vm_elf elf;
    struct vm_error e;
    make_elf_header(&a, true, true, 21);
    assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "64-bit big-endian"));
    make_elf_header(&a, false, false, 3);
    assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "32-bit little-endian"));
    make_fdt(&a);
    assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, &e), VM_ERR_FILE);
    assert_non_null(strstr(e.text, "not an ELF file"));
}

static void refuses_many_segments(void **state)
{
    (void)state;
    struct vm_elf elf;
    struct vm_error e;
    for (unsigned n = VM_ELF_MAX_SEGMENTS; n <= VM_ELF_MAX_SEGMENTS + 1; n++) {
        make_elf(&a);
        a.size = ELF_PHDR + n * ELF_PHDR_SIZE;
        put16(&a, 56, (uint16_t)n);
        for (unsigned i = 0; i < n; i++) {
            size_t p = ELF_PHDR + i * ELF_PHDR_SIZE;
            memset(a.data + p, 0, ELF_PHDR_SIZE);
            put32(&a, p, 1);
            put64(&a, p + 24, 0x80000000 + i);
            put64(&a, p + 40, 1);
        }
        assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, &e),
                         n <= VM_ELF_MAX_SEGMENTS ? VM_OK : VM_ERR_FILE);
    }
    assert_non_null(strstr(e.text, "more than 256 segments"));
}

static void entry_prefers_code(void **state)
{
    (void)state;
    struct vm_elf elf;
    make_elf(&a);
    put64(&a, ELF_PHDR + 2 * ELF_PHDR_SIZE + 16, 0xffffffff80000000); // data at text's addresses
    assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, NULL), VM_OK);
    assert_int_equal(vm_loader_elf_entry(&elf).v, 0x80000010);
    put32(&a, ELF_PHDR + 4, 4); // the flags the other way round
    put32(&a, ELF_PHDR + 2 * ELF_PHDR_SIZE + 4, 5);
    assert_int_equal(vm_loader_elf_entry(&elf).v, 0x80001010);
    put64(&a, 24, 0x80000020); // in no segment by virtual address
    assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, NULL), VM_OK);
    assert_int_equal(vm_loader_elf_entry(&elf).v, 0x80000020);
}

static void finds_symbols(void **state)
{
    (void)state;
    struct vm_elf elf;
    uint64_t v = 0;
    make_elf(&a);
    assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, NULL), VM_OK);
    assert_int_equal(elf.isa, VM_ISA_RISCV64);
    assert_true(vm_loader_elf_symbol(&elf, "tohost", &v));
    assert_int_equal(v, 0x80001000);
    assert_true(vm_loader_elf_symbol(&elf, "fromhost", &v));
    assert_int_equal(v, 0x80001040);
    assert_false(vm_loader_elf_symbol(&elf, "gone", &v)); // undefined
    assert_false(vm_loader_elf_symbol(&elf, "host", &v));
    assert_false(vm_loader_elf_symbol(&elf, "tohos", &v));
    put32(&a, ELF_SYMBOLS + 2 * 24, UINT32_MAX); // a name outside the strings
    assert_false(vm_loader_elf_symbol(&elf, "tohost", &v));
    assert_true(vm_loader_elf_symbol(&elf, "fromhost", &v));
}

static void survives_bad_symbol_tables(void **state)
{
    (void)state;
    enum { SYMBOLS = ELF_SHDR + ELF_SHDR_SIZE, STRINGS = SYMBOLS + ELF_SHDR_SIZE };
    static const struct damage rows[] = {
        {40, 8, UINT64_MAX, ""},
        {40, 8, ELF_SIZE, ""},
        {60, 2, 0, ""},
        {60, 2, 2, ""},
        {SYMBOLS + 4, 4, 1, ""},
        {SYMBOLS + 24, 8, ELF_SIZE, ""},
        {SYMBOLS + 32, 8, 1 << 20, ""},
        {SYMBOLS + 40, 4, 1, ""},
        {SYMBOLS + 40, 4, 99, ""},
        {SYMBOLS + 56, 8, 16, ""},
        {STRINGS + 24, 8, UINT64_MAX, ""},
        {STRINGS + 32, 8, 7, ""},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        struct vm_elf elf;
        uint64_t v;
        make_elf(&a);
        for (unsigned byte = 0; byte < rows[i].width; byte++)
            a.data[rows[i].at + byte] = (uint8_t)(rows[i].value >> (8 * byte));
        assert_int_equal(vm_loader_elf_open(a.data, a.size, &elf, NULL), VM_OK);
        assert_false(vm_loader_elf_symbol(&elf, "fromhost", &v));
    }
}

// Runs everything over a copy that is exactly as long as it says, so that a sanitizer sees a read
// past its end.
static void run_all(const struct image *m, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    memcpy(copy, m->data, size);
    struct vm_elf elf;
    uint64_t v;
    if (vm_loader_elf_open(copy, size, &elf, NULL) == VM_OK)
        vm_loader_elf_symbol(&elf, "fromhost", &v);
    for (int role = VM_LOADER_KERNEL; role <= VM_LOADER_FIRMWARE; role++) {
        struct guest g = {0};
        struct vm_loader_request r = request_of(m, (enum vm_loader_role)role, &g);
        struct vm_loader_placement p;
        struct vm_error e = {.text = ""};
        r.data = copy;
        r.size = size;
        vm_status s = vm_loader_place(&r, &p, &e);
        assert_true(s == VM_OK || (s == VM_ERR_FILE && e.text[0] && g.calls == 0));
    }
    free(copy);
}

static void make_one(unsigned kind)
{
    switch (kind) {
    case 0: make_elf(&a); break;
    case 1: make_riscv(&a, 0x200000, 0x2000, 100); break;
    case 2: make_bzimage(&a, true); break;
    case 3: make_fdt(&a); break;
    case 4:
        make_elf(&b);
        make_gzip(&a, &b);
        break;
    case 5:
        make_elf(&b);
        make_zstd(&a, &b);
        break;
    default:
        make_riscv(&a, 0x200000, 0x2000, 100);
        make_gzip(&b, &a);
        make_zboot(&a, &b, "gzip", 0x5064);
        break;
    }
}

enum { KINDS = 7 };

static void survives_truncation(void **state)
{
    (void)state;
    for (unsigned kind = 0; kind < KINDS; kind++) {
        make_one(kind);
        for (size_t size = 0; size <= a.size; size++)
            run_all(&a, size);
    }
}

static void survives_damage(void **state)
{
    (void)state;
    uint32_t random = 2463534242; // xorshift: the same bytes each time
    for (unsigned i = 0; i < 3000; i++) {
        make_one(i % KINDS);
        for (unsigned n = i % 4; n < 6; n++) {
            random ^= random << 13;
            random ^= random >> 17;
            random ^= random << 5;
            a.data[(random >> 8) % (i % 2 ? a.size : 200)] ^= (uint8_t)(1 << (random & 7));
        }
        run_all(&a, a.size);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_riscv_image),
        cmocka_unit_test(refuses_riscv_image),
        cmocka_unit_test(places_arm64_image),
        cmocka_unit_test(refuses_arm64_image),
        cmocka_unit_test(places_elf),
        cmocka_unit_test(passes_on_what_place_says),
        cmocka_unit_test(places_flat_firmware),
        cmocka_unit_test(refuses_what_is_for_others),
        cmocka_unit_test(refuses_bad_elf),
        cmocka_unit_test(open_checks_the_kind),
        cmocka_unit_test(refuses_many_segments),
        cmocka_unit_test(entry_prefers_code),
        cmocka_unit_test(finds_symbols),
        cmocka_unit_test(survives_bad_symbol_tables),
        cmocka_unit_test(survives_truncation),
        cmocka_unit_test(survives_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
