// SPDX-License-Identifier: MIT
//
// loader: what a file is, and taking compressions off.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include <vm/base/format.h>
#include <vm/loader/loader.h>

#include "loader_images.h"

// Counts what is not given back; refuses everything when `refuse` is set.
struct heap {
    size_t live;
    bool refuse;
};

static void *heap_alloc(void *context, size_t size, size_t align)
{
    struct heap *h = context;
    if (h->refuse || align > 16)
        return NULL;
    h->live += size;
    return malloc(size);
}

static void heap_release(void *context, void *p, size_t size)
{
    ((struct heap *)context)->live -= size;
    free(p);
}

static struct image a, b, c, d, f; // too large for a stack

static void expect(const struct image *m, enum vm_image_format format, enum vm_image_format content,
                   enum vm_guest_isa isa, const char *machine, const char *text)
{
    struct vm_image_info info;
    vm_loader_identify(m->data, m->size, &info);
    assert_int_equal(info.format, format);
    assert_int_equal(info.content, content);
    assert_int_equal(info.isa, isa);
    if (machine)
        assert_string_equal(info.machine, machine);
    else
        assert_null(info.machine);
    if (!strstr(info.description, text))
        fail_msg("\"%s\" is not in \"%s\"", text, info.description);
}

static void expect_plain(const struct image *m, enum vm_image_format format, enum vm_guest_isa isa,
                         const char *machine, const char *text)
{
    expect(m, format, format, isa, machine, text);
}

static void knows_elf(void **state)
{
    (void)state;
    const enum vm_image_format elf = VM_IMAGE_ELF;
    struct vm_image_info info;
    make_elf(&a);
    expect_plain(&a, elf, VM_ISA_RISCV64, "RISC-V 64-bit",
                 "ELF 64-bit little-endian executable for RISC-V 64-bit, entry 0xffffffff80000010");
    vm_loader_identify(a.data, a.size, &info);
    assert_true(info.has_entry);
    assert_int_equal(info.entry, 0xffffffff80000010);
    make_elf_header(&a, true, false, 183);
    expect_plain(&a, elf, VM_ISA_ARM64, "ARM 64-bit", "entry 0x40");
    make_elf_header(&a, true, false, 62);
    expect_plain(&a, elf, VM_ISA_X86_64, "x86-64", "executable for x86-64");
    make_elf_header(&a, false, false, 243);
    expect_plain(&a, elf, VM_ISA_NONE, "RISC-V 32-bit", "ELF 32-bit little-endian");
    make_elf_header(&a, false, true, 20);
    expect_plain(&a, elf, VM_ISA_NONE, "PowerPC 32-bit", "ELF 32-bit big-endian executable");
    expect_plain(&a, elf, VM_ISA_NONE, "PowerPC 32-bit", "entry 0x40");
    make_elf_header(&a, true, true, 22);
    expect_plain(&a, elf, VM_ISA_NONE, "IBM Z 64-bit", "entry 0x40");
    make_elf_header(&a, true, true, 183);
    expect_plain(&a, elf, VM_ISA_NONE, "a big-endian machine", "64-bit big-endian");
    make_elf_header(&a, true, false, 999);
    put16(&a, 16, 0xfe00);
    expect_plain(&a, elf, VM_ISA_NONE, NULL, "file of a special type for machine 999");
    a.size = 40;
    expect_plain(&a, elf, VM_ISA_NONE, NULL, "damaged header");
}

static void knows_kernels(void **state)
{
    (void)state;
    make_riscv(&a, 0x200000, 0x500000, 200);
    expect_plain(&a, VM_IMAGE_RISCV_LINUX, VM_ISA_RISCV64, "RISC-V 64-bit",
                 "Linux Image for RISC-V 64-bit, load offset 0x200000, 5120 KiB in memory, "
                 "header version 0.2");
    a.data[56] = 0; // only the older magic
    expect_plain(&a, VM_IMAGE_RISCV_LINUX, VM_ISA_RISCV64, "RISC-V 64-bit", "Image");
    make_riscv(&a, 0x400000, 0x500000, 200);
    add_pe(&a, 0x40, 0x5032, 10); // the EFI part tells the width
    expect_plain(&a, VM_IMAGE_RISCV_LINUX, VM_ISA_NONE, "RISC-V 32-bit", "for RISC-V 32-bit");
    make_arm64(&a);
    expect_plain(&a, VM_IMAGE_ARM64_LINUX, VM_ISA_ARM64, "ARM 64-bit", "2048 KiB in memory");
    make_bzimage(&a, true);
    expect_plain(&a, VM_IMAGE_X86_BZIMAGE, VM_ISA_X86_64, "x86-64", "boot protocol 2.15");
    make_bzimage(&a, false);
    expect_plain(&a, VM_IMAGE_X86_BZIMAGE, VM_ISA_NONE, "x86 32-bit", "bzImage for x86 32-bit");
}

static void knows_pe(void **state)
{
    (void)state;
    const struct {
        uint16_t machine, subsystem;
        enum vm_guest_isa isa;
        const char *name, *text;
    } rows[] = {
        {0x5064, 10, VM_ISA_RISCV64, "RISC-V 64-bit", "EFI application (PE) for RISC-V 64-bit"},
        {0xaa64, 12, VM_ISA_ARM64, "ARM 64-bit", "entry at offset 0x1234"},
        {0x8664, 3, VM_ISA_X86_64, "x86-64", "PE executable for x86-64"},
        {0x014c, 10, VM_ISA_NONE, "x86 32-bit", "EFI"},
        {0x7777, 10, VM_ISA_NONE, NULL, "for machine 0x7777"},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        memset(&a, 0, sizeof a);
        add_pe(&a, 0x80, rows[i].machine, rows[i].subsystem);
        expect_plain(&a, VM_IMAGE_PE, rows[i].isa, rows[i].name, rows[i].text);
    }
    put32(&a, 0x3c, UINT32_MAX); // the header is nowhere
    expect_plain(&a, VM_IMAGE_RAW, VM_ISA_NONE, NULL, "unknown format");
}

static void knows_the_rest(void **state)
{
    (void)state;
    make_fdt(&a);
    expect_plain(&a, VM_IMAGE_FDT, VM_ISA_NONE, NULL, "device tree, 48 bytes, version 17");
    make_cpio(&a);
    expect_plain(&a, VM_IMAGE_CPIO, VM_ISA_NONE, NULL, "cpio archive");
    memset(&a, 0xa5, sizeof a.data);
    a.size = 1000;
    expect_plain(&a, VM_IMAGE_RAW, VM_ISA_NONE, NULL, "unknown format");
    struct vm_image_info info;
    vm_loader_identify(NULL, 0, &info);
    assert_int_equal(info.format, VM_IMAGE_RAW);
    assert_non_null(strstr(info.description, "empty"));
    assert_string_equal(vm_loader_isa_name(VM_ISA_NONE), "none");
    assert_string_equal(vm_loader_isa_name(VM_ISA_ARM64), "arm64");
    assert_string_equal(vm_loader_isa_name(VM_ISA_X86_64), "x86_64");
}

static void need(enum vm_image_format format)
{
    if (!vm_loader_unpacks(format))
        skip();
}

static void looks_inside(void **state)
{
    (void)state;
    need(VM_IMAGE_GZIP);
    need(VM_IMAGE_ZSTD);
    assert_false(vm_loader_unpacks(VM_IMAGE_ELF));
    make_riscv(&a, 0x200000, 0x500000, 100000);
    make_gzip(&b, &a);
    expect(&b, VM_IMAGE_GZIP, VM_IMAGE_RISCV_LINUX, VM_ISA_RISCV64, "RISC-V 64-bit",
           "gzip data, in it Linux Image for RISC-V 64-bit");
    make_zboot(&c, &b, "gzip", 0x5064);
    expect(&c, VM_IMAGE_EFI_ZBOOT, VM_IMAGE_RISCV_LINUX, VM_ISA_RISCV64, "RISC-V 64-bit",
           "EFI zboot kernel packed with gzip, in it Linux Image");
    make_zstd(&d, &c);
    expect(&d, VM_IMAGE_ZSTD, VM_IMAGE_RISCV_LINUX, VM_ISA_RISCV64, "RISC-V 64-bit",
           "zstd data, in it EFI zboot kernel packed with gzip, in it Linux Image");
    make_gzip(&f, &d);
    struct vm_image_info info;
    vm_loader_identify(f.data, f.size, &info);
    assert_int_equal(info.layers, 3);
    assert_int_equal(info.content, VM_IMAGE_RISCV_LINUX);
    make_gzip(&a, &f);
    expect(&a, VM_IMAGE_GZIP, VM_IMAGE_EFI_ZBOOT, VM_ISA_RISCV64, "RISC-V 64-bit",
           "more than is looked");
    make_cpio(&a);
    make_zstd(&b, &a);
    expect(&b, VM_IMAGE_ZSTD, VM_IMAGE_CPIO, VM_ISA_NONE, NULL, "zstd data, in it cpio");
    b.size = 6;
    expect(&b, VM_IMAGE_ZSTD, VM_IMAGE_ZSTD, VM_ISA_NONE, NULL, "nothing that can be unpacked");
    make_zboot(&c, &a, "lzma", 0xaa64);
    expect(&c, VM_IMAGE_EFI_ZBOOT, VM_IMAGE_EFI_ZBOOT, VM_ISA_ARM64, "ARM 64-bit", "with lzma");
}

static void expect_unpacked(const struct image *packed, const struct image *plain, uint64_t limit)
{
    struct heap heap = {0};
    const struct vm_allocator allocator = {heap_alloc, heap_release, &heap};
    struct vm_unpacked u;
    struct vm_error e = {.text = ""};
    if (vm_loader_unpack(packed->data, packed->size, limit, &allocator, &u, &e) != VM_OK)
        fail_msg("%s", e.text);
    assert_int_equal(u.size, plain->size);
    assert_memory_equal(u.data, plain->data, plain->size);
    vm_loader_unpacked_release(&u);
    assert_null(u.data);
    vm_loader_unpacked_release(&u);
    assert_int_equal(heap.live, 0);
}

static void expect_refused(const struct image *packed, uint64_t limit, const char *text)
{
    struct heap heap = {0};
    const struct vm_allocator allocator = {heap_alloc, heap_release, &heap};
    struct vm_unpacked u;
    struct vm_error e;
    assert_int_equal(vm_loader_unpack(packed->data, packed->size, limit, &allocator, &u, &e),
                     VM_ERR_FILE);
    if (!strstr(e.text, text))
        fail_msg("\"%s\" is not in \"%s\"", text, e.text);
    assert_null(strchr(e.text, '\n'));
    assert_int_equal(heap.live, 0);
    vm_loader_unpacked_release(&u);
}

static void unpacks_plain(void **state)
{
    (void)state;
    make_elf(&a);
    expect_unpacked(&a, &a, 0);
    a.size = 0;
    expect_unpacked(&a, &a, 0);
}

// What gzip and zstd have in common.
static void check_compression(void (*make)(struct image *out, const struct image *in))
{
    make_riscv(&a, 0, 0, 200000);
    make(&b, &a);
    expect_unpacked(&b, &a, UINT64_MAX);
    expect_unpacked(&b, &a, a.size);
    expect_refused(&b, a.size - 1, "unpacks to more than");
    expect_refused(&b, 0, "unpacks to more than");
    image_extend(&b, b.size + 100); // what follows the stream does not matter
    expect_unpacked(&b, &a, a.size);
    make_riscv(&a, 0, 0, 70);
    make(&b, &a);
    for (size_t whole = b.size; b.size-- > 4;) {
        assert_true(b.size < whole);
        expect_refused(&b, 1 << 20, "truncated");
    }
    make(&b, &a);
    size_t one = b.size;
    memcpy(b.data + one, b.data, one); // a second member or frame
    b.size = 2 * one;
    memcpy(c.data, a.data, a.size);
    memcpy(c.data + a.size, a.data, a.size);
    c.size = 2 * a.size;
    expect_unpacked(&b, &c, 1 << 20);
    b.size--;
    expect_refused(&b, 1 << 20, "truncated");
    a.size = 0;
    make(&b, &a);
    expect_unpacked(&b, &a, 0);
}

static void unpacks_gzip(void **state)
{
    (void)state;
    need(VM_IMAGE_GZIP);
    check_compression(make_gzip);
    make_riscv(&a, 0, 0, 70);
    make_gzip(&b, &a);
    b.data[40] ^= 1;
    expect_refused(&b, 1 << 20, "damaged (incorrect data check)");
    make_gzip(&b, &a);
    b.data[10] = 7; // a block type that does not exist
    expect_refused(&b, 1 << 20, "damaged");
}

static void unpacks_real_gzip(void **state)
{
    (void)state;
    need(VM_IMAGE_GZIP);
    // 200 times 'x' and 50 times "yz", packed by gzip -9: Huffman codes and matches.
    static const uint8_t packed[] = {0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xff,
                                     0xab, 0xa8, 0x18, 0x1e, 0xa0, 0xb2, 0x8a, 0xf6, 0x10, 0x00,
                                     0xce, 0x8f, 0x17, 0x90, 0x2c, 0x01, 0x00, 0x00};
    memcpy(b.data, packed, sizeof packed);
    b.size = sizeof packed;
    a.size = 300;
    memset(a.data, 'x', 200);
    for (size_t i = 200; i < 300; i++)
        a.data[i] = i % 2 ? 'z' : 'y';
    expect_unpacked(&b, &a, 300);
    expect_refused(&b, 299, "unpacks to more than");
}

static void unpacks_zstd(void **state)
{
    (void)state;
    need(VM_IMAGE_ZSTD);
    check_compression(make_zstd);
    make_riscv(&a, 0, 0, 70);
    make_zstd(&b, &a);
    b.data[9] |= 6; // a block type that does not exist
    expect_refused(&b, 1 << 20, "damaged");
    make_zstd_bomb(&b, 1024); // 128 MiB in 4 KiB
    expect_refused(&b, 100 << 20, "more than the 102400 KiB");
    expect_refused(&b, (128 << 20) - 1, "more than");
}

static void unpacks_nested(void **state)
{
    (void)state;
    need(VM_IMAGE_GZIP);
    need(VM_IMAGE_ZSTD);
    make_elf(&a);
    make_zstd(&b, &a);
    make_gzip(&c, &b);
    expect_unpacked(&c, &a, 1 << 20);
    make_gzip(&d, &c);
    expect_unpacked(&d, &a, 1 << 20);
    make_gzip(&f, &d);
    expect_refused(&f, 1 << 20, "more than 3 times");
    b.size--;
    make_gzip(&c, &b);
    expect_refused(&c, 1 << 20, "zstd data ends too early");
}

static void unpacks_zboot(void **state)
{
    (void)state;
    need(VM_IMAGE_GZIP);
    need(VM_IMAGE_ZSTD);
    make_riscv(&a, 0x200000, 0x500000, 3000);
    make_gzip(&b, &a);
    make_zboot(&c, &b, "gzip", 0x5064);
    expect_unpacked(&c, &a, 1 << 20);
    put32(&c, 12, (uint32_t)b.size - 1);
    expect_refused(&c, 1 << 20, "truncated");
    put32(&c, 12, UINT32_MAX);
    expect_refused(&c, 1 << 20, "beyond the end of the file");
    put32(&c, 8, UINT32_MAX);
    expect_refused(&c, 1 << 20, "beyond the end of the file");
    make_zboot(&c, &b, "xzkern", 0x5064);
    expect_refused(&c, 1 << 20, "packed with xzkern");
    make_zboot(&c, &b, "\n\x1b[31m", 0x5064); // nothing that a terminal would obey
    expect_refused(&c, 1 << 20, "an unnamed compression");
    make_zstd(&b, &a);
    make_zboot(&c, &b, "zstd22", 0xaa64);
    expect_unpacked(&c, &a, 1 << 20);
}

static void says_when_memory_is_out(void **state)
{
    (void)state;
    need(VM_IMAGE_GZIP);
    need(VM_IMAGE_ZSTD);
    struct heap heap = {.refuse = true};
    const struct vm_allocator allocator = {heap_alloc, heap_release, &heap};
    struct vm_unpacked u;
    struct vm_error e;
    make_elf(&a);
    make_gzip(&b, &a);
    assert_int_equal(vm_loader_unpack(b.data, b.size, 1 << 20, &allocator, &u, &e), VM_ERR_HOST);
    make_zstd(&b, &a);
    assert_int_equal(vm_loader_unpack(b.data, b.size, 1 << 20, &allocator, &u, &e), VM_ERR_HOST);
    assert_non_null(strstr(e.text, "no memory"));
}

static void says_what_the_build_lacks(void **state)
{
    (void)state;
    make_elf(&a);
    if (!vm_loader_unpacks(VM_IMAGE_GZIP)) {
        make_gzip(&b, &a);
        expect_refused(&b, 1 << 20, "this build has no zlib");
        expect(&b, VM_IMAGE_GZIP, VM_IMAGE_GZIP, VM_ISA_NONE, NULL, "nothing that can be unpacked");
    }
    if (!vm_loader_unpacks(VM_IMAGE_ZSTD)) {
        make_zstd(&b, &a);
        expect_refused(&b, 1 << 20, "this build has no zstd");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knows_elf),
        cmocka_unit_test(knows_kernels),
        cmocka_unit_test(knows_pe),
        cmocka_unit_test(knows_the_rest),
        cmocka_unit_test(looks_inside),
        cmocka_unit_test(unpacks_plain),
        cmocka_unit_test(unpacks_gzip),
        cmocka_unit_test(unpacks_real_gzip),
        cmocka_unit_test(unpacks_zstd),
        cmocka_unit_test(unpacks_nested),
        cmocka_unit_test(unpacks_zboot),
        cmocka_unit_test(says_when_memory_is_out),
        cmocka_unit_test(says_what_the_build_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
