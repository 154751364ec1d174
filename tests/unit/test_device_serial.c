// SPDX-License-Identifier: MIT
//
// The 16550A by its registers: data, FIFO limits, interrupts, loopback, and the way input comes in.
#include "device_host.h"

#include <string.h>

#include <vm/device/ns16550a.h>

enum { BASE = 0x10000000 };
enum { RBR, IER, IIR, LCR, MCR, LSR, MSR, SCR, THR = RBR, DLL = RBR, DLM = IER, FCR = IIR };

struct fixture {
    struct device_bed bed;
    struct wire irq;
    struct text_sink sink;
};

static void set_up(struct fixture *f)
{
    memset(f, 0, sizeof *f);
    device_bed_init(&f->bed);
    const struct vm_ns16550a_config c = {
        .site = {.base = {BASE}, .irq = wire_irq(&f->irq)},
        .output = sink_output,
        .room = sink_room,
        .context = &f->sink,
    };
    assert_int_equal(vm_ns16550a_create(&f->bed.machine, &c, &f->bed.device, NULL), VM_OK);
    assert_int_equal(vm_device_attach(&f->bed.machine, &f->bed.device, NULL), VM_OK);
}

static void tear_down(struct fixture *f)
{
    device_bed_end(&f->bed);
}

static unsigned get(struct fixture *f, unsigned reg)
{
    return (unsigned)mmio_read(&f->bed.machine, BASE + reg, 1);
}

static void put(struct fixture *f, unsigned reg, unsigned value)
{
    mmio_write(&f->bed.machine, BASE + reg, 1, value);
}

static size_t receive(struct fixture *f, const char *text)
{
    return vm_ns16550a_receive(&f->bed.device, (const uint8_t *)text, strlen(text));
}

static void reset_values(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, SCR, 0x55);
    put(&f, IER, 0xf);
    put(&f, FCR, 0xc1);
    put(&f, MCR, 0xff);
    put(&f, LCR, 0x9b);
    f.bed.device.ops->reset(f.bed.device.device);
    assert_int_equal(get(&f, IER), 0);
    assert_int_equal(get(&f, IIR), 1);
    assert_int_equal(get(&f, LCR), 0);
    assert_int_equal(get(&f, MCR), 0);
    assert_int_equal(get(&f, LSR), 0x60);
    assert_int_equal(get(&f, MSR), 0xb0);
    assert_false(f.irq.level);
    tear_down(&f);
}

static void registers_hold_their_bits(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, SCR, 0xa5);
    assert_int_equal(get(&f, SCR), 0xa5);
    put(&f, IER, 0xf0); // the upper bits do not exist
    assert_int_equal(get(&f, IER), 0);
    put(&f, MCR, 0xef);
    assert_int_equal(get(&f, MCR), 0x0f);
    put(&f, LCR, 0x80);
    put(&f, DLL, 0x12);
    put(&f, DLM, 0x34);
    assert_int_equal(get(&f, DLL), 0x12);
    assert_int_equal(get(&f, DLM), 0x34);
    put(&f, LCR, 0x03);
    assert_int_equal(get(&f, IER), 0); // the latch is another register
    assert_int_equal(f.sink.size, 0);
    put(&f, LSR, 0xff); // read-only
    put(&f, MSR, 0xff);
    assert_int_equal(get(&f, LSR), 0x60);
    assert_int_equal(get(&f, IIR), 0x01);
    put(&f, FCR, 0x01);
    assert_int_equal(get(&f, IIR), 0xc1);
    put(&f, FCR, 0xc0); // off, the trigger does not count
    assert_int_equal(get(&f, IIR), 0x01);
    tear_down(&f);
}

static void access_sizes(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    mmio_write(&f.bed.machine, BASE + THR, 4, 0x12345641);
    assert_string_equal(f.sink.text, "A");
    assert_int_equal(mmio_read(&f.bed.machine, BASE + 4, 4), 0);
    assert_false(mmio_reads(&f.bed.machine, BASE, 8));
    assert_false(mmio_writes(&f.bed.machine, BASE, 8, 0x42));
    assert_false(mmio_reads(&f.bed.machine, BASE + 8, 1));
    assert_false(mmio_writes(&f.bed.machine, BASE + 0xff, 1, 0));
    assert_string_equal(f.sink.text, "A");
    tear_down(&f);
}

static void output_goes_out_at_once(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (const char *p = "hello"; *p; p++) {
        assert_int_equal(get(&f, LSR), 0x60);
        put(&f, THR, (unsigned char)*p);
    }
    assert_string_equal(f.sink.text, "hello");
    assert_false(f.irq.level);
    tear_down(&f);
}

// The sequence by which Linux finds out that THRE interrupts work.
static void thr_empty_interrupt(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    for (int i = 0; i < 2; i++) {
        put(&f, IER, 0x02);
        assert_true(f.irq.level);
        assert_int_equal(get(&f, IIR), 0x02);
        assert_false(f.irq.level); // reading it takes it back
        assert_int_equal(get(&f, IIR), 0x01);
        put(&f, IER, 0x02); // enabled already: nothing new
        assert_false(f.irq.level);
        put(&f, IER, 0);
    }
    put(&f, IER, 0x02);
    get(&f, IIR);
    put(&f, THR, 'x');
    assert_true(f.irq.level);
    put(&f, IER, 0);
    assert_false(f.irq.level);
    tear_down(&f);
}

static void input_waits_for_the_receiver(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_false(vm_ns16550a_is_receiving(&f.bed.device));
    assert_int_equal(receive(&f, "early"), 0);
    put(&f, FCR, 0x07);
    assert_int_equal(f.sink.rooms, 0);
    put(&f, IER, 0x01);
    assert_int_equal(f.sink.rooms, 1);
    assert_true(vm_ns16550a_is_receiving(&f.bed.device));
    assert_int_equal(receive(&f, "early"), 5);
    assert_true(f.irq.level);
    for (const char *p = "early"; *p; p++) {
        assert_int_equal(get(&f, LSR) & 1, 1);
        assert_int_equal(get(&f, RBR), *p);
    }
    assert_int_equal(get(&f, LSR) & 1, 0);
    assert_int_equal(get(&f, RBR), 0);
    assert_false(f.irq.level);
    assert_int_equal(f.sink.rooms, 1); // nothing was refused since
    tear_down(&f);
}

static void a_full_fifo_refuses_and_calls_back(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, FCR, 0x01);
    put(&f, IER, 0x01);
    assert_int_equal(receive(&f, "0123456789abcdefXYZ"), 16);
    assert_int_equal(receive(&f, "XYZ"), 0);
    for (int i = 0; i < 15; i++)
        assert_int_equal(get(&f, RBR), "0123456789abcde"[i]);
    assert_int_equal(f.sink.rooms, 0);
    assert_int_equal(get(&f, RBR), 'f');
    assert_int_equal(f.sink.rooms, 1);
    assert_int_equal(receive(&f, "XYZ"), 3);
    assert_int_equal(get(&f, LSR), 0x61); // no overrun
    tear_down(&f);
}

static void without_fifo_there_is_one_byte(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, IER, 0x01);
    assert_int_equal(receive(&f, "ab"), 1);
    assert_int_equal(get(&f, IIR), 0x04);
    assert_int_equal(get(&f, RBR), 'a');
    assert_int_equal(f.sink.rooms, 1);
    assert_int_equal(receive(&f, "b"), 1);
    put(&f, FCR, 0x01); // a byte that came before the FIFOs were on is not lost
    assert_int_equal(get(&f, IIR), 0xc4);
    put(&f, FCR, 0x00); // turning them off empties them
    assert_int_equal(get(&f, LSR), 0x60);
    assert_false(f.irq.level);
    assert_int_equal(receive(&f, "c"), 1);
    put(&f, FCR, 0x03); // the clear bit counts at once
    assert_int_equal(get(&f, LSR), 0x60);
    tear_down(&f);
}

static void trigger_levels_and_timeout(void **state)
{
    (void)state;
    static const unsigned triggers[] = {1, 4, 8, 14};
    for (unsigned t = 0; t < 4; t++) {
        struct fixture f;
        set_up(&f);
        put(&f, IER, 0x01);
        put(&f, FCR, 0x01 | t << 6);
        for (unsigned n = 1; n <= 16; n++) {
            assert_int_equal(receive(&f, "z"), 1);
            assert_true(f.irq.level);
            assert_int_equal(get(&f, IIR), n >= triggers[t] ? 0xc4 : 0xcc);
        }
        put(&f, FCR, 0x03 | t << 6);
        assert_int_equal(get(&f, IIR), 0xc1);
        assert_false(f.irq.level);
        tear_down(&f);
    }
}

// A guest without interrupts receives once it looks for data again and again.
static void polling_enables_the_receiver(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    assert_int_equal(receive(&f, "x"), 0);
    for (int i = 0; i < 100; i++) { // sending is not waiting
        get(&f, LSR);
        get(&f, LSR);
        put(&f, THR, '.');
    }
    assert_int_equal(receive(&f, "x"), 0);
    for (int i = 0; i < 40; i++)
        get(&f, LSR);
    assert_int_equal(f.sink.rooms, 1);
    assert_int_equal(receive(&f, "x"), 1);
    assert_int_equal(get(&f, LSR), 0x61);
    assert_int_equal(get(&f, RBR), 'x');
    assert_false(f.irq.level);
    tear_down(&f);
}

static void loopback(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, FCR, 0x01);
    put(&f, IER, 0x05);
    put(&f, MCR, 0x10);
    assert_int_equal(receive(&f, "outside"), 0);
    put(&f, THR, 'L');
    assert_int_equal(f.sink.size, 0);
    assert_int_equal(get(&f, IIR), 0xc4);
    assert_int_equal(get(&f, RBR), 'L');
    for (unsigned i = 0; i < 17; i++)
        put(&f, THR, 'a' + i);
    assert_int_equal(get(&f, IIR), 0xc6); // line status comes first
    assert_int_equal(get(&f, LSR), 0x63);
    assert_int_equal(get(&f, LSR), 0x61);
    for (unsigned i = 0; i < 16; i++) // the new byte is lost
        assert_int_equal(get(&f, RBR), 'a' + i);
    put(&f, FCR, 0);
    put(&f, THR, '1');
    put(&f, THR, '2');
    assert_int_equal(get(&f, LSR), 0x63);
    assert_int_equal(get(&f, RBR), '2'); // here the old one is
    assert_int_equal(f.sink.rooms, 0);
    put(&f, MCR, 0);
    assert_int_equal(f.sink.rooms, 1);
    tear_down(&f);
}

static void modem_status(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, IER, 0x08);
    assert_false(f.irq.level);
    put(&f, MCR, 0x10); // CTS, DSR, DCD fall
    assert_true(f.irq.level);
    assert_int_equal(get(&f, IIR), 0x00);
    assert_int_equal(get(&f, MSR), 0x0b);
    assert_false(f.irq.level);
    put(&f, MCR, 0x1a); // RTS to CTS, OUT2 to DCD: how Linux tests a port
    assert_int_equal(get(&f, MSR), 0x99);
    assert_int_equal(get(&f, MSR), 0x90);
    put(&f, MCR, 0x15);                   // DTR to DSR, OUT1 to RI
    assert_int_equal(get(&f, MSR), 0x6b); // RI tells its trailing edge only
    put(&f, MCR, 0x11);
    assert_int_equal(get(&f, MSR), 0x24);
    tear_down(&f);
}

static void interrupt_priorities(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f);
    put(&f, FCR, 0x01);
    put(&f, IER, 0x0f);
    put(&f, MCR, 0x10);
    for (int i = 0; i < 17; i++)
        put(&f, THR, 'p');
    assert_int_equal(get(&f, IIR), 0xc6);
    get(&f, LSR);
    assert_int_equal(get(&f, IIR), 0xc4);
    put(&f, FCR, 0x03);
    assert_int_equal(get(&f, IIR), 0xc2);
    assert_int_equal(get(&f, IIR), 0xc0);
    get(&f, MSR);
    assert_int_equal(get(&f, IIR), 0xc1);
    assert_false(f.irq.level);
    tear_down(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reset_values),
        cmocka_unit_test(registers_hold_their_bits),
        cmocka_unit_test(access_sizes),
        cmocka_unit_test(output_goes_out_at_once),
        cmocka_unit_test(thr_empty_interrupt),
        cmocka_unit_test(input_waits_for_the_receiver),
        cmocka_unit_test(a_full_fifo_refuses_and_calls_back),
        cmocka_unit_test(without_fifo_there_is_one_byte),
        cmocka_unit_test(trigger_levels_and_timeout),
        cmocka_unit_test(polling_enables_the_receiver),
        cmocka_unit_test(loopback),
        cmocka_unit_test(modem_status),
        cmocka_unit_test(interrupt_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
