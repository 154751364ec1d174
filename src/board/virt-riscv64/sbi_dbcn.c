// SPDX-License-Identifier: MIT
//
// Debug Console extension (chapter 12). Output goes where the serial port's goes. Input waits in a
// small ring, and only once the guest has asked for some: until then it is the serial port's.
#include "riscv64.h"

enum { CONSOLE_WRITE, CONSOLE_READ, CONSOLE_WRITE_BYTE };

// One call moves at most so much; the guest calls again for the rest.
enum { MAX_BYTES = 4096, CHUNK = 256 };

// Whether the guest's buffer (number of bytes, low and high half of the address) is RAM.
static bool is_buffer(const struct sbi_call *c)
{
    uint64_t size = c->arg[0], base = c->arg[1], high = c->arg[2];
    return high == 0 && vm_space_host(&c->board->virt.machine->space, vm_gpa_of(base), size, false);
}

static uint64_t bounded(uint64_t size)
{
    return size < MAX_BYTES ? size : MAX_BYTES;
}

static struct sbi_result console_write(struct sbi_call *c)
{
    uint64_t size = bounded(c->arg[0]), done = 0;
    if (!is_buffer(c))
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    while (done < size) {
        uint8_t bytes[CHUNK];
        uint64_t n = size - done < CHUNK ? size - done : CHUNK;
        if (!vm_space_read(&c->board->virt.machine->space, vm_gpa_of(c->arg[1] + done), bytes, n))
            return sbi_fail(SBI_ERR_FAILED);
        virt_output(&c->board->virt, bytes, n);
        done += n;
    }
    return sbi_ok(done);
}

// Takes up to `size` bytes out of the ring. *room: more are waiting outside and may come.
static uint64_t take(struct virt_riscv64 *board, uint8_t *to, uint64_t size, bool *room)
{
    struct sbi *sbi = &board->sbi;
    uint64_t n = 0;
    sbi_lock(sbi);
    sbi->console_reading = true;
    while (n < size && sbi->console_count > 0) {
        to[n++] = sbi->console[sbi->console_head];
        sbi->console_head = (sbi->console_head + 1) % SBI_CONSOLE_SIZE;
        sbi->console_count--;
    }
    *room = sbi->console_refused && sbi->console_count == 0;
    if (*room)
        sbi->console_refused = false;
    sbi_unlock(sbi);
    return n;
}

static struct sbi_result console_read(struct sbi_call *c)
{
    const struct vm_board_console *console = &c->board->virt.config.console;
    uint8_t bytes[SBI_CONSOLE_SIZE];
    bool room;
    if (!is_buffer(c))
        return sbi_fail(SBI_ERR_INVALID_PARAM);
    uint64_t size = c->arg[0] < sizeof bytes ? c->arg[0] : sizeof bytes;
    uint64_t n = take(c->board, bytes, size, &room);
    bool written = vm_space_write(&c->board->virt.machine->space, vm_gpa_of(c->arg[1]), bytes, n);
    if (room && console->input_room)
        console->input_room(console->context);
    return written ? sbi_ok(n) : sbi_fail(SBI_ERR_FAILED);
}

size_t sbi_receive(struct virt_riscv64 *board, const uint8_t *bytes, size_t size)
{
    struct sbi *sbi = &board->sbi;
    size_t taken = 0;
    sbi_lock(sbi);
    while (sbi->console_reading && taken < size && sbi->console_count < SBI_CONSOLE_SIZE) {
        sbi->console[(sbi->console_head + sbi->console_count++) % SBI_CONSOLE_SIZE] =
            bytes[taken++];
    }
    if (taken < size)
        sbi->console_refused = true;
    sbi_unlock(sbi);
    return taken;
}

struct sbi_result sbi_dbcn(struct sbi_call *c)
{
    uint8_t byte = (uint8_t)c->arg[0];
    switch (c->function) {
    case CONSOLE_WRITE: return console_write(c);
    case CONSOLE_READ: return console_read(c);
    case CONSOLE_WRITE_BYTE: virt_output(&c->board->virt, &byte, 1); return sbi_ok(0);
    default: return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    }
}
