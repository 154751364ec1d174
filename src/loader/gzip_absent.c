// SPDX-License-Identifier: MIT
//
// gzip in a build without zlib.
#include "decompress.h"

static vm_status gzip_unpack(const uint8_t *data, size_t size, struct vm_loader_output *out,
                             struct vm_error *e)
{
    (void)data;
    (void)size;
    (void)out;
    return vm_error_set(e, VM_ERR_FILE,
                        "gzip data, but this build has no zlib; unpack the file (gunzip)");
}

static size_t gzip_start(const uint8_t *data, size_t size, uint8_t *out, size_t room)
{
    (void)data;
    (void)size;
    (void)out;
    (void)room;
    return 0;
}

const struct vm_loader_decompressor vm_loader_gzip = {gzip_unpack, gzip_start, false};
