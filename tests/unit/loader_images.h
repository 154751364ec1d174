// SPDX-License-Identifier: MIT
//
// Hand-made kernel files for the loader's tests: every header is written field by field, and the
// compressions use only stored and run-length blocks, so that no library is needed to make them.
#ifndef TESTS_UNIT_LOADER_IMAGES_H
#define TESTS_UNIT_LOADER_IMAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IMAGE_ROOM = 256 << 10 };

struct image {
    uint8_t data[IMAGE_ROOM];
    size_t size;
};

void put16(struct image *m, size_t at, uint16_t v);
void put32(struct image *m, size_t at, uint32_t v);
void put64(struct image *m, size_t at, uint64_t v);

// Grows the image to `size` bytes; the new ones count up from 1.
void image_extend(struct image *m, size_t size);

// Adds a PE header at `at`, with the DOS header that points to it.
void add_pe(struct image *m, size_t at, uint16_t machine, uint16_t subsystem);

void make_riscv(struct image *m, uint64_t text_offset, uint64_t image_size, size_t size);
void make_arm64(struct image *m);
void make_bzimage(struct image *m, bool is_64_bit);
void make_fdt(struct image *m);
void make_cpio(struct image *m);

// Wraps `in`: `out` and `in` are different images.
void make_gzip(struct image *out, const struct image *in);
void make_zstd(struct image *out, const struct image *in);
void make_zboot(struct image *out, const struct image *packed, const char *compression,
                uint16_t machine);

// A zstd frame of `blocks` run-length blocks of 128 KiB each.
void make_zstd_bomb(struct image *out, unsigned blocks);

// The ELF file that the tests start from: an executable for RV64 with two segments to load, a note
// between them, and a symbol table with "tohost" and "fromhost".
//   text: 64 bytes at paddr 0x80000000, vaddr 0xffffffff80000000, executable
//   data: 16 bytes in the file, 4096 in memory, at paddr 0x80001000, vaddr 0xffffffff80001000
enum {
    ELF_PHDR = 64,
    ELF_PHDR_SIZE = 56,
    ELF_TEXT = ELF_PHDR + 3 * ELF_PHDR_SIZE,
    ELF_DATA = ELF_TEXT + 64,
    ELF_SYMBOLS = ELF_DATA + 16,
    ELF_STRINGS = ELF_SYMBOLS + 4 * 24,
    ELF_SHDR = ELF_STRINGS + 32,
    ELF_SHDR_SIZE = 64,
    ELF_SIZE = ELF_SHDR + 3 * ELF_SHDR_SIZE,
};

void make_elf(struct image *m);

// A bare 32- or 64-bit ELF header in either byte order.
void make_elf_header(struct image *m, bool is_64_bit, bool big_endian, uint16_t machine);

#endif
