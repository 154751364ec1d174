// SPDX-License-Identifier: MIT
//
// See trace.h. Lines for a file are gathered and written in larger pieces; those for standard error
// go at once, so that they stand beside the guest's output where they belong. The mutex keeps lines
// whole and in the order in which they came.
#include "trace.h"

#include <stdlib.h>
#include <string.h>
#include <vm/base/format.h>
#include <vm/base/trace.h>
#include <vm/osal/thread.h>

#include "nearest.h"

enum { FLUSH_SIZE = 64 << 10 };

struct cli_trace {
    struct vm_osal_mutex *mutex; // guards what follows
    struct vm_osal_file *file;   // NULL: standard error
    uint64_t offset;
    struct cli_text text;
    struct vm_error error; // the first that a write had
};

static vm_status unknown_topic(const char *name, size_t length, struct vm_error *e)
{
    char cut[32], hint[80];
    size_t size = length < sizeof cut ? length : sizeof cut - 1;
    memcpy(cut, name, size);
    cut[size] = 0;
    struct vm_nearest nearest = vm_nearest_to(cut);
    for (int i = 0; i < VM_TRACE_COUNT; i++)
        vm_nearest_consider(&nearest, vm_trace_topics[i].name);
    vm_nearest_hint(&nearest, "", "vm-cli help trace lists them", hint, sizeof hint);
    return vm_error_set(e, VM_ERR_USAGE, "unknown topic \"%s\"%s", cut, hint);
}

vm_status cli_trace_parse(const char *text, uint32_t *mask, const char **file, struct vm_error *e)
{
    const char *end = text + strcspn(text, ":");
    uint32_t topics = 0;
    for (const char *p = text;; p++) {
        size_t length = strcspn(p, ",:");
        int topic = vm_trace_find(p, length);
        if (topic < 0)
            return unknown_topic(p, length, e);
        topics |= UINT32_C(1) << topic;
        p += length;
        if (p == end)
            break;
    }
    if (*end && !end[1])
        return vm_error_set(e, VM_ERR_USAGE, "there is no file after the colon; name one");
    *mask = topics;
    *file = *end ? end + 1 : NULL;
    return VM_OK;
}

void cli_trace_describe(struct cli_text *t)
{
    enum { COLUMN = 12 };
    for (int i = 0; i < VM_TRACE_COUNT; i++) {
        char name[24];
        vm_format(name, sizeof name, "  %s", vm_trace_topics[i].name);
        cli_text_add_row(t, name, COLUMN, vm_trace_topics[i].text);
    }
}

vm_status cli_trace_open(const struct cli_trace_option *option, struct cli_trace **trace,
                         struct vm_error *e)
{
    *trace = NULL;
    if (option->mask == 0)
        return VM_OK;
    struct cli_trace *t = calloc(1, sizeof *t);
    if (!t)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the trace");
    vm_status status = vm_osal_mutex_create(&t->mutex, e);
    if (status == VM_OK && option->file)
        status = vm_osal_file_open(option->file, VM_OSAL_FILE_CREATE, &t->file, e);
    if (status != VM_OK) {
        vm_osal_mutex_destroy(t->mutex);
        free(t);
        return vm_error_prefix(e, status, "--trace");
    }
    *trace = t;
    return VM_OK;
}

static void flush(struct cli_trace *t)
{
    struct vm_error e;
    vm_status status = t->file ? cli_text_write_file(&t->text, t->file, &t->offset, &e)
                               : cli_text_write(&t->text, vm_osal_stderr(), "the trace", &e);
    if (status != VM_OK && t->error.status == VM_OK) {
        t->error = e;
        t->error.status = VM_ERR_HOST;
    }
}

void cli_trace_line(struct cli_trace *t, const char *topic, const char *line)
{
    vm_osal_mutex_lock(t->mutex);
    cli_text_add(&t->text, "[%s] %s\n", topic, line);
    if (!t->file || t->text.length >= FLUSH_SIZE)
        flush(t);
    vm_osal_mutex_unlock(t->mutex);
}

vm_status cli_trace_close(struct cli_trace *t, struct vm_error *e)
{
    if (!t)
        return VM_OK;
    flush(t);
    vm_status status = t->error.status;
    if (status != VM_OK)
        vm_error_set(e, status, "--trace: %s", t->error.text);
    vm_osal_file_close(t->file);
    vm_osal_mutex_destroy(t->mutex);
    cli_text_release(&t->text);
    free(t);
    return status;
}
