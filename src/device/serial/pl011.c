// SPDX-License-Identifier: MIT
//
// PL011 UART (vm/device/pl011.h; section numbers are those of DDI 0183).
//
// The line has no speed, as that of the 16550A (ns16550a.c): the transmitter is always empty again
// when the guest looks, and the receive time-out passes at once for a FIFO that holds less than its
// trigger level. The modem at the other end is always there. There are no line errors but an
// overrun in loopback, since bytes from outside wait until there is room.
//
// Sending and receiving do not need UARTCR.UARTEN: early consoles rely on firmware for that, and
// where a kernel is loaded without any there is nobody who has set it.
//
// Locking: one lock for all state, also held while the wire is driven. The callbacks of the
// configuration are called after it is released.
#include "../primecell.h"

#include <vm/device/pl011.h>

// Registers (3.2).
enum {
    DR = 0x00,
    RSR_ECR = 0x04,
    FR = 0x18,
    ILPR = 0x20,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    DMACR = 0x48,

    PART = 0x011,
    REVISION = 1,
};

enum {
    DR_OVERRUN = 1 << 11,
    RSR_OVERRUN = 1 << 3,

    FR_CTS = 1 << 0,
    FR_DSR = 1 << 1,
    FR_DCD = 1 << 2,
    FR_RX_EMPTY = 1 << 4,
    FR_RX_FULL = 1 << 6,
    FR_TX_EMPTY = 1 << 7,
    FR_RI = 1 << 8,

    LCR_FIFOS = 1 << 4,

    CR_ENABLE = 1 << 0,
    CR_LOOP = 1 << 7,
    CR_RECEIVER = 1 << 9,
    CR_DTR = 1 << 10,
    CR_RTS = 1 << 11,
    CR_OUT1 = 1 << 12,
    CR_OUT2 = 1 << 13,
    CR_FIELDS = 0xff87,
    CR_RESET = 0x300, // transmitter and receiver

    IFLS_RX_SHIFT = 3,
    IFLS_RESET = 0x12, // both at half

    INT_RI = 1 << 0,
    INT_CTS = 1 << 1,
    INT_DCD = 1 << 2,
    INT_DSR = 1 << 3,
    INT_RX = 1 << 4,
    INT_TX = 1 << 5,
    INT_TIMEOUT = 1 << 6,
    INT_OVERRUN = 1 << 10,
    INT_ALL = 0x7ff,
};

// A guest that reads the flags so often in a row without sending anything waits for data: to send
// it needs to look only once a byte, since the transmitter is always empty.
enum { POLLING = 32 };

struct pl011 {
    struct vm_machine *machine;
    struct vm_host_lock *lock;
    struct vm_pl011_config config;

    uint16_t cr, ibrd, imsc, ris;
    uint8_t fbrd, lcr, ifls, ilpr, dmacr;
    uint16_t modem; // lines as flags, without overrun
    bool overrun;   // RSR.OE, which goes with the next byte that is read
    uint8_t fifo[VM_PL011_FIFO];
    uint8_t head, count;
    uint8_t polls; // reads of FR in a row, up to POLLING
    bool listens;  // see update_listens
    bool refused;  // bytes wait outside
};

// --- receiver ---

static bool has_fifos(const struct pl011 *u)
{
    return u->lcr & LCR_FIFOS;
}

static unsigned receiver_size(const struct pl011 *u)
{
    return has_fifos(u) ? VM_PL011_FIFO : 1;
}

// Bytes that raise the receive interrupt (3.3.9).
static unsigned trigger(const struct pl011 *u)
{
    static const uint8_t levels[8] = {2, 4, 8, 12, 14, 14, 14, 14}; // the last three are reserved
    return has_fifos(u) ? levels[u->ifls >> IFLS_RX_SHIFT & 7] : 1;
}

// Linux sets the mask of receive interrupts long before it has a handler for them, then enables the
// UART, throws away what has come, and sets the mask once more: only this means that it listens.
static void update_listens(struct pl011 *u)
{
    const uint32_t enabled = CR_ENABLE | CR_RECEIVER;
    u->listens = (u->cr & enabled) == enabled && u->imsc & (INT_RX | INT_TIMEOUT);
}

static bool is_receiving(const struct pl011 *u)
{
    return !(u->cr & CR_LOOP) && (u->listens || u->polls == POLLING);
}

static void push(struct pl011 *u, uint8_t byte)
{
    u->fifo[(u->head + u->count++) % VM_PL011_FIFO] = byte;
    u->ris |= u->count >= trigger(u) ? INT_RX : INT_TIMEOUT;
}

static void loop_back(struct pl011 *u, uint8_t byte)
{
    if (u->count < receiver_size(u)) {
        push(u, byte);
        return;
    }
    u->overrun = true;
    u->ris |= INT_OVERRUN;
}

static void clear_receiver(struct pl011 *u)
{
    u->head = u->count = 0;
    u->ris &= (uint16_t) ~(INT_RX | INT_TIMEOUT);
}

static uint32_t read_data(struct pl011 *u)
{
    uint32_t value = u->fifo[u->head] | (u->overrun ? DR_OVERRUN : 0);
    u->polls = 0;
    u->overrun = false;
    if (u->count == 0)
        return value;
    u->head = (uint8_t)((u->head + 1) % VM_PL011_FIFO);
    if (--u->count < trigger(u))
        u->ris &= (uint16_t)~INT_RX;
    if (u->count == 0)
        u->ris &= (uint16_t)~INT_TIMEOUT;
    return value;
}

// --- the rest ---

static void update_irq(struct pl011 *u)
{
    vm_irq_set(&u->config.site.irq, (u->ris & u->imsc) != 0);
}

// In loopback the modem's lines are those of the control register (3.3.8).
static uint16_t modem_lines(const struct pl011 *u)
{
    if (!(u->cr & CR_LOOP))
        return FR_CTS | FR_DSR | FR_DCD;
    return (u->cr & CR_RTS ? FR_CTS : 0) | (u->cr & CR_DTR ? FR_DSR : 0) |
           (u->cr & CR_OUT1 ? FR_DCD : 0) | (u->cr & CR_OUT2 ? FR_RI : 0);
}

static void write_control(struct pl011 *u, uint32_t value)
{
    u->cr = value & CR_FIELDS;
    uint16_t changed = u->modem ^ modem_lines(u);
    u->modem ^= changed;
    u->ris |= (changed & FR_CTS ? INT_CTS : 0) | (changed & FR_DSR ? INT_DSR : 0) |
              (changed & FR_DCD ? INT_DCD : 0) | (changed & FR_RI ? INT_RI : 0);
}

static uint32_t read_flags(struct pl011 *u)
{
    uint32_t flags = FR_TX_EMPTY | u->modem;
    if (u->count == receiver_size(u))
        flags |= FR_RX_FULL;
    if (u->count > 0)
        return flags;
    if (u->polls < POLLING)
        u->polls++;
    return flags | FR_RX_EMPTY;
}

// Turning the FIFOs on keeps the byte that is there: drivers do so when they may already have been
// sent something.
static void write_line_control(struct pl011 *u, uint32_t value)
{
    if (has_fifos(u) && !(value & LCR_FIFOS))
        clear_receiver(u);
    u->lcr = (uint8_t)value;
}

// True if the byte is to go out. What is sent passes the trigger level of the transmitter at once.
static bool write_data(struct pl011 *u, uint8_t byte)
{
    u->polls = 0;
    u->ris |= INT_TX;
    if (!(u->cr & CR_LOOP))
        return true;
    loop_back(u, byte);
    return false;
}

// --- registers ---

static uint32_t read_register(struct pl011 *u, uint64_t offset)
{
    if (offset >= PRIMECELL_ID)
        return primecell_id(offset, PART, REVISION);
    switch (offset) {
    case DR: return read_data(u);
    case RSR_ECR: return u->overrun ? RSR_OVERRUN : 0;
    case FR: return read_flags(u);
    case ILPR: return u->ilpr;
    case IBRD: return u->ibrd;
    case FBRD: return u->fbrd;
    case LCR_H: return u->lcr;
    case CR: return u->cr;
    case IFLS: return u->ifls;
    case IMSC: return u->imsc;
    case RIS: return u->ris;
    case MIS: return u->ris & u->imsc;
    case DMACR: return u->dmacr;
    default: return 0;
    }
}

// True if a byte is to go out.
static bool write_register(struct pl011 *u, uint64_t offset, uint32_t value)
{
    switch (offset) {
    case DR: return write_data(u, (uint8_t)value);
    case RSR_ECR: u->overrun = false; break;
    case ILPR: u->ilpr = (uint8_t)value; break;
    case IBRD: u->ibrd = (uint16_t)value; break;
    case FBRD: u->fbrd = value & 0x3f; break;
    case LCR_H: write_line_control(u, value); break;
    case CR: write_control(u, value); break;
    case IFLS: u->ifls = value & 0x3f; break;
    case IMSC:
        u->imsc = value & INT_ALL;
        update_listens(u);
        break;
    case ICR: u->ris &= (uint16_t)~value; break;
    case DMACR: u->dmacr = value & 7; break;
    default: break;
    }
    return false;
}

// Whether the refused bytes are to be offered again: once per refusal, and not before the guest has
// taken everything, so that a burst costs one wake-up of the sender per FIFO.
static bool take_room(struct pl011 *u)
{
    if (!u->refused || !is_receiving(u) || u->count > 0)
        return false;
    u->refused = false;
    return true;
}

static bool uart_read(void *device, uint64_t offset, unsigned size, uint64_t *value)
{
    struct pl011 *u = device;
    if (!primecell_takes(offset, size))
        return false;
    vm_device_lock(u->machine, u->lock);
    *value = read_register(u, offset) & (UINT64_MAX >> (64 - 8 * size));
    update_irq(u);
    bool room = take_room(u);
    vm_device_unlock(u->machine, u->lock);
    if (room && u->config.room)
        u->config.room(u->config.context);
    return true;
}

static bool uart_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pl011 *u = device;
    if (!primecell_takes(offset, size))
        return false;
    uint8_t byte = (uint8_t)value;
    vm_device_lock(u->machine, u->lock);
    bool sent = write_register(u, offset, (uint32_t)value);
    update_irq(u);
    bool room = take_room(u);
    vm_device_unlock(u->machine, u->lock);
    if (sent && u->config.output)
        u->config.output(u->config.context, &byte, 1);
    if (room && u->config.room)
        u->config.room(u->config.context);
    return true;
}

// --- the device ---

size_t vm_pl011_receive(const struct vm_device *uart, const uint8_t *bytes, size_t size)
{
    struct pl011 *u = uart->device;
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

bool vm_pl011_is_receiving(const struct vm_device *uart)
{
    struct pl011 *u = uart->device;
    vm_device_lock(u->machine, u->lock);
    bool receiving = is_receiving(u);
    vm_device_unlock(u->machine, u->lock);
    return receiving;
}

static void uart_reset(void *device)
{
    struct pl011 *u = device;
    vm_device_lock(u->machine, u->lock);
    u->cr = CR_RESET;
    u->ibrd = u->imsc = u->ris = 0;
    u->fbrd = u->lcr = u->ilpr = u->dmacr = 0;
    u->ifls = IFLS_RESET;
    u->modem = modem_lines(u);
    u->overrun = false;
    u->polls = 0;
    u->listens = false;
    clear_receiver(u);
    update_irq(u);
    vm_device_unlock(u->machine, u->lock);
}

static int uart_describe(const void *device, void *fdt)
{
    const struct pl011 *u = device;
    struct vm_describe d = {.fdt = fdt};
    static const char compatible[] = "arm,pl011\0arm,primecell", names[] = "uartclk\0apb_pclk";
    const uint32_t clocks[] = {u->config.clock, u->config.clock};
    primecell_describe(&d, "serial", &u->config.site, compatible, sizeof compatible);
    vm_describe_cells(&d, "clocks", clocks, VM_ARRAY_SIZE(clocks));
    vm_describe_bytes(&d, "clock-names", names, sizeof names);
    vm_describe_end(&d);
    return d.error;
}

static void uart_destroy(void *device)
{
    struct pl011 *u = device;
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

vm_status vm_pl011_create(struct vm_machine *m, const struct vm_pl011_config *config,
                          struct vm_device *out, struct vm_error *e)
{
    struct pl011 *u = vm_device_alloc(m, sizeof *u, uart_ops.type, e);
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
    *out = (struct vm_device){&uart_ops, u, config->site.base, VM_PL011_SIZE};
    return VM_OK;
}
