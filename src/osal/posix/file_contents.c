// SPDX-License-Identifier: MIT
//
// Reading a whole file or pipe into memory. The size that the host reports is a first guess only:
// pipes have none, and files grow.
#include <vm/osal/file.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "file_open.h"

enum { FIRST_CHUNK = 64 << 10 };

struct reader {
    const char *path;
    int fd;
    bool is_regular;
    uint64_t limit;
    uint8_t *data;
    size_t size, capacity;
};

static vm_status too_large(const struct reader *r, struct vm_error *e)
{
    return vm_error_set(e, VM_ERR_FILE,
                        "cannot read %s: it has more than the %llu KiB allowed here", r->path,
                        (unsigned long long)(r->limit >> 10));
}

static vm_status set_capacity(struct reader *r, size_t capacity, struct vm_error *e)
{
    void *p = realloc(r->data, capacity);
    if (!p)
        return vm_error_set(e, VM_ERR_HOST, "no memory to read %s (%zu KiB)", r->path,
                            capacity >> 10);
    r->data = p;
    r->capacity = capacity;
    return VM_OK;
}

// Of a regular file the position stays at its beginning: it may be read again.
static ssize_t read_more(struct reader *r)
{
    size_t room = r->capacity - r->size;
    return r->is_regular ? pread(r->fd, r->data + r->size, room, (off_t)r->size)
                         : read(r->fd, r->data + r->size, room);
}

static vm_status read_to_end(struct reader *r, struct vm_error *e)
{
    for (;;) {
        if (r->size > r->limit)
            return too_large(r, e);
        if (r->size == r->capacity) {
            vm_status s = set_capacity(r, r->capacity * 2, e);
            if (s != VM_OK)
                return s;
        }
        ssize_t n = read_more(r);
        if (n == 0)
            return VM_OK;
        if (n > 0)
            r->size += (size_t)n;
        else if (errno != EINTR)
            return vm_osal_path_error("read", r->path, errno, e);
    }
}

static vm_status read_opened(struct reader *r, const struct stat *what, struct vm_error *e)
{
    // A device may be endless.
    if (S_ISCHR(what->st_mode) || S_ISBLK(what->st_mode))
        return vm_error_set(e, VM_ERR_FILE, "cannot read %s: it is a device; give a file or a pipe",
                            r->path);
    size_t guess = FIRST_CHUNK;
    r->is_regular = S_ISREG(what->st_mode);
    if (r->is_regular) {
        if ((uint64_t)what->st_size > r->limit)
            return too_large(r, e);
        guess = (size_t)what->st_size + 1; // one more, to see the end without growing
    }
    vm_status s = set_capacity(r, guess, e);
    if (s == VM_OK)
        s = read_to_end(r, e);
    if (s == VM_OK && r->size == 0)
        s = vm_error_set(e, VM_ERR_FILE, "cannot read %s: it is empty; give a file with contents",
                         r->path);
    return s;
}

// The file's contents into *out, if all goes well.
static vm_status read_whole(struct reader *r, const struct stat *what,
                            struct vm_osal_file_contents *out, struct vm_error *e)
{
    vm_status s = read_opened(r, what, e);
    if (s != VM_OK) {
        free(r->data);
        return s;
    }
    out->data = r->data;
    out->size = r->size;
    return VM_OK;
}

vm_status vm_osal_file_read_all(const char *path, uint64_t limit, struct vm_osal_file_contents *out,
                                struct vm_error *e)
{
    struct reader r = {.path = path, .limit = limit};
    struct vm_osal_file_contents c = {0};
    struct stat what;
    vm_status s = vm_osal_path_open(path, O_RDONLY, &r.fd, &what, e);
    if (s != VM_OK)
        return s;
    s = read_whole(&r, &what, &c, e);
    if (s == VM_OK && r.is_regular)
        s = vm_osal_file_adopt(r.fd, path, &c.file, e);
    else
        close(r.fd);
    if (s == VM_OK)
        *out = c;
    else
        free(c.data);
    return s;
}

void vm_osal_file_contents_let_go(struct vm_osal_file_contents *contents)
{
    if (!contents->file)
        return;
    free(contents->data);
    contents->data = NULL;
}

vm_status vm_osal_file_contents_recall(struct vm_osal_file_contents *contents, uint64_t limit,
                                       struct vm_error *e)
{
    struct stat what;
    if (contents->data || !contents->file)
        return VM_OK;
    struct reader r = {.path = vm_osal_file_path(contents->file),
                       .fd = vm_osal_file_descriptor(contents->file),
                       .limit = limit};
    if (fstat(r.fd, &what) != 0)
        return vm_osal_path_error("read", r.path, errno, e);
    return read_whole(&r, &what, contents, e);
}

void vm_osal_file_contents_release(struct vm_osal_file_contents *contents)
{
    free(contents->data);
    vm_osal_file_close(contents->file);
    *contents = (struct vm_osal_file_contents){0};
}
