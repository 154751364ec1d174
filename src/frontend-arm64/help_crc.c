// SPDX-License-Identifier: MIT
//
// CRC32 and CRC32C (the manual, C6 "CRC32B, CRC32H, CRC32W, CRC32X"): the remainder over the
// reflected polynomials 0xedb88320 and 0x82f63b78, four bits at a time.
#include "frontend.h"

static const uint32_t crc32_table[16] = {
    0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
    0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
};

static const uint32_t crc32c_table[16] = {
    0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
    0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

static uint32_t remainder_of(const uint32_t table[16], uint32_t sum, uint64_t data, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++, data >>= 8) {
        sum ^= (uint8_t)data;
        sum = sum >> 4 ^ table[sum & 15];
        sum = sum >> 4 ^ table[sum & 15];
    }
    return sum;
}

uint64_t a64_help_crc32(void *vcpu, uint64_t sum, uint64_t data, uint64_t bytes, uint64_t d)
{
    (void)vcpu;
    (void)d;
    return remainder_of(crc32_table, (uint32_t)sum, data, (unsigned)bytes);
}

uint64_t a64_help_crc32c(void *vcpu, uint64_t sum, uint64_t data, uint64_t bytes, uint64_t d)
{
    (void)vcpu;
    (void)d;
    return remainder_of(crc32c_table, (uint32_t)sum, data, (unsigned)bytes);
}
