// SPDX-License-Identifier: MIT
//
// The options of --machine virt: "aia=none|aplic|aplic-imsic".
#include <vm/base/memory.h>

#include "virt.h"

static const struct {
    const char *text;
    enum virt_aia aia;
} controllers[] = {
    {"none", VIRT_AIA_NONE},
    {"aplic", VIRT_AIA_APLIC},
    {"aplic-imsic", VIRT_AIA_APLIC_IMSIC},
};

// Takes what is before the next comma off the text; returns its length.
static size_t next_option(const char **text, const char **option)
{
    size_t length = 0;
    *option = *text;
    while ((*text)[length] && (*text)[length] != ',')
        length++;
    *text += length + ((*text)[length] == ',');
    return length;
}

static bool same(const char *text, size_t length, const char *name)
{
    return vm_text_length(name) == length && vm_compare(text, name, length) == 0;
}

vm_status virt_parse_options(struct virt *v, const char *text, struct vm_error *e)
{
    static const char key[] = "aia=";
    const size_t key_length = sizeof key - 1;
    while (text && *text) {
        const char *option;
        size_t length = next_option(&text, &option), i = 0;
        if (length < key_length || vm_compare(option, key, key_length) != 0)
            return vm_error_set(e, VM_ERR_USAGE,
                                "--machine virt has no option \"%.*s\"; there is aia=", (int)length,
                                option);
        option += key_length;
        length -= key_length;
        while (i < VM_ARRAY_SIZE(controllers) && !same(option, length, controllers[i].text))
            i++;
        if (i == VM_ARRAY_SIZE(controllers))
            return vm_error_set(e, VM_ERR_USAGE,
                                "--machine virt: aia is none, aplic or aplic-imsic, not \"%.*s\"",
                                (int)length, option);
        v->aia = controllers[i].aia;
    }
    return VM_OK;
}
