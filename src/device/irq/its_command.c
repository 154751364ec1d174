// SPDX-License-Identifier: MIT
//
// The commands of the ITS (IHI 0069, "ITS commands"). One that names what does not exist is
// ignored, which the architecture leaves open; it is the guest's error.
#include <vm/base/bits.h>

#include "its.h"

enum {
    MOVI = 0x01,
    INT = 0x03,
    CLEAR = 0x04,
    MAPD = 0x08,
    MAPC = 0x09,
    MAPTI = 0x0a,
    MAPI = 0x0b,
    INV = 0x0c,
    INVALL = 0x0d,
    MOVALL = 0x0e,
    DISCARD = 0x0f,
    // SYNC, 0x05, has nothing to wait for.
};

// Fields, by the doublewords that they are in.
static uint64_t device_of(const uint64_t *command)
{
    return command[0] >> 32;
}

static uint64_t event_of(const uint64_t *command)
{
    return command[1] & UINT32_MAX;
}

static uint64_t collection_of(const uint64_t *command)
{
    return command[2] & 0xffff;
}

// A CPU is named by its number (GITS_TYPER.PTA is 0).
static uint64_t cpu_of(uint64_t word)
{
    return vm_bits(word, 16, 35);
}

static void map_device(struct its *s, const uint64_t *command)
{
    uint64_t address = command[2] & UINT64_C(0x000fffffffffff00), size = command[1] & 0x1f;
    bool valid = command[2] & ITS_VALID;
    vm_gpa at;
    if ((!valid || size < ITS_NUMBER_BITS) &&
        its_find_entry(s, ITS_DEVICES, device_of(command), &at))
        its_store(s, at, valid ? ITS_VALID | address >> 3 | size : 0);
}

static void map_collection(struct its *s, const uint64_t *command)
{
    uint64_t cpu = cpu_of(command[2]);
    bool valid = command[2] & ITS_VALID;
    vm_gpa at;
    if ((!valid || cpu < s->gic->cpus) &&
        its_find_entry(s, ITS_COLLECTIONS, collection_of(command), &at))
        its_store(s, at, valid ? ITS_VALID | cpu : 0);
}

static void map_event(struct its *s, const uint64_t *command, uint64_t intid)
{
    vm_gpa at;
    if (intid >= GICV3_LPI_FIRST && intid < GICV3_IDS &&
        its_find_event(s, device_of(command), event_of(command), &at))
        its_store(s, at, ITS_VALID | collection_of(command) << 32 | intid);
}

static void move_event(struct its *s, const uint64_t *command, const struct its_route *route)
{
    uint32_t cpu;
    if (!its_find_cpu(s, collection_of(command), &cpu))
        return;
    its_store(s, route->at, ITS_VALID | collection_of(command) << 32 | route->intid);
    gicv3_lpi_move(s->gic, route->cpu, cpu, route->intid);
}

static void discard(struct its *s, const struct its_route *route)
{
    gicv3_lpi_clear(s->gic, route->cpu, route->intid);
    its_store(s, route->at, 0);
}

// Commands about an event that is mapped.
static void execute_event(struct its *s, const uint64_t *command)
{
    struct its_route route;
    if (!its_find_route(s, device_of(command), event_of(command), &route))
        return;
    switch (command[0] & 0xff) {
    case MOVI: move_event(s, command, &route); break;
    case INT: gicv3_lpi_pend(s->gic, route.cpu, route.intid); break;
    case CLEAR: gicv3_lpi_clear(s->gic, route.cpu, route.intid); break;
    case INV: gicv3_lpi_invalidate(s->gic, route.cpu); break;
    default: discard(s, &route); break;
    }
}

static void invalidate_all(struct its *s, const uint64_t *command)
{
    uint32_t cpu;
    if (its_find_cpu(s, collection_of(command), &cpu))
        gicv3_lpi_invalidate(s->gic, cpu);
}

static void move_all(struct its *s, const uint64_t *command)
{
    uint64_t from = cpu_of(command[2]), to = cpu_of(command[3]);
    if (from < s->gic->cpus && to < s->gic->cpus)
        gicv3_lpi_move_all(s->gic, (uint32_t)from, (uint32_t)to);
}

void its_execute(struct its *s, const uint64_t command[ITS_COMMAND_SIZE / 8])
{
    switch (command[0] & 0xff) {
    case MAPD: map_device(s, command); break;
    case MAPC: map_collection(s, command); break;
    case MAPTI: map_event(s, command, command[1] >> 32); break;
    case MAPI: map_event(s, command, event_of(command)); break;
    case MOVI:
    case INT:
    case CLEAR:
    case INV:
    case DISCARD: execute_event(s, command); break;
    case INVALL: invalidate_all(s, command); break;
    case MOVALL: move_all(s, command); break;
    default: break;
    }
}
