// SPDX-License-Identifier: MIT
#include "loader_images.h"

#include <string.h>

void put16(struct image *m, size_t at, uint16_t v)
{
    m->data[at] = (uint8_t)v;
    m->data[at + 1] = (uint8_t)(v >> 8);
}

void put32(struct image *m, size_t at, uint32_t v)
{
    put16(m, at, (uint16_t)v);
    put16(m, at + 2, (uint16_t)(v >> 16));
}

void put64(struct image *m, size_t at, uint64_t v)
{
    put32(m, at, (uint32_t)v);
    put32(m, at + 4, (uint32_t)(v >> 32));
}

static void put_text(struct image *m, size_t at, const char *text)
{
    memcpy(m->data + at, text, strlen(text));
}

static void start(struct image *m, size_t size)
{
    memset(m->data, 0, sizeof m->data);
    m->size = size;
}

void image_extend(struct image *m, size_t size)
{
    for (size_t i = m->size; i < size; i++)
        m->data[i] = (uint8_t)(i - m->size + 1);
    m->size = size;
}

static void append(struct image *m, const void *data, size_t size)
{
    memcpy(m->data + m->size, data, size);
    m->size += size;
}

static void append32(struct image *m, uint32_t v)
{
    put32(m, m->size, v);
    m->size += 4;
}

void add_pe(struct image *m, size_t at, uint16_t machine, uint16_t subsystem)
{
    if (m->size < at + 24 + 70)
        m->size = at + 24 + 70;
    put_text(m, 0, "MZ");
    put32(m, 0x3c, (uint32_t)at);
    put32(m, at, 0x4550); // "PE"
    put16(m, at + 4, machine);
    put16(m, at + 24, 0x20b); // PE32+
    put32(m, at + 24 + 16, 0x1234);
    put16(m, at + 24 + 68, subsystem);
}

void make_riscv(struct image *m, uint64_t text_offset, uint64_t image_size, size_t size)
{
    start(m, 64);
    put64(m, 8, text_offset);
    put64(m, 16, image_size);
    put32(m, 32, 2); // version 0.2
    put_text(m, 48, "RISCV");
    put_text(m, 56, "RSC\x05");
    image_extend(m, size);
}

void make_arm64(struct image *m)
{
    start(m, 100);
    put64(m, 16, 0x200000);
    put64(m, 24, 10); // 4 KiB pages, anywhere in memory
    put_text(m, 56, "ARM\x64");
}

void make_bzimage(struct image *m, bool is_64_bit)
{
    start(m, 0x400);
    put16(m, 0x1fe, 0xaa55);
    put_text(m, 0x202, "HdrS");
    put16(m, 0x206, 0x20f);
    put16(m, 0x236, is_64_bit);
}

void make_fdt(struct image *m)
{
    start(m, 48);
    put32(m, 0, 0xedfe0dd0);
    m->data[7] = 48; // totalsize, big-endian
    m->data[23] = 17;
}

void make_cpio(struct image *m)
{
    start(m, 110);
    memset(m->data, '0', m->size);
    put_text(m, 0, "070701");
}

static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    return ~crc;
}

void make_gzip(struct image *out, const struct image *in)
{
    enum { MOST = 60000 }; // a stored block holds 65535 bytes
    static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};
    start(out, 0);
    append(out, header, sizeof header);
    for (size_t at = 0;;) {
        uint16_t n = (uint16_t)(in->size - at < MOST ? in->size - at : MOST);
        const uint8_t block[5] = {at + n == in->size, (uint8_t)n, (uint8_t)(n >> 8), (uint8_t)~n,
                                  (uint8_t)(~n >> 8)};
        append(out, block, sizeof block);
        append(out, in->data + at, n);
        at += n;
        if (at == in->size)
            break;
    }
    append32(out, crc32_of(in->data, in->size));
    append32(out, (uint32_t)in->size);
}

// A block header: last flag, type, size (RFC 8878, section 3.1.1.2).
static void append_zstd_block(struct image *m, bool last, unsigned type, uint32_t size)
{
    uint32_t h = last | type << 1 | size << 3;
    const uint8_t bytes[3] = {(uint8_t)h, (uint8_t)(h >> 8), (uint8_t)(h >> 16)};
    append(m, bytes, sizeof bytes);
}

void make_zstd(struct image *out, const struct image *in)
{
    enum { MOST = 100000 };
    start(out, 0);
    append32(out, 0xfd2fb528);
    append(out, "\xa0", 1); // one segment, its size in four bytes, no checksum
    append32(out, (uint32_t)in->size);
    for (size_t at = 0;;) {
        size_t n = in->size - at < MOST ? in->size - at : MOST;
        append_zstd_block(out, at + n == in->size, 0, (uint32_t)n);
        append(out, in->data + at, n);
        at += n;
        if (at == in->size)
            break;
    }
}

void make_zstd_bomb(struct image *out, unsigned blocks)
{
    start(out, 0);
    append32(out, 0xfd2fb528);
    append(out, "\0\x38", 2); // size unknown, window of 128 KiB
    for (unsigned i = 0; i < blocks; i++) {
        append_zstd_block(out, i + 1 == blocks, 1, 128 << 10);
        append(out, "", 1);
    }
}

void make_zboot(struct image *out, const struct image *packed, const char *compression,
                uint16_t machine)
{
    start(out, 0x200);
    add_pe(out, 0x40, machine, 10);
    put_text(out, 4, "zimg");
    put32(out, 8, 0x200);
    put32(out, 12, (uint32_t)packed->size);
    put_text(out, 24, compression);
    append(out, packed->data, packed->size);
    append(out, "pad", 3); // sections are padded
}

static void put_segment(struct image *m, unsigned index, uint32_t type, uint32_t flags,
                        uint64_t offset, uint64_t paddr, uint64_t filesz, uint64_t memsz)
{
    size_t p = ELF_PHDR + index * ELF_PHDR_SIZE;
    put32(m, p, type);
    put32(m, p + 4, flags);
    put64(m, p + 8, offset);
    put64(m, p + 16, paddr + 0xffffffff00000000);
    put64(m, p + 24, paddr);
    put64(m, p + 32, filesz);
    put64(m, p + 40, memsz);
}

static void put_section(struct image *m, unsigned index, uint32_t type, uint64_t offset,
                        uint64_t size, uint32_t link, uint64_t entry_size)
{
    size_t p = ELF_SHDR + index * ELF_SHDR_SIZE;
    put32(m, p + 4, type);
    put64(m, p + 24, offset);
    put64(m, p + 32, size);
    put32(m, p + 40, link);
    put64(m, p + 56, entry_size);
}

static void put_symbol(struct image *m, unsigned index, uint32_t name, uint16_t section,
                       uint64_t value)
{
    size_t p = ELF_SYMBOLS + index * 24;
    put32(m, p, name);
    put16(m, p + 6, section);
    put64(m, p + 8, value);
}

void make_elf_header(struct image *m, bool is_64_bit, bool big_endian, uint16_t machine)
{
    start(m, is_64_bit ? 64 : 52);
    memcpy(m->data, "\x7f\x45LF", 4);
    m->data[4] = is_64_bit ? 2 : 1;
    m->data[5] = big_endian ? 2 : 1;
    m->data[6] = 1;
    put16(m, 16, big_endian ? 0x200 : 2); // executable
    put16(m, 18, big_endian ? (uint16_t)(machine << 8 | machine >> 8) : machine);
    m->data[big_endian ? (is_64_bit ? 31 : 27) : 24] = 0x40; // entry
}

void make_elf(struct image *m)
{
    make_elf_header(m, true, false, 243);
    m->size = ELF_SIZE;
    put64(m, 24, 0xffffffff80000010);
    put64(m, 32, ELF_PHDR);
    put64(m, 40, ELF_SHDR);
    put16(m, 54, ELF_PHDR_SIZE);
    put16(m, 56, 3);
    put16(m, 58, ELF_SHDR_SIZE);
    put16(m, 60, 3);
    put_segment(m, 0, 1, 5, ELF_TEXT, 0x80000000, 64, 64);
    put_segment(m, 1, 4, 4, ELF_TEXT, 0, 4, 4);
    put_segment(m, 2, 1, 6, ELF_DATA, 0x80001000, 16, 4096);
    for (unsigned i = 0; i < 80; i++)
        m->data[ELF_TEXT + i] = (uint8_t)(i + 1);
    memcpy(m->data + ELF_STRINGS, "\0tohost\0fromhost\0gone\0", 22);
    put_symbol(m, 1, 17, 0, 0); // undefined
    put_symbol(m, 2, 1, 1, 0x80001000);
    put_symbol(m, 3, 8, 1, 0x80001040);
    put_section(m, 1, 2, ELF_SYMBOLS, 4 * 24, 2, 24);
    put_section(m, 2, 3, ELF_STRINGS, 22, 0, 0);
}
