// SPDX-License-Identifier: MIT
//
// zstd in a build without zstd.
#include "decompress.h"

static vm_status zstd_unpack(const uint8_t *data, size_t size, struct vm_loader_output *out,
                             struct vm_error *e)
{
    (void)data;
    (void)size;
    (void)out;
    return vm_error_set(e, VM_ERR_FILE,
                        "zstd data, but this build has no zstd; unpack the file (unzstd)");
}

static size_t zstd_start(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    (void)data;
    (void)size;
    (void)out;
    (void)room;
    return 0;
}

const struct vm_loader_decompressor vm_loader_zstd = {zstd_unpack, zstd_start, false};
