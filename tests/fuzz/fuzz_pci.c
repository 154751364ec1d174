// SPDX-License-Identifier: MIT
//
// Fuzz target: the PCI host bridge and what functions share. Plays an input as a guest that
// configures, moves and accesses what it likes, while the functions interrupt. Whatever the bytes:
// an access reaches at most one function, inside of the BAR that it names; a function whose
// decoding is off is not reached, and one that is no bus master sends nothing; RAM stays as it is.
//
// Operations of one byte, operands behind it; what is missing at the end is zeros. Low bits 0 to 3:
// read, write, write configuration, other (see `other`); bits 2 and 3: log2 of the size; bits 4 to
// 6: where, or which function.
#include <stdlib.h>
#include <string.h>

#include "pci_bed.h"
#include "standalone.h"

// What must hold, also in a build without assertions.
static void must(bool holds)
{
    if (!holds)
        abort();
}

struct input_left {
    const uint8_t *data;
    size_t left;
};

static uint64_t number(struct input_left *in, unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes && in->left > 0; i++, in->left--)
        v |= (uint64_t)*in->data++ << 8 * i;
    return v;
}

static void check(struct bed *b, const bool *decoded)
{
    static const uint64_t sizes[] = {IO_SIZE, 0, LOW_SIZE, 0, HIGH_SIZE};
    unsigned reached = 0;
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        struct toy *t = &b->toys[i];
        if (t->reads + t->writes == 0)
            continue;
        reached += t->reads + t->writes;
        must(t->bar < VM_ARRAY_SIZE(sizes) && t->offset < sizes[t->bar]);
        must(t->size <= sizes[t->bar] - t->offset && decoded[i]);
        t->reads = t->writes = 0;
    }
    must(reached <= 1);
}

static void access(struct bed *b, struct input_left *in, uint8_t op)
{
    static const uint64_t bases[] = {ECAM, IO, LOW, LOW + 0x100000, HIGH, LOW + WIDTH, RAM, 0};
    unsigned size = 1u << (op >> 2 & 3);
    uint64_t base = bases[op >> 4 & 7], v;
    uint64_t at = (base + number(in, base ? 3 : 8)) & ~(uint64_t)(size - 1);
    bool decoded[FUNCTIONS];
    for (unsigned i = 0; i < FUNCTIONS; i++)
        decoded[i] =
            vm_pci_get_config(b->toys[i].function, COMMAND, 2) & (IO_ENABLE | MEMORY_ENABLE);
    if (op & 1)
        mmio_writes(&b->machine, at, size, number(in, size));
    else if (vm_space_mmio_read(&b->machine.space, vm_gpa_of(at), size, &v))
        must((v & ~vm_mask(8 * size)) == 0);
    check(b, decoded);
}

static void configure(struct bed *b, struct input_left *in, uint8_t op)
{
    unsigned size = 1u << (op >> 2 & 3), n = (op >> 4) % FUNCTIONS;
    uint32_t offset = (uint32_t)number(in, 1) & ~(size - 1);
    mmio_write(&b->machine, config_at(n, offset), size, number(in, size));
}

static void other(struct bed *b, struct input_left *in, uint8_t op)
{
    struct vm_pci_function *f = b->toys[(op >> 4) % FUNCTIONS].function;
    unsigned sent = b->sent;
    switch (op >> 2 & 3) {
    case 0:
        vm_pci_msix_send(f, (unsigned)number(in, 1));
        must(b->sent == sent || (b->sent == sent + 1 && vm_pci_is_bus_master(f)));
        break;
    case 1: vm_pci_set_intx(f, number(in, 1) & 1); break;
    case 2: b->bridge.ops->reset(b->bridge.device); break;
    default: // places the table and unmasks a vector
        mmio_write(&b->machine, config_at((op >> 4) % FUNCTIONS, BAR0 + 4), 4, LOW + 0x100000);
        mmio_write(&b->machine, LOW + 0x10000c + 16 * (number(in, 1) & 127), 4, 0);
        break;
    }
    for (unsigned i = 0; i < FUNCTIONS; i++)
        b->toys[i].reads = b->toys[i].writes = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_left in = {data, size};
    struct bed *b = bed_begin();
    while (in.left > 0) {
        uint8_t op = (uint8_t)number(&in, 1);
        switch (op & 3) {
        case 0:
        case 1: access(b, &in, op); break;
        case 2: configure(b, &in, op); break;
        default: other(b, &in, op); break;
        }
    }
    for (size_t i = 0; i < RAM_SIZE; i++)
        must(b->ram[i] == 0);
    bed_end(b);
    return 0;
}
