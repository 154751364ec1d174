// SPDX-License-Identifier: MIT
//
// Fuzz target: the firmware configuration device. Plays an input as a guest that reads and writes
// its registers and has it transfer what it likes. Whatever the bytes: the items stay as they are,
// and a transfer writes its structure's control word and its target, nothing else.
//
// Operations of one byte, operands behind it; what is missing at the end is zeros. Low bits 0 and
// 1: read, write, transfer, fill RAM; bits 2 and 3: log2 of the size; bits 4 to 7: the register's
// offset, in units of the size.
#include <stdlib.h>
#include <string.h>

#include <vm/device/fw_cfg.h>

#include "device_host.h"
#include "fuzz_input.h"

enum {
    BASE = 0x10100000,
    SELECTOR = BASE + 8,
    DMA = BASE + 16,
    RAM = 0x80000000u,
    RAM_SIZE = 4 * VM_PAGE_SIZE,
    REQUEST = RAM + VM_PAGE_SIZE, // where transfers have their structure
    FILL = 0x33,
};

struct bed {
    struct device_host host;
    struct vm_machine machine;
    struct vm_device device;
    _Alignas(VM_PAGE_SIZE) uint8_t ram[RAM_SIZE];
};

static const char text[] = "a file of some bytes";

static void set_up(struct bed *b)
{
    device_host_init(&b->host);
    device_machine_init(&b->host, &b->machine);
    memset(b->ram, FILL, sizeof b->ram);
    must(vm_space_add_ram(&b->machine.space, vm_gpa_of(RAM), RAM_SIZE, b->ram, "ram", NULL) ==
         VM_OK);
    must(vm_fw_cfg_create(&b->machine, vm_gpa_of(BASE), &b->device, NULL) == VM_OK);
    must(vm_device_attach(&b->machine, &b->device, NULL) == VM_OK);
    must(vm_fw_cfg_add_file(&b->device, "etc/text", text, sizeof text, NULL) == VM_OK);
    must(vm_fw_cfg_add_file(&b->device, "etc/empty", NULL, 0, NULL) == VM_OK);
    must(vm_fw_cfg_set(&b->device, VM_FW_CFG_KERNEL_DATA, text, sizeof text, NULL) == VM_OK);
    vm_fw_cfg_set_number(&b->device, VM_FW_CFG_KERNEL_SIZE, sizeof text, 4);
    b->device.ops->reset(b->device.device);
}

// Bytes outside of [from, from + size) and of the structure are as they were.
static void check_others(const struct bed *b, uint64_t from, uint64_t size)
{
    for (uint64_t i = 0; i < RAM_SIZE; i++) {
        bool target = RAM + i >= from && RAM + i - from < size;
        bool request = RAM + i >= REQUEST && RAM + i < REQUEST + 16;
        must(target || request || b->ram[i] == FILL);
    }
}

// A structure in RAM with these fields, and the transfer.
static void transfer(struct bed *b, struct input_left *in)
{
    uint32_t control = (uint32_t)number(in, 1) | (uint32_t)number(in, 2) << 16;
    uint32_t size = (uint32_t)number(in, 2);
    uint64_t to = RAM - 64 + number(in, 2), place = 0;
    if (control & 0x20)
        size = (uint32_t)number(in, 4);
    if (control & 0x40)
        to = number(in, 8);
    if (control & 0x80)
        place = number(in, 2);
    const uint32_t words[] = {__builtin_bswap32(control), __builtin_bswap32(size),
                              __builtin_bswap32((uint32_t)(to >> 32)),
                              __builtin_bswap32((uint32_t)to)};
    memset(b->ram, FILL, sizeof b->ram);
    memcpy(b->ram + REQUEST - RAM, words, sizeof words);
    if (place) { // a structure of fill bytes, or none
        mmio_write(&b->machine, DMA, 8, __builtin_bswap64(RAM + RAM_SIZE - 32 + place));
        return;
    }
    mmio_write(&b->machine, DMA, 8, __builtin_bswap64(REQUEST));
    check_others(b, to, size);
}

static void access(struct bed *b, struct input_left *in, uint8_t op)
{
    unsigned size = 1u << (op >> 2 & 3);
    uint64_t at = BASE + (uint64_t)(op >> 4) * size, value;
    if (at + size > BASE + VM_FW_CFG_SIZE)
        return;
    if (op & 1)
        mmio_write(&b->machine, at, size, number(in, size));
    else if (vm_space_mmio_read(&b->machine.space, vm_gpa_of(at), size, &value))
        must(size == 8 || value >> 8 * size == 0);
}

// Reads the items that the target has set.
static void check_items(struct bed *b)
{
    for (unsigned round = 0; round < 2; round++) {
        uint16_t key = round ? VM_FW_CFG_KERNEL_DATA : VM_FW_CFG_FILE_FIRST + 1;
        mmio_write(&b->machine, SELECTOR, 2, __builtin_bswap16(key));
        for (size_t i = 0; i < sizeof text; i++)
            must(mmio_read(&b->machine, BASE, 1) == (uint8_t)text[i]);
        must(mmio_read(&b->machine, BASE, 8) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_left in = {data, size};
    struct bed *b = aligned_alloc(_Alignof(struct bed), sizeof *b);
    must(b != NULL);
    memset(b, 0, sizeof *b);
    set_up(b);
    while (in.left > 0) {
        uint8_t op = (uint8_t)number(&in, 1);
        switch (op & 3) {
        case 0:
        case 1: access(b, &in, op); break;
        case 2: transfer(b, &in); break;
        default: memset(b->ram, (int)number(&in, 1), sizeof b->ram); break;
        }
    }
    check_items(b);
    vm_device_destroy(&b->device);
    vm_machine_destroy(&b->machine);
    must(atomic_load(&b->host.base.live_bytes) == 0);
    free(b);
    return 0;
}
