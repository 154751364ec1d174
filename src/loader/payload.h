// SPDX-License-Identifier: MIT
//
// Where the packed bytes of a layer lie, and what unpacks them.
#ifndef VM_LOADER_PAYLOAD_H
#define VM_LOADER_PAYLOAD_H

#include "decompress.h"
#include "format.h"

struct vm_loader_payload {
    const struct vm_loader_decompressor *by;
    struct vm_loader_view packed;
};

// For the formats of vm_loader_is_packed. VM_ERR_FILE when the payload lies outside the view or is
// packed by something that nobody here knows. With `cut`, the view is only the start of the layer:
// then the part of the payload that it has will do.
vm_status vm_loader_payload(struct vm_loader_view v, enum vm_image_format format, bool cut,
                            struct vm_loader_payload *out, struct vm_error *e);

#endif
