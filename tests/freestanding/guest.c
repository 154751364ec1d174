// SPDX-License-Identifier: MIT
//
// A machine put together without libvm: the core, the RISC-V frontend, the interpreter and two
// registers of the test's own. Its guest sums the numbers up to 1000, divides in floating point,
// prints a line and powers off.
#include <vm/core/arch/riscv64/state.h>
#include <vm/core/machine.h>
#include <vm/engine-interpreter/interpreter.h>
#include <vm/frontend-riscv64/frontend.h>

#include "start.h"

#define RAM_BASE     UINT64_C(0x80000000)
#define RAM_SIZE     UINT64_C(0x10000)
#define DEVICE_BASE  UINT64_C(0x10000000)
#define PRINT_OFFSET 0u
#define POWER_OFFSET 8u

// lui a5, 0x10000; print "hi\n"; a0 = 1 + ... + 1000; fa0 = a0 / 8; store 1 to the power register.
static const uint32_t program[] = {
    0x100007b7, // lui   a5, 0x10000
    0x06800713, // li    a4, 'h'
    0x00e78023, // sb    a4, 0(a5)
    0x06900713, // li    a4, 'i'
    0x00e78023, // sb    a4, 0(a5)
    0x00a00713, // li    a4, '\n'
    0x00e78023, // sb    a4, 0(a5)
    0x00000513, // li    a0, 0
    0x3e800593, // li    a1, 1000
    0x00b50533, // loop: add a0, a0, a1
    0xfff58593, // addi  a1, a1, -1
    0xfe059ce3, // bnez  a1, loop
    0x000062b7, // lui   t0, 6           mstatus.FS
    0x3002a073, // csrs  mstatus, t0
    0xd2257553, // fcvt.d.l fa0, a0
    0x00800613, // li    a2, 8
    0xd22675d3, // fcvt.d.l fa1, a2
    0x1ab57553, // fdiv.d fa0, fa0, fa1
    0x00100713, // li    a4, 1
    0x00e7a423, // sw    a4, 8(a5)
    0x0000006f, // j     .
};

struct device {
    struct vm_machine *machine;
    unsigned printed;
};

static bool device_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)device;
    (void)offset;
    (void)size;
    *value = 0;
    return true;
}

static bool device_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct device *d = device;
    const char c = (char)value;
    (void)size;
    if (offset == PRINT_OFFSET) {
        start_print(&c, 1);
        d->printed++;
    } else if (offset == POWER_OFFSET) {
        vm_machine_stop(d->machine, VM_STOP_POWEROFF, (uint32_t)value, "over");
    }
    return true;
}

// --- the host services of an embedder with one thread and no clock ---

static void *host_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return start_alloc(size, align);
}

static void host_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)p;
    (void)size;
}

static uint64_t host_clock(void *context)
{
    uint64_t *now = context;
    return *now += 1000;
}

static void host_random(void *context, void *to, size_t size)
{
    uint8_t *p = to;
    (void)context;
    for (size_t i = 0; i < size; i++)
        p[i] = (uint8_t)(i * 37 + 11);
}

static struct vm_host_lock *host_lock_create(void *context)
{
    (void)context;
    return start_alloc(1, 1);
}

static void host_lock(void *context, struct vm_host_lock *lock)
{
    (void)context;
    (void)lock;
}

static void host_wake(void *context, uint32_t vcpu)
{
    (void)context;
    (void)vcpu;
}

static void host_nothing(void *context)
{
    (void)context;
}

static void host_log(void *context, const char *line)
{
    size_t n = 0;
    (void)context;
    while (line[n])
        n++;
    start_print(line, n);
}

static int complain(const char *what)
{
    host_log(NULL, what);
    host_log(NULL, "\n");
    return 1;
}

static int check(const struct vm_machine *m, const struct device *d)
{
    const struct vm_riscv64_state *s = m->vcpus[0]->state;
    enum { A0 = 10, FA0 = 10, SUM = 500500 };
    const uint64_t eighth = UINT64_C(0x40ee8c5000000000); // 62562.5 as a double
    // Nine instructions before the loop of three, and eight behind it before the last jump.
    const uint64_t retired = 9 + 3 * 1000 + 8;
    if (m->stop_code != 1 || atomic_load(&m->stop) != VM_STOP_POWEROFF)
        return complain("the guest did not power off");
    if (d->printed != 3)
        return complain("the guest did not print its line");
    if (s->x[A0] != SUM)
        return complain("the sum is wrong");
    if (s->f[FA0] != eighth)
        return complain("the quotient is wrong");
    // The store that powers off ends the run at the next look at requests, in the jump to itself.
    if (m->vcpus[0]->icount < retired || m->vcpus[0]->icount > retired + 1)
        return complain("the count of instructions is wrong");
    return 0;
}

int start_main(void)
{
    uint64_t now = 0;
    const struct vm_host host = {
        .allocator = {host_alloc, host_release, NULL},
        .context = &now,
        .clock = host_clock,
        .real_time = host_clock,
        .random = host_random,
        .lock_create = host_lock_create,
        .lock_destroy = host_lock,
        .lock = host_lock,
        .unlock = host_lock,
        .wake = host_wake,
        .yield = host_nothing,
        .timers_changed = host_nothing,
        .log = host_log,
    };
    static const struct vm_mmio_ops device_ops = {device_read, device_write};
    struct vm_machine m;
    struct device device = {&m, 0};
    void *config, *ram = start_alloc(RAM_SIZE, VM_PAGE_SIZE);
    const struct vm_guest_ops *guest = &vm_riscv64_guest_ops;
    if (!ram || guest->configure(NULL, &host.allocator, &config, NULL) != VM_OK ||
        vm_machine_init(&m, &host, guest, config, NULL) != VM_OK ||
        vm_space_add_ram(&m.space, vm_gpa_of(RAM_BASE), RAM_SIZE, ram, "RAM", NULL) != VM_OK ||
        vm_space_add_mmio(&m.space, vm_gpa_of(DEVICE_BASE), VM_PAGE_SIZE, &device_ops, &device,
                          "device", NULL) != VM_OK ||
        vm_vcpu_create(&m, 0, &m.vcpus[0], NULL) != VM_OK ||
        vm_interpreter_ops.create(m.vcpus[0], NULL) != VM_OK)
        return complain("no memory for the machine");
    m.vcpu_count = 1;
    vm_space_write(&m.space, vm_gpa_of(RAM_BASE), program, sizeof program);
    guest->reset(m.vcpus[0], RAM_BASE);
    if (vm_vcpu_run(m.vcpus[0]) != VM_RUN_STOPPED)
        return complain("the run ended for another reason");
    return check(&m, &device);
}
