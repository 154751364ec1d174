// SPDX-License-Identifier: MIT
//
// Text for people: a buffer that grows, the lines on standard error, and whole writes that are
// checked. Nothing in the command line prints by another way.
#ifndef CLI_TEXT_H
#define CLI_TEXT_H

#include <vm/base/error.h>
#include <vm/osal/file.h>
#include <vm/osal/stream.h>

// Grows as needed; starts as all zero, ended by cli_text_release. When memory is out it keeps what
// it has and remembers; the writes below then fail.
struct cli_text {
    char *data;
    size_t length, capacity;
    bool failed;
};

void cli_text_add(struct cli_text *t, const char *fmt, ...) VM_PRINTF(2, 3);
// Room for `size` more bytes, which the caller fills and adds to length; NULL: memory is out.
char *cli_text_reserve(struct cli_text *t, size_t size);
// `name` in a column of `width`, then words of `text` in lines of at most 80 characters.
void cli_text_add_row(struct cli_text *t, const char *name, size_t width, const char *text);
void cli_text_release(struct cli_text *t);

// Writes all of it and empties it. VM_ERR_HOST: the stream takes no more (`what` says what it was
// for); VM_ERR_FILE: the file does not.
vm_status cli_text_write(struct cli_text *t, vm_osal_stream stream, const char *what,
                         struct vm_error *e);
vm_status cli_text_write_file(struct cli_text *t, struct vm_osal_file *file, uint64_t *offset,
                              struct vm_error *e);

// One line on standard error, "vm-cli: ...". What a terminal would obey is replaced. Where even
// that fails there is nobody left to tell.
void cli_say(const char *fmt, ...) VM_PRINTF(1, 2);
// The line of an error, "vm-cli: error: ..."; returns the exit status that goes with it.
int cli_fail(const struct vm_error *e);
// Writes *t to standard output and releases it; returns the exit status.
int cli_print(struct cli_text *t, const char *what);

#endif
