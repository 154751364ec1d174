// SPDX-License-Identifier: MIT
//
// The guest's side of bench/io: moves data for a number of seconds and prints what went through.
//
//     io-guest disk PATH read|write sequential|random BLOCK THREADS SECONDS
//     io-guest send ADDRESS PORT SECONDS       io-guest receive ADDRESS PORT
//     io-guest sink PORT                       io-guest source PORT SECONDS
//
// A disk is used past the page cache (O_DIRECT), by one request at a time per thread. A network
// connection is made to the host, or waited for ("sink", "source": what hostfwd leads to). The last
// line is "result REQUESTS BYTES SECONDS"; of networks, REQUESTS are calls.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_THREADS = 64, NET_BLOCK = 128 << 10, ALIGNMENT = 4096 };

struct totals {
    uint64_t requests, bytes;
    double seconds;
};

struct job {
    pthread_t thread;
    int fd;
    bool write, random;
    size_t block;
    uint64_t first, size; // what this thread may touch
    uint64_t seed;
    double until;
    struct totals totals;
    int fault;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "io-guest: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void report(const struct totals *t)
{
    printf("result %llu %llu %.6f\n", (unsigned long long)t->requests, (unsigned long long)t->bytes,
           t->seconds);
}

// --- disks ---

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

static void *work(void *argument)
{
    struct job *j = argument;
    uint64_t blocks = j->size / j->block, at = 0;
    void *buffer;
    if (posix_memalign(&buffer, ALIGNMENT, j->block)) {
        j->fault = ENOMEM;
        return NULL;
    }
    memset(buffer, (int)j->seed, j->block);
    while (now() < j->until && !j->fault) {
        uint64_t block = j->random ? next_random(&j->seed) % blocks : at++ % blocks;
        off_t offset = (off_t)(j->first + block * j->block);
        ssize_t n = j->write ? pwrite(j->fd, buffer, j->block, offset)
                             : pread(j->fd, buffer, j->block, offset);
        if (n != (ssize_t)j->block)
            j->fault = n < 0 ? errno : EIO;
        j->totals.requests++;
        j->totals.bytes += j->block;
    }
    free(buffer);
    return NULL;
}

static struct totals use_disk(char **a)
{
    static struct job jobs[MAX_THREADS];
    struct totals all = {0};
    bool write = strcmp(a[1], "write") == 0;
    unsigned threads = (unsigned)atoi(a[4]);
    int fd = open(a[0], (write ? O_RDWR : O_RDONLY) | O_DIRECT);
    off_t size = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);
    if (size < 0 || threads == 0 || threads > MAX_THREADS)
        fail(a[0]);
    double begin = now();
    for (unsigned i = 0; i < threads; i++) {
        bool random = strcmp(a[2], "random") == 0;
        uint64_t share = (uint64_t)size / threads / ALIGNMENT * ALIGNMENT;
        jobs[i] = (struct job){.fd = fd, .write = write, .random = random};
        jobs[i].block = (size_t)atoi(a[3]);
        jobs[i].first = random ? 0 : i * share;
        jobs[i].size = random ? (uint64_t)size : share;
        jobs[i].seed = 88172645463325252ULL + i;
        jobs[i].until = begin + atof(a[5]);
        errno = pthread_create(&jobs[i].thread, NULL, work, &jobs[i]);
        if (errno)
            fail("thread");
    }
    for (unsigned i = 0; i < threads; i++) {
        pthread_join(jobs[i].thread, NULL);
        errno = jobs[i].fault;
        if (errno)
            fail(a[0]);
        all.requests += jobs[i].totals.requests;
        all.bytes += jobs[i].totals.bytes;
    }
    all.seconds = now() - begin;
    return all;
}

// --- networks ---

static int reach(const char *address, const char *port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0 || inet_pton(AF_INET, address, &to.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&to, sizeof to))
        fail(address);
    return fd;
}

static int await(const char *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) ||
        bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 1))
        fail(port);
    printf("listening\n");
    fflush(stdout);
    int fd = accept(listener, NULL, NULL);
    if (fd < 0)
        fail(port);
    return fd;
}

static struct totals send_for(int fd, double seconds)
{
    static char buffer[NET_BLOCK];
    struct totals t = {0};
    double begin = now();
    while (t.seconds < seconds) {
        ssize_t n = send(fd, buffer, sizeof buffer, MSG_NOSIGNAL);
        if (n <= 0)
            fail("send");
        t.requests++;
        t.bytes += (uint64_t)n;
        t.seconds = now() - begin;
    }
    // What is still on its way counts with the time that it takes.
    shutdown(fd, SHUT_WR);
    while (recv(fd, buffer, sizeof buffer, 0) > 0)
        ;
    t.seconds = now() - begin;
    return t;
}

static struct totals receive_all(int fd)
{
    static char buffer[NET_BLOCK];
    struct totals t = {0};
    double begin = now();
    ssize_t n;
    while ((n = recv(fd, buffer, sizeof buffer, 0)) > 0) {
        t.requests++;
        t.bytes += (uint64_t)n;
    }
    if (n < 0)
        fail("receive");
    t.seconds = now() - begin;
    return t;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    char **a = argv + 2;
    struct totals t;
    if (strcmp(what, "disk") == 0 && argc == 8)
        t = use_disk(a);
    else if (strcmp(what, "send") == 0 && argc == 5)
        t = send_for(reach(a[0], a[1]), atof(a[2]));
    else if (strcmp(what, "receive") == 0 && argc == 4)
        t = receive_all(reach(a[0], a[1]));
    else if (strcmp(what, "sink") == 0 && argc == 3)
        t = receive_all(await(a[0]));
    else if (strcmp(what, "source") == 0 && argc == 4)
        t = send_for(await(a[0]), atof(a[1]));
    else {
        fprintf(stderr, "io-guest: usage: see bench/io_guest.c\n");
        return 2;
    }
    report(&t);
    return 0;
}
