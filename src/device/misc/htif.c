// SPDX-License-Identifier: MIT
//
// HTIF (vm/device/htif.h). A command in tohost: device in bits 56-63, command in bits 48-55,
// payload below. Device 0 is the system: an odd payload ends the program with exit code
// payload >> 1; another payload is the address of a system call's number and arguments. Device 1 is
// the console. Anything else is taken and not answered.
//
// Locking: one lock around an access to the page, not around the console's output.
#include "../device.h"

#include <vm/base/bits.h>
#include <vm/device/htif.h>

enum {
    DEVICE_SYSTEM = 0,
    DEVICE_CONSOLE = 1,
    CONSOLE_WRITE = 1,
    SYS_WRITE = 64, // numbers and errors of the RISC-V Linux ABI, as the proxy kernel uses them
    SYS_EXIT = 93,
    ERR_BAD_FD = -9,
    ERR_FAULT = -14,
    ERR_NO_CALL = -38,
    CALL_WORDS = 8, // number, seven arguments; the result replaces the number
    MAX_WRITE = 4096,
};

struct htif {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_htif_config config;
    uint8_t *page;
};

// What one command sends to the console.
struct output {
    size_t size;
    uint8_t bytes[MAX_WRITE];
};

static uint64_t load_tohost(const struct htif *h)
{
    return vm_ram_load(h->page + (h->config.tohost.v - h->config.page.v), 8);
}

static void clear_tohost(struct htif *h)
{
    vm_ram_store(h->page + (h->config.tohost.v - h->config.page.v), 8, 0);
}

static void answer(struct htif *h, uint64_t value)
{
    uint64_t offset = h->config.fromhost.v - h->config.page.v;
    if (offset < VM_PAGE_SIZE) {
        vm_ram_store(h->page + offset, 8, value);
    } else {
        uint8_t bytes[8];
        vm_store_le64(bytes, value);
        vm_space_write(&h->machine->space, h->config.fromhost, bytes, sizeof bytes);
    }
}

static void stop(struct htif *h, uint64_t code)
{
    // Whatever does not fit is a failure still.
    uint32_t short_code = code > UINT32_MAX ? UINT32_MAX : (uint32_t)code;
    vm_machine_stop(h->machine, VM_STOP_POWEROFF, short_code, "HTIF: exit");
}

static int64_t system_write(struct htif *h, uint64_t fd, uint64_t from, uint64_t size,
                            struct output *out)
{
    if (fd != 1 && fd != 2)
        return ERR_BAD_FD;
    if (size > MAX_WRITE)
        size = MAX_WRITE; // a short write: the caller goes on
    if (!vm_space_read(&h->machine->space, vm_gpa_of(from), out->bytes, (size_t)size))
        return ERR_FAULT;
    out->size = (size_t)size;
    return (int64_t)size;
}

static void system_call(struct htif *h, uint64_t block, struct output *out)
{
    uint8_t bytes[8 * CALL_WORDS];
    uint64_t word[CALL_WORDS];
    if (!vm_space_read(&h->machine->space, vm_gpa_of(block), bytes, sizeof bytes))
        return; // nowhere to put an answer
    for (int i = 0; i < CALL_WORDS; i++)
        word[i] = vm_load_le64(bytes + 8 * i);
    if (word[0] == SYS_EXIT) {
        stop(h, word[1]);
        return;
    }
    int64_t result = ERR_NO_CALL;
    if (word[0] == SYS_WRITE)
        result = system_write(h, word[1], word[2], word[3], out);
    vm_store_le64(bytes, (uint64_t)result);
    vm_space_write(&h->machine->space, vm_gpa_of(block), bytes, 8);
    answer(h, 1);
}

static void execute(struct htif *h, uint64_t command, struct output *out)
{
    uint64_t device = vm_bits(command, 56, 8), number = vm_bits(command, 48, 8);
    uint64_t payload = vm_bits(command, 0, 48);
    if (device == DEVICE_SYSTEM && number == 0) {
        if (payload & 1)
            stop(h, payload >> 1);
        else
            system_call(h, payload, out);
    } else if (device == DEVICE_CONSOLE && number == CONSOLE_WRITE) {
        out->bytes[0] = (uint8_t)payload;
        out->size = 1;
        answer(h, command);
    }
}

// Whether a write of `size` bytes at `offset` from tohost ends a command. A program that writes
// halves ends with the upper one; one that only writes the lower half of an exit, and loops, is
// understood as well.
static bool is_complete(uint64_t offset, unsigned size, uint64_t command)
{
    if (size == 8 || offset == 4)
        return command != 0;
    return size == 4 && offset == 0 && command & 1 && command >> 32 == 0;
}

static bool htif_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct htif *h = device;
    *value = vm_ram_load(h->page + offset, size);
    return true;
}

static bool htif_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct htif *h = device;
    uint64_t tohost = h->config.tohost.v - h->config.page.v;
    struct output out;
    out.size = 0;
    vm_device_lock(h->machine, h->lock);
    vm_ram_store(h->page + offset, size, value);
    if (offset - tohost < 8 && is_complete(offset - tohost, size, load_tohost(h))) {
        execute(h, load_tohost(h), &out);
        clear_tohost(h);
    }
    vm_device_unlock(h->machine, h->lock);
    if (out.size && h->config.output)
        h->config.output(h->config.context, out.bytes, out.size);
    return true;
}

// The page is RAM: the board fills it when it loads the program.
static void htif_reset(void *device)
{
    (void)device;
}

// Programs find it by their own symbols.
static int htif_describe(const void *device, void *fdt)
{
    (void)device, (void)fdt;
    return 0;
}

static void htif_destroy(void *device)
{
    struct htif *h = device;
    vm_device_lock_destroy(h->machine, h->lock);
    vm_device_release(h->machine, h, sizeof *h);
}

static const struct vm_device_ops htif_ops = {
    .type = "htif",
    .mmio = {htif_read, htif_write},
    .reset = htif_reset,
    .destroy = htif_destroy,
    .describe = htif_describe,
};

vm_status vm_htif_create(struct vm_machine *m, const struct vm_htif_config *config,
                         struct vm_device *out, struct vm_error *e)
{
    if ((config->tohost.v | config->fromhost.v) & 7 || config->page.v & VM_PAGE_MASK ||
        config->tohost.v - config->page.v >= VM_PAGE_SIZE)
        return vm_error_set(e, VM_ERR_FILE,
                            "the symbols tohost (%#llx) and fromhost (%#llx) are "
                            "not 8-byte words",
                            (unsigned long long)config->tohost.v,
                            (unsigned long long)config->fromhost.v);
    struct htif *h = vm_device_alloc(m, sizeof *h, htif_ops.type, e);
    if (!h)
        return VM_ERR_HOST;
    h->machine = m;
    h->config = *config;
    h->page = config->host;
    h->lock = vm_device_lock_create(m, htif_ops.type, e);
    if (!h->lock) {
        htif_destroy(h);
        return VM_ERR_HOST;
    }
    *out = (struct vm_device){&htif_ops, h, config->page, VM_PAGE_SIZE};
    return VM_OK;
}
