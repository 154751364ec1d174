// SPDX-License-Identifier: MIT
//
// Fuzz target: NOR flash. Plays an input as a guest that stores to and loads from two banks.
// Whatever the bytes: the read-only bank keeps its contents, the other one loses bits or whole
// sectors, an access reaches its own bank only, and what is to be saved lies in the bank.
//
// Operations of one byte, operands behind it; what is missing at the end is zeros. Low bits 0 and
// 1: a command to both chips, a store, a load, other; bits 2 and 3: log2 of the size; bits 4 and 5:
// the sector; bit 6: an offset of three bytes follows, not one.
#include <stdlib.h>
#include <string.h>

#include <vm/device/cfi_flash.h>

#include "device_host.h"
#include "fuzz_input.h"

enum { BASE = 0x20000000, SIZE = 2 * VM_CFI_FLASH_SECTOR, FILL = 0x5a };

struct bed {
    struct device_host host;
    struct vm_machine machine;
    struct vm_device device;
    uint8_t *code, *vars;
    bool saving;
};

static void save(void *context, uint64_t offset, uint64_t size)
{
    struct bed *b = context;
    must(!b->saving && size > 0 && size % 4 == 0 && offset % 4 == 0);
    must(offset < SIZE && size <= SIZE - offset);
    b->saving = true;
}

static void set_up(struct bed *b)
{
    device_host_init(&b->host);
    device_machine_init(&b->host, &b->machine);
    b->code = aligned_alloc(VM_PAGE_SIZE, SIZE);
    b->vars = aligned_alloc(VM_PAGE_SIZE, SIZE);
    must(b->code && b->vars);
    memset(b->code, FILL, SIZE);
    memset(b->vars, FILL, SIZE);
    const struct vm_cfi_flash_bank banks[] = {
        {.base = {BASE}, .size = SIZE, .array = b->code, .read_only = true},
        {.base = {BASE + SIZE}, .size = SIZE, .array = b->vars, .save = save, .context = b},
    };
    must(vm_cfi_flash_create(&b->machine, banks, 2, &b->device, NULL) == VM_OK);
    must(vm_cfi_flash_attach(&b->device, NULL) == VM_OK);
    b->device.ops->reset(b->device.device);
}

static void access(struct bed *b, struct input_left *in, uint8_t op)
{
    unsigned size = op & 3 ? 1u << (op >> 2 & 3) : 4;
    uint64_t offset = number(in, op & 64 ? 3 : 1) % VM_CFI_FLASH_SECTOR & ~(uint64_t)(size - 1);
    uint64_t at = BASE + (uint64_t)(op >> 4 & 3) * VM_CFI_FLASH_SECTOR + offset, value;
    if (op & 2) {
        if (vm_space_mmio_read(&b->machine.space, vm_gpa_of(at), size, &value))
            must(size == 8 || value >> 8 * size == 0);
    } else {
        value = op & 1 ? number(in, size) : number(in, 1) * 0x10001;
        mmio_write(&b->machine, at, size, value);
    }
}

static void other(struct bed *b, struct input_left *in, uint8_t op)
{
    bool ok = number(in, 1) & 1;
    if (b->saving) {
        b->saving = false;
        vm_cfi_flash_saved(&b->device, 1, ok);
    }
    if (op & 4)
        b->device.ops->reset(b->device.device);
}

// Either all of a sector has been erased once, or it has only lost bits.
static void check(const struct bed *b)
{
    for (unsigned i = 0; i < SIZE; i++)
        must(b->code[i] == FILL);
    for (unsigned sector = 0; sector < SIZE; sector += VM_CFI_FLASH_SECTOR) {
        const uint8_t *s = b->vars + sector;
        unsigned back = 0, erased = 0;
        for (unsigned i = 0; i < VM_CFI_FLASH_SECTOR; i++) {
            back += (s[i] & ~FILL) != 0;
            erased += s[i] == 0xff;
        }
        // An input has no room to program much after an erasure.
        must(back == 0 || erased > VM_CFI_FLASH_SECTOR / 2);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input_left in = {data, size};
    struct bed *b = calloc(1, sizeof *b);
    must(b != NULL);
    set_up(b);
    while (in.left > 0) {
        uint8_t op = (uint8_t)number(&in, 1);
        if ((op & 3) == 3)
            other(b, &in, op);
        else
            access(b, &in, op);
    }
    check(b);
    vm_device_destroy(&b->device);
    vm_machine_destroy(&b->machine);
    must(atomic_load(&b->host.base.live_bytes) == 0);
    free(b->code);
    free(b->vars);
    free(b);
    return 0;
}
