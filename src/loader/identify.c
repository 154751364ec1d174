// SPDX-License-Identifier: MIT
//
// vm_loader_identify: unpacks only the start of each compression, turn by turn into two buffers,
// and looks at what is there.
#include <vm/base/format.h>
#include <vm/base/memory.h>

#include "payload.h"

enum { START_SIZE = 16 << 10 };

// Appends `text` to the description, as what lies inside of what is there already.
static void append(struct vm_image_info *out, const char *text)
{
    size_t n = vm_text_length(out->description);
    vm_format(out->description + n, sizeof out->description - n, "%s%s", n ? ", in it " : "", text);
}

// The start of what is packed in `v`, in `buffer`; false when it cannot be had.
static bool look_inside(struct vm_loader_view *v, enum vm_image_format format, bool cut,
                        uint8_t *buffer)
{
    struct vm_loader_payload p;
    if (vm_loader_payload(*v, format, cut, &p, NULL) != VM_OK)
        return false;
    size_t n = p.by->start(p.packed.data, p.packed.size, buffer, START_SIZE);
    *v = (struct vm_loader_view){buffer, n};
    return n > 0;
}

void vm_loader_identify(const void *data, size_t size, struct vm_image_info *out)
{
    uint8_t buffers[2][START_SIZE];
    struct vm_loader_view v = {data, size};
    *out = (struct vm_image_info){.format = vm_loader_classify(v)};
    for (;;) {
        char text[VM_IMAGE_TEXT_SIZE];
        out->content = vm_loader_classify(v);
        vm_loader_describe(v, out->content, out, text, sizeof text);
        append(out, text);
        if (!vm_loader_is_packed(out->content))
            return;
        if (out->layers == VM_LOADER_MAX_LAYERS) {
            append(out, "more than is looked at");
            return;
        }
        if (!look_inside(&v, out->content, out->layers > 0, buffers[out->layers % 2])) {
            append(out, "nothing that can be unpacked here");
            return;
        }
        out->layers++;
    }
}
