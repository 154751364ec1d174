// SPDX-License-Identifier: MIT
//
// Numbers of Linux that 9P2000.L carries, whatever the host is (Linux include/uapi/asm-generic and
// include/net/9p/9p.h have them).
#ifndef VM_DEVICE_BACKEND_SHARE_LINUX_ABI_H
#define VM_DEVICE_BACKEND_SHARE_LINUX_ABI_H

enum share_error {
    SHARE_EPERM = 1,
    SHARE_ENOENT = 2,
    SHARE_EIO = 5,
    SHARE_ENXIO = 6,
    SHARE_EBADF = 9,
    SHARE_ENOMEM = 12,
    SHARE_EBUSY = 16,
    SHARE_EEXIST = 17,
    SHARE_ENOTDIR = 20,
    SHARE_EISDIR = 21,
    SHARE_EINVAL = 22,
    SHARE_ENFILE = 23,
    SHARE_ENOSPC = 28,
    SHARE_EROFS = 30,
    SHARE_ENAMETOOLONG = 36,
    SHARE_ENODATA = 61,
    SHARE_EPROTO = 71,
    SHARE_EMSGSIZE = 90,
    SHARE_EOPNOTSUPP = 95,
    SHARE_ESTALE = 116,
};

// Modes.
enum {
    SHARE_S_IFMT = 0170000,
    SHARE_S_IFSOCK = 0140000,
    SHARE_S_IFLNK = 0120000,
    SHARE_S_IFREG = 0100000,
    SHARE_S_IFDIR = 0040000,
    SHARE_S_IFIFO = 0010000,
    SHARE_S_ISGID = 02000,
    SHARE_S_ISVTX = 01000,
    SHARE_PERMISSIONS = 0777,
};

// Flags of lopen and lcreate.
enum {
    SHARE_O_ACCESS = 3,
    SHARE_O_RDONLY = 0,
    SHARE_O_WRONLY = 1,
    SHARE_O_RDWR = 2,
    SHARE_O_EXCL = 0200,
    SHARE_O_TRUNC = 01000,
    SHARE_O_DSYNC = 010000,
    SHARE_O_DIRECTORY = 0200000,
    SHARE_O_SYNC = 04010000,
};

enum { SHARE_NAME_MAX = 255, SHARE_PATH_MAX = 4096, SHARE_XATTR_MAX = 64 << 10 };

enum { SHARE_DT_UNKNOWN = 0 }; // otherwise a type in a directory is bits 12 to 15 of the mode

#endif
