// SPDX-License-Identifier: MIT
// Programs of a Linux distribution that lies on the first disk, each where the disk has it: run by
// its shell in a changed root, until its output has been compared.
#define _GNU_SOURCE
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define DISK "/dev/vda"
#define ROOT "/mnt"

struct program {
    const char *path, *command, *output;
};

// An earlier workload may have mounted it.
static int mount_disk(void)
{
    struct stat root, parent;
    if (getuid() || access(DISK, F_OK) || stat("/", &parent) || stat(ROOT, &root))
        return 0;
    if (root.st_dev != parent.st_dev)
        return 1;
    if (mount(DISK, ROOT, "ext4", MS_RDONLY, "noload"))
        return 0;
    mount("/dev", ROOT "/dev", NULL, MS_BIND, NULL);
    mount("proc", ROOT "/proc", "proc", 0, NULL);
    return mount("tmp", ROOT "/tmp", "tmpfs", 0, NULL) == 0;
}

static void *find(const struct program *program)
{
    char path[128];
    snprintf(path, sizeof path, ROOT "%s", program->path);
    return mount_disk() && access(path, X_OK) == 0 ? (void *)program : NULL;
}

static void be_program(const struct program *program, const int output[2])
{
    static char *const environment[] = {"PATH=/usr/bin:/bin", "HOME=/tmp", "LC_ALL=C", NULL};
    dup2(output[1], STDOUT_FILENO);
    close(output[0]);
    close(output[1]);
    if (chroot(ROOT) == 0 && chdir("/tmp") == 0)
        execle("/bin/sh", "sh", "-c", program->command, (char *)NULL, environment);
    _exit(1);
}

static uint64_t run(void *state)
{
    const struct program *program = state;
    char text[512];
    size_t size = 0;
    int output[2], status;
    if (pipe(output))
        return 0;
    pid_t child = fork();
    if (child == 0)
        be_program(program, output);
    close(output[1]);
    for (ssize_t got = 1; got > 0 && size<sizeof text - 1; size += got> 0 ? (size_t)got : 0)
        got = read(output[0], text + size, sizeof text - 1 - size);
    text[size] = 0;
    close(output[0]);
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 && strstr(text, program->output);
}

#define PROGRAM(name, description, file, line, result)              \
    static void *setup_##name(void)                                 \
    {                                                               \
        static const struct program program = {file, line, result}; \
        return find(&program);                                      \
    }                                                               \
    BENCH(name, .what = description, .setup = setup_##name, .run = run, .expected = 1)

PROGRAM(disk_7z, "7z packs and unpacks the numbers to 100000", "/usr/bin/7z",
        "rm -f x.7z; seq 1 100000 | 7z a -si -bd x.7z >/dev/null && 7z x -so x.7z | md5sum",
        "dea9193b768319cbb4ff1a137ac03113");
PROGRAM(disk_openssl, "openssl makes SHA-256 of 4 MB", "/usr/bin/openssl",
        "head -c 4000000 /dev/zero | openssl dgst -sha256",
        "8dbe5f139fd946d4cd84e8cc612cd9f68cbc87e394457884acc0c5dad56dd8dd");
PROGRAM(disk_sqlite3, "sqlite3 adds up 100000 rows of a recursive query", "/usr/bin/sqlite3",
        "sqlite3 :memory: 'with recursive c(x) as (select 1 union all select x + 1 from c "
        "where x < 100000) select sum(x * x % 1009) from c'",
        "50394234");
PROGRAM(disk_python3, "python3 sorts and multiplies 30000 numbers", "/usr/bin/python3",
        "python3 -S -c 'a = sorted(i * i % 1009 for i in range(30000)); "
        "print(sum(x * y for x, y in zip(a, a[::-1])))'",
        "4929067492");
PROGRAM(disk_gcc, "gcc compiles 100 functions", "/usr/bin/gcc",
        "for i in $(seq 1 100); do echo \"int f$i(int *a, int n) { int s = $i; "
        "for (int i = 0; i < n; i++) s += a[i] * (s ^ $i); return s; }\"; done >x.c; "
        "gcc -O2 -c -o x.o x.c && nm x.o | grep -c ' T f'",
        "100");
