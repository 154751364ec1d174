// SPDX-License-Identifier: MIT
//
// See text.h. No state of its own.
#include "text.h"

#include <stdlib.h>
#include <string.h>
#include <vm/base/format.h>

enum { FIRST_CAPACITY = 1024, LINE_WIDTH = 80 };

char *cli_text_reserve(struct cli_text *t, size_t size)
{
    if (t->failed)
        return NULL;
    if (size <= t->capacity - t->length)
        return t->data + t->length;
    size_t capacity = t->capacity ? t->capacity : FIRST_CAPACITY;
    while (capacity - t->length < size && capacity <= SIZE_MAX / 2)
        capacity *= 2;
    char *p = capacity - t->length < size ? NULL : realloc(t->data, capacity);
    if (!p) {
        t->failed = true;
        return NULL;
    }
    t->data = p;
    t->capacity = capacity;
    return p + t->length;
}

static void add_list(struct cli_text *t, const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    size_t length = vm_vformat(NULL, 0, fmt, args);
    char *to = cli_text_reserve(t, length + 1);
    if (to)
        t->length += vm_vformat(to, length + 1, fmt, again);
    va_end(again);
}

void cli_text_add(struct cli_text *t, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    add_list(t, fmt, args);
    va_end(args);
}

void cli_text_add_row(struct cli_text *t, const char *name, size_t width, const char *text)
{
    size_t column = strlen(name);
    cli_text_add(t, "%s", name);
    if (column >= width) { // no blank would be left between them
        cli_text_add(t, "\n");
        column = 0;
    }
    cli_text_add(t, "%*s", (int)(width - column), "");
    column = width;
    while (*text) {
        size_t word = strcspn(text, " ");
        if (column > width && column + 1 + word > LINE_WIDTH) {
            cli_text_add(t, "\n%*s", (int)width, "");
            column = width;
        } else if (column > width) {
            cli_text_add(t, " ");
            column++;
        }
        cli_text_add(t, "%.*s", (int)word, text);
        column += word;
        text += word;
        text += strspn(text, " ");
    }
    cli_text_add(t, "\n");
}

void cli_text_release(struct cli_text *t)
{
    free(t->data);
    *t = (struct cli_text){0};
}

static vm_status check(const struct cli_text *t, struct vm_error *e)
{
    return t->failed ? vm_error_set(e, VM_ERR_HOST, "out of memory for a text") : VM_OK;
}

vm_status cli_text_write(struct cli_text *t, vm_osal_stream stream, const char *what,
                         struct vm_error *e)
{
    struct vm_error cause;
    vm_status status = check(t, e);
    if (status == VM_OK &&
        vm_osal_write_all(stream, t->data, t->length, NULL, NULL, &cause) != VM_OK)
        status = vm_error_set(e, VM_ERR_HOST, "%s is incomplete: %s; redirect it to where it fits",
                              what, cause.text);
    t->length = 0;
    return status;
}

vm_status cli_text_write_file(struct cli_text *t, struct vm_osal_file *file, uint64_t *offset,
                              struct vm_error *e)
{
    vm_status status = check(t, e);
    if (status == VM_OK)
        status = vm_osal_file_write(file, *offset, t->data, t->length, e);
    *offset += t->length;
    t->length = 0;
    return status;
}

// Bytes of UTF-8 pass; control characters, which may come from a file's name, do not.
static void make_one_line(char *line)
{
    for (; *line; line++) {
        if ((unsigned char)*line < ' ' || *line == 0x7f)
            *line = '?';
    }
}

static void say(const char *prefix, const char *fmt, va_list args)
{
    char line[VM_ERROR_TEXT_SIZE + 64];
    enum { ROOM = sizeof line - 1 }; // for the newline
    size_t n = vm_format(line, ROOM, "vm-cli: %s", prefix);
    vm_vformat(line + n, ROOM - n, fmt, args);
    make_one_line(line);
    n = strlen(line);
    line[n++] = '\n';
    vm_osal_write_all(vm_osal_stderr(), line, n, NULL, NULL, NULL);
}

void cli_say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("", fmt, args);
    va_end(args);
}

static void say_error(const char *fmt, ...) VM_PRINTF(1, 2);

static void say_error(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say("error: ", fmt, args);
    va_end(args);
}

int cli_fail(const struct vm_error *e)
{
    say_error("%s", e->text);
    return (int)e->status;
}

int cli_print(struct cli_text *t, const char *what)
{
    struct vm_error e;
    vm_status status = cli_text_write(t, vm_osal_stdout(), what, &e);
    cli_text_release(t);
    return status == VM_OK ? 0 : cli_fail(&e);
}
