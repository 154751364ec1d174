// SPDX-License-Identifier: MIT
//
// Compressed clusters: raw deflate with a window of 4 KiB, or one zstd frame. What follows on the
// stream in its last sector is another cluster's, or nothing.
#include "qcow2.h"

#ifdef VM_DISK_ZLIB
#include <zlib.h>

static bool inflate_cluster(const uint8_t *data, size_t size, uint8_t *to, size_t cluster_size)
{
    z_stream z = {
        .next_in = (Bytef *)data,
        .avail_in = (uInt)size,
        .next_out = to,
        .avail_out = (uInt)cluster_size,
    };
    if (inflateInit2(&z, -12) != Z_OK)
        return false;
    inflate(&z, Z_FINISH); // how it ended is told by what it gave
    bool whole = z.avail_out == 0;
    inflateEnd(&z);
    return whole;
}
#endif

#ifdef VM_DISK_ZSTD
#include <zstd.h>

static bool unzstd_cluster(const uint8_t *data, size_t size, uint8_t *to, size_t cluster_size)
{
    ZSTD_DCtx *z = ZSTD_createDCtx();
    if (!z)
        return false;
    ZSTD_inBuffer in = {data, size, 0};
    ZSTD_outBuffer out = {to, cluster_size, 0};
    size_t before;
    do {
        before = in.pos + out.pos;
        if (ZSTD_isError(ZSTD_decompressStream(z, &out, &in)))
            break;
    } while (out.pos < out.size && in.pos + out.pos > before);
    ZSTD_freeDCtx(z);
    return out.pos == out.size;
}
#endif

bool vm_qcow2_can_unpack(unsigned compression)
{
#ifdef VM_DISK_ZLIB
    if (compression == QCOW2_COMPRESSION_ZLIB)
        return true;
#endif
#ifdef VM_DISK_ZSTD
    if (compression == QCOW2_COMPRESSION_ZSTD)
        return true;
#endif
    (void)compression;
    return false;
}

bool vm_qcow2_unpack(unsigned compression, const uint8_t *data, size_t size, uint8_t *to,
                     size_t cluster_size)
{
#ifdef VM_DISK_ZLIB
    if (compression == QCOW2_COMPRESSION_ZLIB)
        return inflate_cluster(data, size, to, cluster_size);
#endif
#ifdef VM_DISK_ZSTD
    if (compression == QCOW2_COMPRESSION_ZSTD)
        return unzstd_cluster(data, size, to, cluster_size);
#endif
    (void)compression, (void)data, (void)size, (void)to, (void)cluster_size;
    return false;
}
