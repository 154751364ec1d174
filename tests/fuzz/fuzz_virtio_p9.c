// SPDX-License-Identifier: MIT
//
// Fuzz target: the 9P device and its server, on a directory with a file, a directory, links and a
// FIFO. What lies beside the directory must stay as it is.
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vm/device/virtio/p9.h>

#include "standalone.h"
#include "virtio_frame.h"

enum { PATH = 128 };

static char base[PATH]; // of this process, removed when the input has run

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

static const char *path(const char *name)
{
    static char paths[2][2 * PATH];
    static unsigned next;
    char *to = paths[next++ % 2];
    snprintf(to, sizeof paths[0], "%s/%s", base, name);
    return to;
}

static void put_file(const char *name)
{
    int fd = open(path(name), O_WRONLY | O_CREAT | O_EXCL, 0600);
    must(fd >= 0 && write(fd, "contents", 8) == 8);
    close(fd);
}

static void make_directories(void)
{
    // In memory where there is such a place: guests ask for data to be synced.
    const char *where = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(base, sizeof base, "%s/trine-fuzz-9p-%d", where, (int)getpid());
    must(mkdir(base, 0700) == 0);
    must(mkdir(path("shared"), 0700) == 0);
    must(mkdir(path("outside"), 0700) == 0);
    must(mkdir(path("shared/dir"), 0700) == 0);
    put_file("outside/file");
    put_file("shared/file");
    put_file("shared/dir/file");
    must(symlink("../outside", path("shared/link")) == 0);
    must(symlink("../outside/file", path("shared/name")) == 0);
    must(mkfifo(path("shared/fifo"), 0600) == 0);
}

static int remove_one(const char *name, const struct stat *s, int type, struct FTW *f)
{
    (void)type;
    (void)f;
    if (S_ISDIR(s->st_mode))
        chmod(name, 0700);
    return remove(name);
}

static void check_outside(void)
{
    struct stat s;
    char bytes[9];
    int fd = open(path("outside/file"), O_RDONLY);
    must(fd >= 0 && read(fd, bytes, sizeof bytes) == 8 && memcmp(bytes, "contents", 8) == 0);
    must(fstat(fd, &s) == 0 && s.st_nlink == 1 && (s.st_mode & 07777) == 0600);
    close(fd);
    must(stat(path("outside"), &s) == 0 && s.st_nlink == 2);
    must(unlink(path("outside/file")) == 0 && rmdir(path("outside")) == 0);
}

static struct vm_virtio *create(struct virtio_rig *rig)
{
    const struct vm_share_config o = {path("shared"), false, VM_SHARE_MIN_DESCRIPTORS};
    struct vm_virtio_p9_config config = {.tag = "fuzz"};
    struct vm_virtio *v;
    must(vm_share_open(&o, &config.share, NULL) == VM_OK);
    must(vm_virtio_p9_create(&rig->machine, &rig->io, "share0", &config, &v, NULL) == VM_OK);
    return v;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct virtio_frame_device device = {.create = create};
    make_directories();
    virtio_frame_run(&device, data, size);
    check_outside();
    nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    return 0;
}
