// SPDX-License-Identifier: MIT
//
// Files of the host. Errors name the path, what is wrong and, where there is one, the fix; their
// status is VM_ERR_FILE (VM_ERR_HOST when memory is out). A handle may be used from several threads
// at once: reads and writes carry their own position.
#ifndef VM_OSAL_FILE_H
#define VM_OSAL_FILE_H

#include <vm/base/error.h>

struct vm_osal_file;

// The contents of a whole file.
struct vm_osal_file_contents {
    void *data; // NULL: let go
    size_t size;
    struct vm_osal_file *file; // a regular one stays open; NULL: a pipe
};

// Reads all of `path`, which may be a pipe or /dev/stdin, and gives it in *out, released by
// vm_osal_file_contents_release. VM_ERR_FILE when it cannot be read, is a directory, is empty, or
// has more than `limit` bytes.
vm_status vm_osal_file_read_all(const char *path, uint64_t limit, struct vm_osal_file_contents *out,
                                struct vm_error *e);

// Frees the memory of contents that can be read again, which the next function does; a pipe's stay.
void vm_osal_file_contents_let_go(struct vm_osal_file_contents *contents);

// Gives contents that were let go as the file has them now, which may have been written meanwhile.
// Errors and `limit` as above; then they stay let go.
vm_status vm_osal_file_contents_recall(struct vm_osal_file_contents *contents, uint64_t limit,
                                       struct vm_error *e);

// Releases the contents and clears the struct; nothing happens when it is clear already.
void vm_osal_file_contents_release(struct vm_osal_file_contents *contents);

enum vm_osal_file_mode {
    VM_OSAL_FILE_READ,       // an existing file, for reading
    VM_OSAL_FILE_READ_WRITE, // an existing file, for both
    VM_OSAL_FILE_CREATE,     // for both; made if missing (mode 0666 less the umask), emptied if not
    VM_OSAL_FILE_NEW,        // for both; VM_ERR_FILE if there is one already
};

// Opens a file; the caller closes *file.
vm_status vm_osal_file_open(const char *path, enum vm_osal_file_mode mode,
                            struct vm_osal_file **file, struct vm_error *e);

// Closes the handle; NULL is allowed. What must be on the medium is synced before.
void vm_osal_file_close(struct vm_osal_file *file);

// Reads at most `size` bytes at `offset`; *count is less only at the end of the file.
vm_status vm_osal_file_read(struct vm_osal_file *file, uint64_t offset, void *out, size_t size,
                            size_t *count, struct vm_error *e);

// Writes all `size` bytes at `offset`; the file grows where needed.
vm_status vm_osal_file_write(struct vm_osal_file *file, uint64_t offset, const void *data,
                             size_t size, struct vm_error *e);

// Bytes of the file; for a block device, of the medium.
vm_status vm_osal_file_size(struct vm_osal_file *file, uint64_t *size, struct vm_error *e);

// Returns when everything written is on the medium.
vm_status vm_osal_file_sync(struct vm_osal_file *file, struct vm_error *e);

// Makes the file `size` bytes long: cut, or longer by a hole that reads as zeros.
vm_status vm_osal_file_set_size(struct vm_osal_file *file, uint64_t size, struct vm_error *e);

// Takes a lock on the whole file until the handle is closed: exclusive, or shared with other shared
// ones. VM_ERR_FILE when another handle, of this process or not, has a lock that forbids it. File
// systems without locks grant it always.
vm_status vm_osal_file_lock(struct vm_osal_file *file, bool exclusive, struct vm_error *e);

// A file for reading and writing that no path leads to, gone when it is closed; in the directory
// `near`, or where NULL, in the host's directory for large temporary files.
vm_status vm_osal_file_temporary(const char *near, struct vm_osal_file **file, struct vm_error *e);

// The first byte at or after `offset` that is not in a hole, in *data, and the first one after that
// which is, in *hole. Both are the file's size where there is none; a host that cannot tell calls
// everything data.
vm_status vm_osal_file_next_data(struct vm_osal_file *file, uint64_t offset, uint64_t *data,
                                 uint64_t *hole, struct vm_error *e);

// The absolute path of an existing file with all symbolic links followed, in memory of
// vm_osal_allocator, of length + 1 bytes.
vm_status vm_osal_path_resolve(const char *path, char **resolved, struct vm_error *e);

// Removes the name of a file; what cannot be removed stays.
void vm_osal_file_remove(const char *path);

#endif
