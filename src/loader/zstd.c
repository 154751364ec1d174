// SPDX-License-Identifier: MIT
//
// Zstandard by libzstd (RFC 8878): one or more frames, checksums verified.
#include <zstd.h>

#include <vm/base/memory.h>

#include "decompress.h"

static bool is_frame(const uint8_t *p, size_t n)
{
    // A frame, or a skippable one (RFC 8878, sections 3.1.1 and 3.1.2).
    return n >= 4 && (vm_load_le32(p) == ZSTD_MAGICNUMBER ||
                      (vm_load_le32(p) & ZSTD_MAGIC_SKIPPABLE_MASK) == ZSTD_MAGIC_SKIPPABLE_START);
}

static vm_status unpack_frames(ZSTD_DCtx *context, ZSTD_inBuffer *in, struct vm_loader_output *out,
                               struct vm_error *e)
{
    for (;;) {
        vm_status s = vm_loader_output_grow(out, "zstd", e);
        if (s != VM_OK)
            return s;
        ZSTD_outBuffer o = {out->data, out->capacity, out->size};
        size_t before = in->pos;
        size_t left = ZSTD_decompressStream(context, &o, in);
        bool stuck = in->pos == before && o.pos == out->size;
        out->size = o.pos;
        if (ZSTD_isError(left))
            return vm_error_set(e, VM_ERR_FILE, "zstd data is damaged (%s); get the file again",
                                ZSTD_getErrorName(left));
        if (left == 0 && !is_frame((const uint8_t *)in->src + in->pos, in->size - in->pos))
            return out->size > out->limit ? vm_loader_output_grow(out, "zstd", e) : VM_OK;
        if (left != 0 && stuck)
            return vm_error_set(e, VM_ERR_FILE,
                                "zstd data ends too early: the file is truncated; get it again");
    }
}

static vm_status zstd_unpack(const uint8_t *data, size_t size, struct vm_loader_output *out,
                             struct vm_error *e)
{
    unsigned long long claimed = ZSTD_getFrameContentSize(data, size);
    uint64_t expected = claimed == ZSTD_CONTENTSIZE_ERROR || claimed == ZSTD_CONTENTSIZE_UNKNOWN
                            ? UINT64_MAX
                            : claimed;
    vm_status s = vm_loader_output_start(out, size, expected, "zstd", e);
    if (s != VM_OK)
        return s;
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (!context)
        return vm_error_set(e, VM_ERR_HOST, "no memory to unpack zstd data");
    ZSTD_inBuffer in = {data, size, 0};
    s = unpack_frames(context, &in, out, e);
    ZSTD_freeDCtx(context);
    return s;
}

static size_t zstd_start(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (!context)
        return 0;
    ZSTD_inBuffer in = {data, size, 0};
    ZSTD_outBuffer o = {out, room, 0};
    size_t left, before;
    do {
        before = in.pos + o.pos;
        left = ZSTD_decompressStream(context, &o, &in);
    } while (left != 0 && !ZSTD_isError(left) && o.pos < room && in.pos + o.pos > before);
    ZSTD_freeDCtx(context);
    return o.pos;
}

const struct vm_loader_decompressor vm_loader_zstd = {zstd_unpack, zstd_start, true};
