// SPDX-License-Identifier: MIT
//
// The 9P server's file system calls on Linux (share_host.h). A handle is an O_PATH descriptor, made
// with O_NOFOLLOW. What an O_PATH descriptor cannot do goes through its link in /proc/self/fd,
// which the kernel resolves to that very object without a look at any name; if the object is a
// symbolic link, that is where it ends.
//
// RESOLVE_BENEATH of openat2(2) would add nothing: a name is one component, checked by the server.
#define _GNU_SOURCE // statx, AT_EMPTY_PATH, F_OFD_SETLK
#include "share_host.h"

#include "heap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

_Static_assert(sizeof(struct iovec) == sizeof(struct vm_iovec) &&
                   offsetof(struct iovec, iov_len) == offsetof(struct vm_iovec, size),
               "an iovec of a device is one of the host");

struct share_host {
    int proc; // /proc/self/fd
};

enum { LINK = 32 }; // bytes of a name in it, or of its path

static int result(int r)
{
    return r < 0 ? errno : 0;
}

// The name of a descriptor in h->proc.
static const char *number(char to[LINK], int fd)
{
    snprintf(to, LINK, "%d", fd);
    return to;
}

static const char *link_path(char to[LINK], int fd)
{
    snprintf(to, LINK, "/proc/self/fd/%d", fd);
    return to;
}

// --- life ---

unsigned vm_share_descriptors(size_t shares)
{
    enum { MOST = 8192, MORE = 1 << 20 };
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return VM_SHARE_MIN_DESCRIPTORS;
    uint64_t all = limit.rlim_cur < MORE ? limit.rlim_cur : MORE, each = all / 2 / shares;
    return each < MOST ? (unsigned)each : MOST;
}

static int open_proc(void)
{
    struct statfs fs;
    int fd = open("/proc/self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && (fstatfs(fd, &fs) < 0 || fs.f_type != PROC_SUPER_MAGIC)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

vm_status share_host_open(const char *directory, struct share_host **h, int *root,
                          struct vm_error *e)
{
    *root = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*root < 0)
        return vm_error_set(e, VM_ERR_FILE,
                            "cannot share %s: %s; name a directory that this user "
                            "may read",
                            directory, strerror(errno));
    *h = vm_heap_zalloc(sizeof **h);
    if (!*h) {
        close(*root);
        return vm_error_set(e, VM_ERR_HOST, "out of memory to share %s", directory);
    }
    (*h)->proc = open_proc();
    if ((*h)->proc < 0) {
        close(*root);
        share_host_end(*h);
        return vm_error_set(e, VM_ERR_HOST, "cannot share %s: /proc is not mounted", directory);
    }
    return VM_OK;
}

void share_host_end(struct share_host *h)
{
    if (h && h->proc >= 0)
        close(h->proc);
    vm_heap_release(h, sizeof *h);
}

void share_host_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

// --- handles ---

int share_host_find(int dir, const char *name, int *handle)
{
    *handle = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return result(*handle);
}

static struct share_time time_of(const struct statx_timestamp *t)
{
    return (struct share_time){(uint64_t)t->tv_sec, t->tv_nsec};
}

static int stat_at(int dir, const char *name, int flags, struct share_stat *out)
{
    struct statx s;
    if (statx(dir, name, flags | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT,
              STATX_BASIC_STATS | STATX_BTIME, &s) < 0)
        return errno;
    uint64_t minor = s.stx_rdev_minor;
    *out = (struct share_stat){
        .device = makedev(s.stx_dev_major, s.stx_dev_minor),
        .inode = s.stx_ino,
        .mode = s.stx_mode,
        .uid = s.stx_uid,
        .gid = s.stx_gid,
        .links = s.stx_nlink,
        .represented_device =
            (minor & 0xff) | (uint64_t)s.stx_rdev_major << 8 | (minor & ~UINT64_C(0xff)) << 12,
        .size = s.stx_size,
        .block_size = s.stx_blksize,
        .blocks = s.stx_blocks,
        .accessed = time_of(&s.stx_atime),
        .modified = time_of(&s.stx_mtime),
        .changed = time_of(&s.stx_ctime),
        .born = time_of(&s.stx_btime),
        .has_born = s.stx_mask & STATX_BTIME,
    };
    return 0;
}

int share_host_stat(int handle, struct share_stat *out)
{
    return stat_at(handle, "", AT_EMPTY_PATH, out);
}

int share_host_stat_name(int dir, const char *name, struct share_stat *out)
{
    return stat_at(dir, name, 0, out);
}

int share_host_readlink(int handle, char *to, size_t room, size_t *size)
{
    ssize_t n = readlinkat(handle, "", to, room);
    if (n < 0)
        return errno;
    *size = (size_t)n;
    return *size < room ? 0 : ENAMETOOLONG;
}

int share_host_space(int handle, struct share_space *out)
{
    struct statfs s;
    if (fstatfs(handle, &s) < 0)
        return errno;
    uint32_t id[2];
    memcpy(id, &s.f_fsid, sizeof id);
    *out = (struct share_space){
        .block_size = (uint64_t)s.f_bsize,
        .blocks = s.f_blocks,
        .free = s.f_bfree,
        .available = s.f_bavail,
        .files = s.f_files,
        .free_files = s.f_ffree,
        .id = id[0] | (uint64_t)id[1] << 32,
        .name_length = (uint64_t)s.f_namelen,
    };
    return 0;
}

// O_APPEND is left out: the guest says where it writes, also what it has written late out of its
// cache. O_NONBLOCK: should the object not be what it was taken for.
static int host_flags(uint32_t flags)
{
    static const int access[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR};
    int f = access[flags & SHARE_O_ACCESS] | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    if (flags & SHARE_O_DIRECTORY)
        f |= O_DIRECTORY;
    if (flags & SHARE_O_TRUNC)
        f |= O_TRUNC;
    if ((flags & SHARE_O_SYNC) == SHARE_O_SYNC)
        f |= O_SYNC;
    else if (flags & SHARE_O_DSYNC)
        f |= O_DSYNC;
    return f;
}

int share_host_open_file(struct share_host *h, int handle, uint32_t flags, int *file)
{
    char name[LINK];
    do
        *file = openat(h->proc, number(name, handle), host_flags(flags));
    while (*file < 0 && errno == EINTR);
    return result(*file);
}

int share_host_create(int dir, const char *name, uint32_t flags, uint32_t mode, int *file)
{
    do
        *file = openat(dir, name, host_flags(flags) | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    while (*file < 0 && errno == EINTR);
    if (*file < 0)
        return errno;
    // The guest has applied its own umask, this process's is not to count. Where the file system
    // has no modes the file stays as it is.
    fchmod(*file, mode);
    return 0;
}

// --- names ---

// What has just been made gets its mode, which the umask has cut (see above).
static void set_mode_of(struct share_host *h, int dir, const char *name, uint32_t mode)
{
    int handle;
    struct share_stat s;
    if (share_host_find(dir, name, &handle) != 0)
        return;
    if (share_host_stat(handle, &s) == 0 && (s.mode & SHARE_S_IFMT) == (mode & SHARE_S_IFMT))
        share_host_set_mode(h, handle, mode & ~(uint32_t)SHARE_S_IFMT);
    close(handle);
}

int share_host_mkdir(struct share_host *h, int dir, const char *name, uint32_t mode)
{
    if (mkdirat(dir, name, mode) < 0)
        return errno;
    set_mode_of(h, dir, name, mode | SHARE_S_IFDIR);
    return 0;
}

int share_host_mknod(struct share_host *h, int dir, const char *name, uint32_t mode)
{
    if (mknodat(dir, name, mode, 0) < 0)
        return errno;
    set_mode_of(h, dir, name, mode);
    return 0;
}

int share_host_symlink(int dir, const char *name, const char *target)
{
    return result(symlinkat(target, dir, name));
}

int share_host_link(struct share_host *h, int handle, int dir, const char *name)
{
    char from[LINK];
    return result(linkat(h->proc, number(from, handle), dir, name, AT_SYMLINK_FOLLOW));
}

int share_host_rename(int from, const char *name, int to, const char *new_name)
{
    return result(renameat(from, name, to, new_name));
}

int share_host_unlink(int dir, const char *name, bool is_dir)
{
    return result(unlinkat(dir, name, is_dir ? AT_REMOVEDIR : 0));
}

// --- attributes ---

int share_host_set_mode(struct share_host *h, int handle, uint32_t mode)
{
    char name[LINK];
    return result(fchmodat(h->proc, number(name, handle), mode, 0));
}

int share_host_set_owner(int handle, uint32_t uid, uint32_t gid)
{
    return result(fchownat(handle, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW));
}

static struct timespec new_time(bool set, bool touch, const struct share_time *t)
{
    if (set)
        return (struct timespec){(time_t)t->seconds, (long)t->nanoseconds};
    return (struct timespec){0, touch ? UTIME_NOW : UTIME_OMIT};
}

int share_host_set_times(struct share_host *h, int handle, const struct share_new_times *t)
{
    char name[LINK];
    const struct timespec times[2] = {
        new_time(t->set_accessed, t->touch_accessed, &t->accessed),
        new_time(t->set_modified, t->touch_modified, &t->modified),
    };
    return result(utimensat(h->proc, number(name, handle), times, 0));
}

static int size_result(ssize_t n, size_t *size)
{
    if (n < 0)
        return errno;
    *size = (size_t)n;
    return 0;
}

int share_host_get_xattr(int handle, const char *name, void *to, size_t room, size_t *size)
{
    char path[LINK];
    return size_result(getxattr(link_path(path, handle), name, to, room), size);
}

int share_host_list_xattrs(int handle, void *to, size_t room, size_t *size)
{
    char path[LINK];
    return size_result(listxattr(link_path(path, handle), to, room), size);
}

int share_host_set_xattr(int handle, const char *name, const void *value, size_t size,
                         uint32_t flags)
{
    char path[LINK];
    return result(setxattr(link_path(path, handle), name, value, size, (int)flags));
}

int share_host_remove_xattr(int handle, const char *name)
{
    char path[LINK];
    return result(removexattr(link_path(path, handle), name));
}

// --- open files ---

int share_host_read(int file, const struct vm_iovec *iov, unsigned count, uint64_t offset,
                    size_t *done)
{
    ssize_t n;
    do
        n = preadv(file, (const void *)iov, (int)count, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return size_result(n, done);
}

int share_host_write(int file, const struct vm_iovec *iov, unsigned count, uint64_t offset,
                     size_t *done)
{
    ssize_t n;
    do
        n = pwritev(file, (const void *)iov, (int)count, (off_t)offset);
    while (n < 0 && errno == EINTR);
    return size_result(n, done);
}

int share_host_set_size(int file, uint64_t size)
{
    int r;
    do
        r = ftruncate(file, (off_t)size);
    while (r < 0 && errno == EINTR);
    return result(r);
}

int share_host_sync(int file, bool data_only)
{
    return result(data_only ? fdatasync(file) : fsync(file));
}

int share_host_list(int directory, uint64_t offset, void *buffer, size_t room, size_t *size)
{
    if (lseek(directory, (off_t)offset, SEEK_SET) < 0)
        return errno;
    return size_result(syscall(SYS_getdents64, directory, buffer, room), size);
}

void share_host_next_entry(const void *buffer, size_t *at, struct share_entry *out)
{
    const struct dirent64 *d = (const void *)((const uint8_t *)buffer + *at);
    *out = (struct share_entry){d->d_ino, (uint64_t)d->d_off, d->d_type, d->d_name};
    *at += d->d_reclen;
}

// Locks belong to the open file, not to this process, which is all of the guest's.
static struct flock host_lock(const struct share_lock *l)
{
    static const short types[] = {F_RDLCK, F_WRLCK, F_UNLCK};
    return (struct flock){
        .l_type = types[l->type],
        .l_whence = SEEK_SET,
        .l_start = (off_t)l->start,
        .l_len = (off_t)l->length,
    };
}

int share_host_lock(int file, const struct share_lock *l, bool *granted)
{
    struct flock f = host_lock(l);
    *granted = fcntl(file, F_OFD_SETLK, &f) == 0;
    return *granted || errno == EAGAIN || errno == EACCES ? 0 : errno;
}

int share_host_find_lock(int file, struct share_lock *l)
{
    struct flock f = host_lock(l);
    if (fcntl(file, F_OFD_GETLK, &f) < 0)
        return errno;
    l->type = f.l_type == F_RDLCK   ? SHARE_LOCK_READ
              : f.l_type == F_WRLCK ? SHARE_LOCK_WRITE
                                    : SHARE_LOCK_NONE;
    l->start = (uint64_t)f.l_start;
    l->length = (uint64_t)f.l_len;
    l->owner = f.l_pid > 0 ? (uint32_t)f.l_pid : 0;
    return 0;
}
