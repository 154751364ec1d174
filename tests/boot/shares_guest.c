// SPDX-License-Identifier: MIT
//
// What the guest of shares.py has no program for, built for the guest by the test.
//
//     shares-guest lock FILE      whether a lock on the whole file can be had for writing
//     shares-guest cid            prints the guest's CID
//     shares-guest listen PORT    takes one connection, sends back what comes, ends with it
//     shares-guest connect PORT   to the host: sends standard input, prints what comes back
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

enum { CHUNK = 20000 };

static int fail(const char *what)
{
    fprintf(stderr, "shares-guest: %s: %s\n", what, strerror(errno));
    return 1;
}

static int lock(const char *path)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int fd = open(path, O_RDWR);
    return fd < 0 || fcntl(fd, F_SETLK, &all) < 0 ? fail(path) : 0;
}

static int print_cid(void)
{
    unsigned cid;
    int fd = open("/dev/vsock", O_RDONLY);
    if (fd < 0 || ioctl(fd, IOCTL_VM_SOCKETS_GET_LOCAL_CID, &cid) < 0)
        return fail("/dev/vsock");
    printf("%u\n", cid);
    return 0;
}

static struct sockaddr_vm address(unsigned cid, const char *port)
{
    return (struct sockaddr_vm){
        .svm_family = AF_VSOCK,
        .svm_cid = cid,
        .svm_port = (unsigned)strtoul(port, NULL, 10),
    };
}

// False when the other side takes no more.
static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);
        if (n <= 0)
            return 0;
        bytes += n;
        size -= (size_t)n;
    }
    return 1;
}

static int echo(const char *port)
{
    static char bytes[CHUNK];
    struct sockaddr_vm at = address(VMADDR_CID_ANY, port);
    int listener = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) < 0 ||
        listen(listener, 1) < 0)
        return fail("listen");
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        return fail("accept");
    for (;;) {
        ssize_t n = read(fd, bytes, sizeof bytes);
        if (n < 0)
            return fail("read");
        if (n == 0)
            return 0;
        if (!write_all(fd, bytes, (size_t)n))
            return fail("write");
    }
}

// Both directions at once: the host sends back what it gets, and stops when nobody reads that.
static int converse(int fd)
{
    static char bytes[CHUNK];
    pid_t child = fork();
    ssize_t n;
    if (child < 0)
        return fail("fork");
    if (child == 0) {
        while ((n = read(STDIN_FILENO, bytes, sizeof bytes)) > 0) {
            if (!write_all(fd, bytes, (size_t)n))
                _exit(fail("write"));
        }
        _exit(shutdown(fd, SHUT_WR) < 0 ? fail("shutdown") : 0);
    }
    while ((n = read(fd, bytes, sizeof bytes)) > 0) {
        if (!write_all(STDOUT_FILENO, bytes, (size_t)n))
            return fail("standard output");
    }
    return n < 0 ? fail("read") : 0;
}

static int join(const char *port)
{
    struct sockaddr_vm at = address(VMADDR_CID_HOST, port);
    int fd = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return fail("connect");
    return converse(fd);
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "cid") == 0)
        return print_cid();
    if (argc == 3 && strcmp(argv[1], "lock") == 0)
        return lock(argv[2]);
    if (argc == 3 && strcmp(argv[1], "listen") == 0)
        return echo(argv[2]);
    if (argc == 3 && strcmp(argv[1], "connect") == 0)
        return join(argv[2]);
    fprintf(stderr, "usage: shares-guest lock FILE|cid|listen PORT|connect PORT\n");
    return 2;
}
