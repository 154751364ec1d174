// SPDX-License-Identifier: MIT
#include <vm/base/error.h>
#include <vm/base/format.h>
#include <vm/base/memory.h>

// Names that are quoted may hold anything; the text stays one line, and does nothing to a terminal.
static void keep_one_line(char *text)
{
    enum { DELETE = 0x7f };
    for (; *text; text++) {
        if ((unsigned char)*text < ' ' || *text == DELETE)
            *text = '?';
    }
}

vm_status vm_error_set(struct vm_error *e, vm_status status, const char *fmt, ...)
{
    if (e) {
        va_list args;
        va_start(args, fmt);
        e->status = status;
        vm_vformat(e->text, sizeof e->text, fmt, args);
        va_end(args);
        keep_one_line(e->text);
    }
    return status;
}

vm_status vm_error_prefix(struct vm_error *e, vm_status status, const char *fmt, ...)
{
    if (!e)
        return status;
    char old[VM_ERROR_TEXT_SIZE];
    vm_copy(old, e->text, sizeof old);
    va_list args;
    va_start(args, fmt);
    size_t n = vm_vformat(e->text, sizeof e->text, fmt, args);
    va_end(args);
    if (n < sizeof e->text)
        vm_format(e->text + n, sizeof e->text - n, ": %s", old);
    keep_one_line(e->text);
    return e->status = status;
}
