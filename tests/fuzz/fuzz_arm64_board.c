// SPDX-License-Identifier: MIT
//
// Fuzz target: the devices of the ARM64 virt board that have none of their own, GICv2 with its
// frame for messages, PL011, PL031, PL061, and the built-in PSCI. Plays an input as CPUs that
// access registers and call the firmware, while somebody types, presses the power key, and time
// passes. Whatever the bytes: reads give no more than their size, and of a CPU no more than one of
// IRQ and FIQ is up.
//
// The first byte chooses the GIC. Then operations of one byte, operands behind it; what is missing
// at the end is zeros. Low three bits: see `play`; bit 3: which CPU; bit 7: a write.
#include <stdlib.h>
#include <sys/mman.h>

#include "arm64_board.h"
#include "fuzz_input.h"

enum { CPUS = 2, RAM_SIZE = 4 << 20 };

// An access to a register of the window that bits 4 to 6 choose; its size and place follow.
static void access(struct board_machine *b, struct input_left *in, uint8_t op)
{
    static const uint64_t bases[] = {0x8000000, 0x8010000, 0x8020000, 0x9000000,
                                     0x9010000, 0x9030000, 0x80a0000, 0xa000000};
    unsigned size = 1u << (number(in, 1) & 3);
    uint64_t at = bases[op >> 4 & 7] + (number(in, 2) & 0xfff & ~(uint64_t)(size - 1));
    const struct vm_region *r = vm_space_find(&b->machine.space, vm_gpa_of(at));
    if (!r || r->host || size > r->size - (at - r->base.v))
        return;
    void *device = r->ops->view ? r->ops->view(r->device, op >> 3 & 1) : r->device;
    uint64_t value;
    if (op & 0x80)
        (void)r->ops->write(device, at - r->base.v, size, number(in, size));
    else if (r->ops->read(device, at - r->base.v, size, &value))
        must(size == 8 || value >> 8 * size == 0);
}

// An argument: a small number, an address in or near RAM, or anything.
static uint64_t argument(struct input_left *in)
{
    uint8_t kind = (uint8_t)number(in, 1);
    switch (kind & 3) {
    case 0: return kind >> 2;
    case 1: return ARM64_RAM + number(in, 4);
    default: return number(in, 8);
    }
}

static void call_firmware(struct board_machine *b, struct input_left *in, unsigned cpu)
{
    struct vm_arm64_state *s = cpu_state(b, cpu);
    struct vm_vcpu *v = b->machine.vcpus[cpu];
    uint8_t which = (uint8_t)number(in, 1);
    if (atomic_load(&v->parked))
        return;
    if (which & 0x80)
        s->x[0] = argument(in);
    else // a function of PSCI, or of the calling convention
        s->x[0] = (which & 0x20 ? 0x80000000 : 0x84000000) | (which & 0x40 ? 0x40000000 : 0) |
                  (which & 0x1f);
    for (unsigned i = 1; i < 4; i++)
        s->x[i] = argument(in);
    b->machine.firmware.call(v, b->machine.firmware.context);
    if (atomic_load(&b->machine.stop) == VM_STOP_RESET)
        assert_int_equal(board_reset(b), VM_OK);
    vm_machine_resume(&b->machine);
}

static void type(struct board_machine *b, struct input_left *in)
{
    uint8_t bytes[40];
    size_t n = number(in, 1) % sizeof bytes;
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)number(in, 1);
    must(b->ops->receive(b->board, bytes, n) <= n);
}

static void play(struct board_machine *b, struct input_left *in, uint8_t op)
{
    switch (op & 7) {
    case 3: call_firmware(b, in, op >> 3 & 1); break;
    case 4: type(b, in); break;
    case 5: b->ops->press_power_key(b->board); break;
    case 6: device_host_advance(&b->host, &b->machine, number(in, 2) << (op >> 3)); break;
    case 7:
        if (op & 0x80)
            assert_int_equal(board_reset(b), VM_OK);
        break;
    default: access(b, in, op); break;
    }
}

static void check(const struct board_machine *b)
{
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        uint64_t lines = atomic_load(&b->machine.vcpus[cpu]->irq_lines);
        must(!(lines >> VM_ARM64_IRQ & lines >> VM_ARM64_FIQ & 1));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_left in = {data, size};
    struct board_machine b;
    arm64_board_init(&b, CPUS, RAM_SIZE, number(&in, 1) & 1 ? "gic-version=3" : "gic-version=2");
    b.config.console = (struct vm_board_console){0};
    board_start(&b);
    while (in.left > 0) {
        play(&b, &in, (uint8_t)number(&in, 1));
        check(&b);
    }
    board_machine_end(&b);
    return 0;
}
