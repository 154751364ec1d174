// SPDX-License-Identifier: MIT
//
// gzip by zlib (RFC 1951, RFC 1952): one or more members, checksums verified.
#include <zlib.h>

#include <vm/base/memory.h>

#include "decompress.h"

enum {
    GZIP_ONLY = 15 + 16, // inflateInit2: the largest window, a gzip header and nothing else
    MOST_AT_ONCE = 1 << 30,
};

static bool is_member(const uint8_t *p, size_t n)
{
    return n >= 3 && p[0] == 0x1f && p[1] == 0x8b && p[2] == 8;
}

static vm_status damaged(const z_stream *z, int result, struct vm_error *e)
{
    if (result == Z_MEM_ERROR)
        return vm_error_set(e, VM_ERR_HOST, "no memory to unpack gzip data");
    if (result == Z_OK || result == Z_BUF_ERROR)
        return vm_error_set(e, VM_ERR_FILE,
                            "gzip data ends too early: the file is truncated; get it again");
    return vm_error_set(e, VM_ERR_FILE, "gzip data is damaged (%s); get the file again",
                        z->msg ? z->msg : "no details");
}

// Feeds the stream what zlib can take at once of [*at, size); true when there was anything.
static bool feed(z_stream *z, const uint8_t *data, size_t size, size_t *at)
{
    if (z->avail_in > 0)
        return true;
    size_t n = size - *at < MOST_AT_ONCE ? size - *at : MOST_AT_ONCE;
    z->next_in = (z_const Bytef *)(uintptr_t)(data + *at);
    z->avail_in = (uInt)n;
    *at += n;
    return n > 0;
}

// Unpacks one member that begins at *at, and moves *at past it.
static vm_status unpack_member(z_stream *z, const uint8_t *data, size_t size, size_t *at,
                               struct vm_loader_output *out, struct vm_error *e)
{
    z->avail_in = 0;
    int result = Z_OK;
    while (result != Z_STREAM_END) {
        vm_status s = vm_loader_output_grow(out, "gzip", e);
        if (s != VM_OK)
            return s;
        bool more = feed(z, data, size, at);
        size_t room = out->capacity - out->size;
        uInt given = room < MOST_AT_ONCE ? (uInt)room : MOST_AT_ONCE;
        z->next_out = out->data + out->size;
        z->avail_out = given;
        result = inflate(z, Z_NO_FLUSH);
        out->size += given - z->avail_out;
        bool stuck = !more && z->avail_out == given;
        if (result != Z_STREAM_END && ((result != Z_OK && result != Z_BUF_ERROR) || stuck))
            return damaged(z, result, e);
    }
    *at -= z->avail_in;
    return out->size > out->limit ? vm_loader_output_grow(out, "gzip", e) : VM_OK;
}

static vm_status gzip_unpack(const uint8_t *data, size_t size, struct vm_loader_output *out,
                             struct vm_error *e)
{
    // The last four bytes are the unpacked size modulo 2^32 (RFC 1952, section 2.3.1).
    uint64_t expected = size >= 4 ? vm_load_le32(data + size - 4) : 0;
    vm_status s = vm_loader_output_start(out, size, expected, "gzip", e);
    if (s != VM_OK)
        return s;
    z_stream z = {0};
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK)
        return damaged(&z, Z_MEM_ERROR, e);
    size_t at = 0;
    do {
        s = unpack_member(&z, data, size, &at, out, e);
    } while (s == VM_OK && is_member(data + at, size - at) && inflateReset(&z) == Z_OK);
    inflateEnd(&z);
    return s;
}

static size_t gzip_start(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    z_stream z = {0};
    size_t at = 0;
    if (inflateInit2(&z, GZIP_ONLY) != Z_OK)
        return 0;
    feed(&z, data, size, &at);
    z.next_out = out;
    z.avail_out = (uInt)room;
    inflate(&z, Z_SYNC_FLUSH); // what came out before an error is good for identification
    inflateEnd(&z);
    return room - z.avail_out;
}

const struct vm_loader_decompressor vm_loader_gzip = {gzip_unpack, gzip_start, true};
