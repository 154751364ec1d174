// SPDX-License-Identifier: MIT
//
// Machines that come and go: a hundred are made, run and destroyed, some at the same time, some
// never run, some while the host has no memory left. Threads, descriptors and mappings are then as
// many as before. (What malloc gave is the leak sanitizer's, or valgrind's.)
#include "hostile.h"
#include "hostile_code.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED true
#endif
#endif
#ifndef SANITIZED
#define SANITIZED false
#endif

enum { ROUNDS = 100, MAX_VCPUS = 4 };

// --- what the process holds ---

struct held {
    unsigned threads, descriptors, mappings;
};

static unsigned count_entries(const char *directory)
{
    unsigned n = 0;
    DIR *d = opendir(directory);
    if (!d) // not Linux
        skip();
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

// Mappings that are machines' RAM: those of the shared object that libvm names so.
static unsigned count_mappings(void)
{
    char line[512];
    unsigned n = 0;
    FILE *f = fopen("/proc/self/maps", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, "trine-ram") != NULL;
    fclose(f);
    return n;
}

// A thread that has been joined may be listed for another moment.
static struct held look(unsigned expected_threads)
{
    struct held h = {0};
    for (unsigned patience = 1000; patience; patience--) {
        h.threads = count_entries("/proc/self/task");
        if (h.threads == expected_threads)
            break;
        usleep(1000);
    }
    h.descriptors = count_entries("/proc/self/fd");
    h.mappings = count_mappings();
    return h;
}

static void check_same(struct held before)
{
    struct held now = look(before.threads);
    assert_int_equal(now.threads, before.threads);
    assert_int_equal(now.descriptors, before.descriptors);
    assert_int_equal(now.mappings, before.mappings);
}

// --- guests ---

enum guest { SPINS, SLEEPS, POWERS_OFF, RESETS, GUESTS };

// Machine-mode code at HOSTILE_RAM.
static void make_guest(struct code *c, enum guest guest)
{
    enum { SYSCON = 0x100000, POWEROFF = 0x5555, RESET = 0x7777 };
    uint64_t value = guest == POWERS_OFF ? POWEROFF : guest == RESETS ? RESET : 0;
    c->address = HOSTILE_RAM;
    emit_li(c, 5, SYSCON);
    emit_li(c, 6, value);
    emit(c, 0x0062a023); // sw x6, 0(x5)
    uint64_t loop = code_here(c);
    if (guest == SLEEPS)
        emit(c, RV_WFI);
    emit_jump_to(c, loop);
}

static struct vm *make_machine(struct code *c, enum guest guest, unsigned vcpus)
{
    make_guest(c, guest);
    struct hostile_machine m = {
        .vcpus = vcpus, .memory = 4 << 20, .code = c->bytes, .size = c->used};
    return hostile_create(&m);
}

static void come_and_go(struct hostile_group *g, struct random *r)
{
    enum guest guest = random_below(r, GUESTS);
    struct code c = {0};
    struct vm_result result;
    struct vm *vm = make_machine(&c, guest, 1 + random_below(r, MAX_VCPUS));
    for (unsigned runs = random_below(r, 3); runs; runs--)
        hostile_run(g, vm, random_below(r, 5), &result);
    vm_destroy(vm);
    free(c.bytes);
}

// What is made once for the process, by the libc or a sanitizer, is there afterwards.
static struct held warm_up(struct hostile_group *g)
{
    enum { SETTLED = 200000 }; // microseconds after which no joined thread is listed any more
    struct code c = {0};
    struct vm_result result;
    struct vm *vm = make_machine(&c, SPINS, 1);
    hostile_run(g, vm, 1, &result);
    vm_destroy(vm);
    free(c.bytes);
    usleep(SETTLED);
    return look(count_entries("/proc/self/task"));
}

// --- tests ---

static void machines_leave_nothing_behind(void **state)
{
    struct hostile_group g;
    struct random r;
    (void)state;
    hostile_begin(&g, "lifecycle", 100);
    struct held before = warm_up(&g);
    for (unsigned i = 0; i < ROUNDS; i++) {
        hostile_next(&g, &r);
        come_and_go(&g, &r);
        check_same(before);
    }
    hostile_end(&g);
}

static void machines_live_side_by_side(void **state)
{
    enum { MACHINES = 8 };
    struct hostile_group g;
    struct random r;
    struct vm *vm[MACHINES];
    struct code c[MACHINES] = {{0}};
    struct vm_result result;
    (void)state;
    hostile_begin(&g, "side by side", 1);
    hostile_next(&g, &r);
    struct held before = warm_up(&g);
    for (unsigned i = 0; i < MACHINES; i++)
        vm[i] = make_machine(&c[i], i % GUESTS, 1 + i % MAX_VCPUS);
    for (unsigned i = 0; i < MACHINES; i++) {
        bool off = i % GUESTS == POWERS_OFF;
        hostile_run(&g, vm[i], off ? 10000 : 5, &result);
        assert_int_equal(result.reason, off ? VM_EXIT_POWEROFF : VM_EXIT_TIMEOUT);
    }
    for (unsigned i = 0; i < MACHINES; i++) {
        vm_destroy(vm[i]);
        free(c[i].bytes);
    }
    check_same(before);
    hostile_end(&g);
}

static bool has_shadow_memory(void)
{
    const char *preloaded = getenv("LD_PRELOAD");
    return SANITIZED || (preloaded && strstr(preloaded, "vgpreload")); // valgrind's
}

// Bytes of address space that the process has.
static rlim_t address_space(void)
{
    unsigned long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%lu", &pages) != 1)
        skip();
    fclose(f);
    return pages * (rlim_t)sysconf(_SC_PAGESIZE);
}

// One attempt with `room` bytes of address space; true when the machine ran.
static bool run_in(rlim_t room, const struct code *c)
{
    struct rlimit old, limit;
    struct vm_options o = vm_default_options();
    struct vm_error e = {0};
    struct vm_result result;
    struct vm *vm = NULL;
    o.guest = "riscv64";
    o.vcpus = 8; // more stacks of threads than the libc may have kept
    o.memory = 4 << 20;
    o.code_cache = 16 << 20; // its two views are address space
    o.bios_mode = VM_OPTION_BIOS_FILE;
    o.bios = (struct vm_blob){"guest", c->bytes, c->used};
    assert_int_equal(getrlimit(RLIMIT_AS, &old), 0);
    limit = (struct rlimit){address_space() + room, old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_AS, &limit), 0);
    vm_status status = vm_create(&o, &vm, &e);
    if (status == VM_OK)
        status = vm_run(vm, vm_clock() + 1000000, &result, &e);
    vm_destroy(status == VM_OK || vm ? vm : NULL);
    assert_int_equal(setrlimit(RLIMIT_AS, &old), 0);
    if (status == VM_OK)
        return result.reason == VM_EXIT_TIMEOUT || result.reason == VM_EXIT_CRASHED;
    if (status != VM_ERR_HOST || e.text[0] == 0)
        fail_msg("status %d: %s", status, e.text);
    return false;
}

static void a_host_without_memory_is_an_error(void **state)
{
    enum { STEP = 128 << 10, MOST = 256 << 20 };
    struct hostile_group g;
    struct random r;
    struct code c = {0};
    unsigned refused = 0;
    rlim_t room = 0;
    (void)state;
    if (has_shadow_memory()) // it is address space too
        skip();
    hostile_begin(&g, "no memory", 1);
    hostile_next(&g, &r);
    make_guest(&c, SPINS);
    struct held before = warm_up(&g);
    for (; room < MOST && !run_in(room, &c); room += STEP) {
        refused++;
        check_same(before);
    }
    print_message("no memory: refused with less than %lu KiB\n", (unsigned long)room >> 10);
    assert_true(refused > 0 && room < MOST);
    free(c.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(machines_leave_nothing_behind),
        cmocka_unit_test(machines_live_side_by_side),
        cmocka_unit_test(a_host_without_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
