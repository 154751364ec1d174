// SPDX-License-Identifier: MIT
//
// 16550A UART (vm/device/ns16550a.h; section numbers are those of the PC16550D data sheet).
//
// The line has no speed: the transmitter is always empty again when the guest looks, and what has
// arrived has arrived completely, so the character time-out of 8.6.1 passes at once: a FIFO that
// holds less than its trigger level indicates a time-out. The modem at the other end is always
// there (CTS, DSR, DCD on). There are no line errors but an overrun in loopback, since bytes from
// outside wait until there is room.
//
// Locking: one lock for all state, also held while the wire is driven. The callbacks of the
// configuration are called after it is released.
#include "../device.h"

#include <vm/device/ns16550a.h>

// Registers by offset; with LCR.DLAB set, 0 and 1 are the divisor latch (8.0).
enum { RBR_THR_DLL, IER_DLM, IIR_FCR, LCR, MCR, LSR, MSR, SCR, REGISTERS };

enum {
    IER_RECEIVED = 1 << 0,
    IER_THR_EMPTY = 1 << 1,
    IER_LINE = 1 << 2,
    IER_MODEM = 1 << 3,
    IER_ALL = 0xf,

    IIR_MODEM = 0x0,
    IIR_NONE = 0x1,
    IIR_THR_EMPTY = 0x2,
    IIR_RECEIVED = 0x4,
    IIR_LINE = 0x6,
    IIR_TIMEOUT = 0xc,
    IIR_FIFOS = 0xc0,

    FCR_ENABLE = 1 << 0,
    FCR_CLEAR_RECEIVER = 1 << 1,
    FCR_TRIGGER_SHIFT = 6,

    LCR_DLAB = 1 << 7,

    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT1 = 1 << 2,
    MCR_OUT2 = 1 << 3,
    MCR_LOOP = 1 << 4,
    MCR_ALL = 0x1f,

    LSR_DATA = 1 << 0,
    LSR_OVERRUN = 1 << 1,
    LSR_THR_EMPTY = 1 << 5,
    LSR_IDLE = 1 << 6,

    MSR_CTS = 1 << 4,
    MSR_DSR = 1 << 5,
    MSR_RI = 1 << 6,
    MSR_DCD = 1 << 7,
    MSR_LINES = 0xf0,
    MSR_DELTAS = 0x0f,
    MSR_DELTA_RI = 1 << 2, // the only one that tells just one edge: the trailing one
};

// A guest that reads the line status so often in a row without sending anything waits for data: to
// send it needs to look only once a byte, since the transmitter is always empty.
enum { POLLING = 32 };

struct ns16550a {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_ns16550a_config config;

    uint8_t ier, lcr, mcr, msr, scr, dll, dlm;
    uint8_t trigger; // bytes that raise "received data" with FIFOs on
    bool fifos;
    bool overrun;
    bool thr_empty; // the interrupt pends
    uint8_t fifo[VM_NS16550A_FIFO];
    uint8_t head, count; // of the receiver's FIFO
    uint8_t polls;       // reads of LSR in a row, up to POLLING
    bool refused;        // bytes wait outside
};

// --- state ---

static unsigned receiver_size(const struct ns16550a *u)
{
    return u->fifos ? VM_NS16550A_FIFO : 1;
}

static bool is_receiving(const struct ns16550a *u)
{
    return !(u->mcr & MCR_LOOP) && (u->ier & IER_RECEIVED || u->polls == POLLING);
}

static void push(struct ns16550a *u, uint8_t byte)
{
    u->fifo[(u->head + u->count++) % VM_NS16550A_FIFO] = byte;
}

static uint8_t pop(struct ns16550a *u)
{
    if (u->count == 0)
        return 0;
    uint8_t byte = u->fifo[u->head];
    u->head = (uint8_t)((u->head + 1) % VM_NS16550A_FIFO);
    u->count--;
    return byte;
}

// A byte that loopback brings: an overrun loses the new byte with FIFOs on, the old one without
// (8.4, bit 1).
static void loop_back(struct ns16550a *u, uint8_t byte)
{
    if (u->count < receiver_size(u)) {
        push(u, byte);
        return;
    }
    u->overrun = true;
    if (!u->fifos)
        u->fifo[u->head] = byte;
}

static void clear_receiver(struct ns16550a *u)
{
    u->head = u->count = 0;
}

// The pending interrupt of highest priority (table II), without the FIFO bits.
static uint8_t interrupt(const struct ns16550a *u)
{
    if (u->ier & IER_LINE && u->overrun)
        return IIR_LINE;
    if (u->ier & IER_RECEIVED && u->count > 0)
        return !u->fifos || u->count >= u->trigger ? IIR_RECEIVED : IIR_TIMEOUT;
    if (u->ier & IER_THR_EMPTY && u->thr_empty)
        return IIR_THR_EMPTY;
    if (u->ier & IER_MODEM && u->msr & MSR_DELTAS)
        return IIR_MODEM;
    return IIR_NONE;
}

static void update_irq(struct ns16550a *u)
{
    vm_irq_set(&u->config.site.irq, interrupt(u) != IIR_NONE);
}

// The modem's lines: those of the modem control register in loopback (8.5, bit 4).
static uint8_t modem_lines(const struct ns16550a *u)
{
    if (!(u->mcr & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    return (u->mcr & MCR_RTS ? MSR_CTS : 0) | (u->mcr & MCR_DTR ? MSR_DSR : 0) |
           (u->mcr & MCR_OUT1 ? MSR_RI : 0) | (u->mcr & MCR_OUT2 ? MSR_DCD : 0);
}

static void update_modem(struct ns16550a *u)
{
    uint8_t lines = modem_lines(u), changed = (u->msr ^ lines) & MSR_LINES;
    uint8_t deltas = changed >> 4;
    if (lines & MSR_RI)
        deltas &= (uint8_t)~MSR_DELTA_RI;
    u->msr = lines | (u->msr & MSR_DELTAS) | deltas;
}

// --- registers ---

static uint8_t read_line_status(struct ns16550a *u)
{
    uint8_t lsr = LSR_THR_EMPTY | LSR_IDLE;
    if (u->count > 0)
        lsr |= LSR_DATA;
    else if (u->polls < POLLING)
        u->polls++;
    if (u->overrun)
        lsr |= LSR_OVERRUN;
    u->overrun = false;
    return lsr;
}

static uint8_t read_interrupt_id(struct ns16550a *u)
{
    uint8_t id = interrupt(u);
    if (id == IIR_THR_EMPTY)
        u->thr_empty = false;
    return id | (u->fifos ? IIR_FIFOS : 0);
}

static uint8_t read_modem_status(struct ns16550a *u)
{
    uint8_t msr = u->msr;
    u->msr &= MSR_LINES;
    return msr;
}

static uint8_t read_register(struct ns16550a *u, uint64_t offset)
{
    bool dlab = u->lcr & LCR_DLAB;
    switch (offset) {
    case RBR_THR_DLL: return dlab ? u->dll : pop(u);
    case IER_DLM: return dlab ? u->dlm : u->ier;
    case IIR_FCR: return read_interrupt_id(u);
    case LCR: return u->lcr;
    case MCR: return u->mcr;
    case LSR: return read_line_status(u);
    case MSR: return read_modem_status(u);
    default: return u->scr;
    }
}

// True if the byte is to go out.
static bool write_thr(struct ns16550a *u, uint8_t value)
{
    u->thr_empty = true;
    u->polls = 0;
    if (!(u->mcr & MCR_LOOP))
        return true;
    loop_back(u, value);
    return false;
}

static void write_ier(struct ns16550a *u, uint8_t value)
{
    if (~u->ier & value & IER_THR_EMPTY)
        u->thr_empty = true;
    u->ier = value & IER_ALL;
}

// The other bits count only with the FIFOs on (8.2). Turning them off empties them, and turning
// them on would too: but drivers turn them on after they have enabled the receiver (Linux does),
// and a byte that has come meanwhile would be lost, which on a real line takes bad luck and here
// only waiting input. So that one stays, unless the driver asks for a clear receiver.
static void write_fcr(struct ns16550a *u, uint8_t value)
{
    static const uint8_t triggers[] = {1, 4, 8, 14};
    bool on = value & FCR_ENABLE;
    if ((u->fifos && !on) || (on && value & FCR_CLEAR_RECEIVER))
        clear_receiver(u);
    u->fifos = on;
    if (on)
        u->trigger = triggers[value >> FCR_TRIGGER_SHIFT];
}

// True if the byte is to go out.
static bool write_register(struct ns16550a *u, uint64_t offset, uint8_t value)
{
    bool dlab = u->lcr & LCR_DLAB;
    switch (offset) {
    case RBR_THR_DLL:
        if (!dlab)
            return write_thr(u, value);
        u->dll = value;
        break;
    case IER_DLM:
        if (dlab)
            u->dlm = value;
        else
            write_ier(u, value);
        break;
    case IIR_FCR: write_fcr(u, value); break;
    case LCR: u->lcr = value; break;
    case MCR:
        u->mcr = value & MCR_ALL;
        update_modem(u);
        break;
    case SCR: u->scr = value; break;
    default: break; // LSR and MSR are read-only
    }
    return false;
}

// Whether the refused bytes are to be offered again: once per refusal, and not before the guest has
// taken everything, so that a burst costs one wake-up of the sender per FIFO.
static bool take_room(struct ns16550a *u)
{
    if (!u->refused || !is_receiving(u) || u->count > 0)
        return false;
    u->refused = false;
    return true;
}

// Registers are bytes; wider accesses reach the one at their address.
static bool is_valid(uint64_t offset, unsigned size)
{
    return offset < REGISTERS && size <= 4;
}

static bool uart_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct ns16550a *u = device;
    if (!is_valid(offset, size))
        return false;
    vm_device_lock(u->machine, u->lock);
    *value = read_register(u, offset);
    update_irq(u);
    bool room = take_room(u);
    vm_device_unlock(u->machine, u->lock);
    if (room && u->config.room)
        u->config.room(u->config.context);
    return true;
}

static bool uart_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct ns16550a *u = device;
    if (!is_valid(offset, size))
        return false;
    uint8_t byte = (uint8_t)value;
    vm_device_lock(u->machine, u->lock);
    bool sent = write_register(u, offset, byte);
    update_irq(u);
    bool room = take_room(u);
    vm_device_unlock(u->machine, u->lock);
    if (sent && u->config.output)
        u->config.output(u->config.context, &byte, 1);
    if (room && u->config.room)
        u->config.room(u->config.context);
    return true;
}

size_t vm_ns16550a_receive(const struct vm_device *uart, const uint8_t *bytes, size_t size)
{
    struct ns16550a *u = uart->device;
    size_t taken = 0;
    vm_device_lock(u->machine, u->lock);
    if (is_receiving(u)) {
        while (taken < size && u->count < receiver_size(u))
            push(u, bytes[taken++]);
        update_irq(u);
    }
    if (taken < size)
        u->refused = true;
    vm_device_unlock(u->machine, u->lock);
    return taken;
}

bool vm_ns16550a_is_receiving(const struct vm_device *uart)
{
    struct ns16550a *u = uart->device;
    vm_device_lock(u->machine, u->lock);
    bool receiving = is_receiving(u);
    vm_device_unlock(u->machine, u->lock);
    return receiving;
}

// As table III says; the scratch register and the divisor latch are not defined, and become 0.
static void uart_reset(void *device)
{
    struct ns16550a *u = device;
    vm_device_lock(u->machine, u->lock);
    u->ier = u->lcr = u->mcr = u->scr = u->dll = u->dlm = 0;
    u->msr = modem_lines(u);
    u->fifos = u->overrun = u->thr_empty = false;
    u->trigger = 1;
    u->polls = 0;
    clear_receiver(u);
    update_irq(u);
    vm_device_unlock(u->machine, u->lock);
}

static int uart_describe(const void *device, void *fdt)
{
    const struct ns16550a *u = device;
    const struct vm_device_site *site = &u->config.site;
    struct vm_describe d = {.fdt = fdt};
    vm_describe_begin_at(&d, "serial", site->base.v);
    vm_describe_text(&d, "compatible", "ns16550a");
    vm_describe_reg(&d, site->base.v, VM_NS16550A_SIZE);
    vm_describe_cell(&d, "clock-frequency", u->config.clock_hz);
    vm_device_describe_irq(&d, site);
    vm_describe_end(&d);
    return d.error;
}

static void uart_destroy(void *device)
{
    struct ns16550a *u = device;
    vm_device_lock_destroy(u->machine, u->lock);
    vm_device_release(u->machine, u, sizeof *u);
}

static const struct vm_device_ops uart_ops = {
    .type = "serial",
    .mmio = {uart_read, uart_write},
    .reset = uart_reset,
    .destroy = uart_destroy,
    .describe = uart_describe,
};

vm_status vm_ns16550a_create(struct vm_machine *m, const struct vm_ns16550a_config *config,
                             struct vm_device *out, struct vm_error *e)
{
    struct ns16550a *u = vm_device_alloc(m, sizeof *u, uart_ops.type, e);
    if (!u)
        return VM_ERR_HOST;
    u->machine = m;
    u->config = *config;
    u->lock = vm_device_lock_create(m, uart_ops.type, e);
    if (!u->lock) {
        uart_destroy(u);
        return VM_ERR_HOST;
    }
    uart_reset(u);
    *out = (struct vm_device){&uart_ops, u, config->site.base, VM_NS16550A_SIZE};
    return VM_OK;
}
