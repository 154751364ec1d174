// SPDX-License-Identifier: MIT
// Page faults in numbers: new anonymous pages, and pages copied on the first write after a fork.
#define _GNU_SOURCE
#include "bench.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE         4096
#define NEW_PAGES    512
#define COPIED_PAGES 256

static uint64_t run_new(void *state)
{
    (void)state;
    size_t size = (size_t)NEW_PAGES * PAGE;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return 0;
    madvise(memory, size, MADV_NOHUGEPAGE);
    uint64_t sum = 0;
    for (unsigned i = 0; i < NEW_PAGES; i++)
        memory[(size_t)i * PAGE] = 1;
    for (unsigned i = 0; i < NEW_PAGES; i++)
        sum += (uint64_t)memory[(size_t)i * PAGE] + (uint64_t)memory[(size_t)i * PAGE + 1];
    munmap(memory, size);
    return sum;
}

static void *setup_copied(void)
{
    size_t size = (size_t)COPIED_PAGES * PAGE;
    char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    madvise(memory, size, MADV_NOHUGEPAGE);
    for (unsigned i = 0; i < COPIED_PAGES; i++)
        memory[(size_t)i * PAGE] = 1;
    return memory;
}

static uint64_t run_copied(void *state)
{
    char *memory = state;
    pid_t child = fork();
    if (child == 0) {
        unsigned sum = 0;
        for (unsigned i = 0; i < COPIED_PAGES; i++)
            sum += (unsigned)++memory[(size_t)i * PAGE];
        _exit(sum == 2 * COPIED_PAGES ? 42 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return 0;
    return (uint64_t)WEXITSTATUS(status) + (uint64_t)memory[0];
}

BENCH(pagefault, .what = "512 new pages, touched and given back", .run = run_new,
      .expected = NEW_PAGES);
BENCH(pagefault_copy, .what = "a fork and 256 pages copied on write", .setup = setup_copied,
      .run = run_copied, .expected = 43);
