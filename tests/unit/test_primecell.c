// SPDX-License-Identifier: MIT
//
// Arm's PrimeCell peripherals by their registers: UART PL011, real-time clock PL031, GPIO PL061.
#include "device_host.h"

#include <string.h>

#include <vm/device/pl011.h>
#include <vm/device/pl031.h>
#include <vm/device/pl061.h>

enum { BASE = 0x9000000 };

struct fixture {
    struct device_bed bed;
    struct wire irq;
    struct text_sink sink;
};

static vm_status create_uart(void *fixture)
{
    struct fixture *f = fixture;
    const struct vm_pl011_config c = {
        .site = {.base = {BASE}, .irq = wire_irq(&f->irq)},
        .output = sink_output,
        .room = sink_room,
        .context = &f->sink,
    };
    return vm_pl011_create(&f->bed.machine, &c, &f->bed.device, NULL);
}

static vm_status create_rtc(void *fixture)
{
    struct fixture *f = fixture;
    const struct vm_device_site site = {.base = {BASE}, .irq = wire_irq(&f->irq)};
    return vm_pl031_create(&f->bed.machine, &site, 1, &f->bed.device, NULL);
}

static vm_status create_gpio(void *fixture)
{
    struct fixture *f = fixture;
    const struct vm_device_site site = {.base = {BASE}, .irq = wire_irq(&f->irq)};
    return vm_pl061_create(&f->bed.machine, &site, 1, 2, &f->bed.device, NULL);
}

static void set_up(struct fixture *f, vm_status (*create)(void *fixture))
{
    memset(f, 0, sizeof *f);
    device_bed_init(&f->bed);
    assert_int_equal(create(f), VM_OK);
    device_bed_attach(&f->bed);
}

static void tear_down(struct fixture *f)
{
    device_bed_end(&f->bed);
}

static uint32_t get(struct fixture *f, unsigned reg)
{
    return (uint32_t)mmio_read(&f->bed.machine, BASE + reg, 4);
}

static void put(struct fixture *f, unsigned reg, uint32_t value)
{
    mmio_write(&f->bed.machine, BASE + reg, 4, value);
}

static void expect_id(struct fixture *f, const uint8_t peripheral[4])
{
    static const uint8_t cell[] = {0x0d, 0xf0, 0x05, 0xb1};
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(get(f, 0xfe0 + 4 * i), peripheral[i]);
        assert_int_equal(get(f, 0xff0 + 4 * i), cell[i]);
    }
}

static void access_sizes(struct fixture *f)
{
    struct vm_machine *m = &f->bed.machine;
    assert_int_equal(mmio_read(m, BASE + 0xff4, 1), 0xf0);
    assert_int_equal(mmio_read(m, BASE + 0xff4, 2), 0xf0);
    assert_false(mmio_reads(m, BASE + 0xff0, 8));
    assert_false(mmio_reads(m, BASE + 0xff2, 2));
    assert_false(mmio_writes(m, BASE, 8, 0));
    assert_false(mmio_writes(m, BASE + 1, 1, 0));
}

// Any accesses; only that nothing goes wrong is looked at.
static void anything(struct fixture *f, uint64_t seed)
{
    for (unsigned i = 0; i < 50000; i++) {
        uint64_t r = test_random(&seed), v = test_random(&seed);
        unsigned size = 1u << (r & 3);
        uint64_t at = BASE + ((r >> 8 & (r >> 4 & 1 ? 0xfff : 0x7f)) & ~(uint64_t)(size - 1));
        if (r >> 5 & 1)
            mmio_reads(&f->bed.machine, at, size);
        else
            mmio_writes(&f->bed.machine, at, size, v);
        if ((r >> 40 & 0xff) == 0)
            device_host_advance(&f->bed.host, &f->bed.machine, v >> 20);
    }
}

// --- PL011 ---

enum {
    DR = 0x0,
    RSR = 0x4,
    FR = 0x18,
    IBRD = 0x24,
    FBRD = 0x28,
    LCR_H = 0x2c,
    CR = 0x30,
    IFLS = 0x34,
    IMSC = 0x38,
    RIS = 0x3c,
    MIS = 0x40,
    ICR = 0x44,
    RX = 1 << 4,
    TX = 1 << 5,
    TIMEOUT = 1 << 6,
    OVERRUN = 1 << 10,
    IDLE = 0x97, // flags: modem is there, receiver and transmitter are empty
};

static size_t receive(struct fixture *f, const char *text)
{
    return vm_pl011_receive(&f->bed.device, (const uint8_t *)text, strlen(text));
}

static void uart_registers(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_uart);
    expect_id(&f, (const uint8_t[]){0x11, 0x10, 0x14, 0x00});
    access_sizes(&f);
    static const struct {
        unsigned reg;
        uint32_t reset, all;
    } rows[] = {{IBRD, 0, 0xffff},   {FBRD, 0, 0x3f},    {LCR_H, 0, 0xff},
                {CR, 0x300, 0xff87}, {IFLS, 0x12, 0x3f}, {IMSC, 0, 0x7ff}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        assert_int_equal(get(&f, rows[i].reg), rows[i].reset);
        put(&f, rows[i].reg, UINT32_MAX);
        assert_int_equal(get(&f, rows[i].reg), rows[i].all);
    }
    f.bed.device.ops->reset(f.bed.device.device);
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++)
        assert_int_equal(get(&f, rows[i].reg), rows[i].reset);
    assert_int_equal(get(&f, FR), IDLE);
    assert_int_equal(get(&f, 0x80), 0);
    tear_down(&f);
}

static void uart_sends(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_uart);
    for (const char *p = "hello"; *p; p++) {
        assert_int_equal(get(&f, FR), IDLE);
        mmio_write(&f.bed.machine, BASE + DR, 1, (unsigned char)*p);
    }
    assert_string_equal(f.sink.text, "hello");
    assert_false(f.irq.level);
    put(&f, ICR, TX);
    put(&f, IMSC, TX);
    assert_false(f.irq.level); // nothing has been sent since
    put(&f, DR, '!');
    assert_true(f.irq.level);
    assert_int_equal(get(&f, MIS), TX);
    put(&f, ICR, TX);
    assert_false(f.irq.level);
    tear_down(&f);
}

static void uart_receives(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_uart);
    assert_int_equal(receive(&f, "early"), 0); // nobody listens yet
    assert_false(vm_pl011_is_receiving(&f.bed.device));
    put(&f, LCR_H, 0x70);
    put(&f, IMSC, RX | TIMEOUT);
    put(&f, CR, 0x301); // throws away what came so far, and only then listens
    assert_false(vm_pl011_is_receiving(&f.bed.device));
    put(&f, IMSC, RX | TIMEOUT);
    assert_int_equal(f.sink.rooms, 1);
    assert_true(vm_pl011_is_receiving(&f.bed.device));
    assert_int_equal(receive(&f, "abc"), 3);
    assert_true(f.irq.level);
    assert_int_equal(get(&f, MIS), TIMEOUT); // less than half of the FIFO
    assert_int_equal(get(&f, FR), IDLE & ~0x10);
    for (const char *p = "abc"; *p; p++)
        assert_int_equal(get(&f, DR), *p);
    assert_false(f.irq.level);
    assert_int_equal(receive(&f, "0123456789abcdefgh"), VM_PL011_FIFO);
    assert_int_equal(get(&f, RIS) & (RX | TIMEOUT), RX | TIMEOUT);
    assert_int_equal(get(&f, FR) & 0x50, 0x40); // full
    for (unsigned i = 0; i < 9; i++)
        get(&f, DR);
    assert_int_equal(get(&f, MIS), TIMEOUT);
    assert_int_equal(f.sink.rooms, 1);
    for (unsigned i = 0; i < 7; i++)
        get(&f, DR);
    assert_int_equal(f.sink.rooms, 2);
    assert_false(f.irq.level);
    tear_down(&f);
}

static void uart_triggers(void **state)
{
    (void)state;
    struct fixture f;
    static const unsigned levels[] = {2, 4, 8, 12, 14};
    set_up(&f, create_uart);
    put(&f, CR, 0x301);
    put(&f, IMSC, RX);
    for (unsigned i = 0; i < VM_ARRAY_SIZE(levels); i++) {
        put(&f, LCR_H, 0x10);
        put(&f, IFLS, i << 3);
        for (unsigned n = 1; n <= levels[i]; n++) {
            assert_int_equal(receive(&f, "x"), 1);
            assert_int_equal(f.irq.level, n == levels[i]);
        }
        put(&f, LCR_H, 0); // empties the FIFO
        assert_false(f.irq.level);
    }
    assert_int_equal(receive(&f, "xy"), 1); // without FIFOs
    assert_true(f.irq.level);
    put(&f, ICR, RX);
    assert_false(f.irq.level);
    tear_down(&f);
}

static void uart_polled(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_uart);
    assert_int_equal(receive(&f, "k"), 0);
    for (unsigned i = 0; i < 32; i++)
        assert_int_equal(get(&f, FR), IDLE);
    assert_int_equal(f.sink.rooms, 1);
    assert_int_equal(receive(&f, "k"), 1);
    assert_int_equal(get(&f, FR) & 0x10, 0);
    assert_int_equal(get(&f, DR), 'k');
    assert_int_equal(receive(&f, "k"), 0);
    tear_down(&f);
}

static void uart_loops_back(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_uart);
    put(&f, IMSC, 0x7ff);
    put(&f, CR, 0x380); // loopback: the modem's lines go
    assert_int_equal(get(&f, FR), 0x90);
    assert_int_equal(get(&f, RIS), 0xe);
    put(&f, ICR, 0x7ff);
    put(&f, CR, 0x380 | 0xf << 10);
    assert_int_equal(get(&f, FR), 0x197);
    assert_int_equal(get(&f, RIS), 0xf);
    assert_int_equal(receive(&f, "x"), 0);
    put(&f, DR, 'a');
    put(&f, DR, 'b'); // no room
    assert_int_equal(get(&f, RIS), 0xf | RX | TX | OVERRUN);
    assert_int_equal(get(&f, RSR), 8);
    assert_int_equal(get(&f, DR), 1 << 11 | 'a');
    assert_int_equal(get(&f, RSR), 0);
    assert_int_equal(f.sink.size, 0);
    tear_down(&f);
}

static void uart_survives_anything(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_uart);
    anything(&f, test_seed("pl011", 81));
    tear_down(&f);
    memset(&f, 0, sizeof f);
    device_bed_starve(&f.bed, create_uart, &f);
}

// --- PL031 ---

enum {
    RTC_DR = 0,
    MR = 4,
    LR = 8,
    RTC_CR = 0xc,
    RTC_IMSC = 0x10,
    RTC_RIS = 0x14,
    RTC_MIS = 0x18,
    RTC_ICR = 0x1c
};
#define SECOND UINT64_C(1000000000)

static void rtc_counts(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_rtc);
    expect_id(&f, (const uint8_t[]){0x31, 0x10, 0x04, 0x00});
    access_sizes(&f);
    assert_int_equal(get(&f, RTC_DR), 1700000000);
    assert_int_equal(get(&f, RTC_CR), 1);
    device_host_advance(&f.bed.host, &f.bed.machine, 5 * SECOND);
    assert_int_equal(get(&f, RTC_DR), 1700000005);
    put(&f, LR, 0xfffffffe);
    assert_int_equal(get(&f, LR), 0xfffffffe);
    device_host_advance(&f.bed.host, &f.bed.machine, 3 * SECOND);
    assert_int_equal(get(&f, RTC_DR), 1);
    put(&f, RTC_DR, 77); // read-only
    put(&f, RTC_CR, 0);
    f.bed.device.ops->reset(f.bed.device.device);
    assert_int_equal(get(&f, RTC_DR), 1); // it has a battery
    tear_down(&f);
}

static void rtc_matches(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_rtc);
    put(&f, RTC_IMSC, 1);
    put(&f, MR, 1700000010);
    assert_false(f.irq.level);
    device_host_advance(&f.bed.host, &f.bed.machine, 9 * SECOND);
    assert_int_equal(get(&f, RTC_RIS), 0);
    device_host_advance(&f.bed.host, &f.bed.machine, SECOND);
    assert_true(f.irq.level);
    assert_int_equal(get(&f, RTC_RIS) & get(&f, RTC_MIS), 1);
    put(&f, RTC_IMSC, 0);
    assert_false(f.irq.level);
    assert_int_equal(get(&f, RTC_MIS), 0);
    put(&f, RTC_IMSC, 1);
    put(&f, RTC_ICR, 1);
    assert_false(f.irq.level);
    device_host_advance(&f.bed.host, &f.bed.machine, 100 * SECOND);
    assert_false(f.irq.level); // once
    put(&f, LR, 1700000009);
    device_host_advance(&f.bed.host, &f.bed.machine, SECOND);
    assert_true(f.irq.level); // set back, it comes again
    put(&f, RTC_ICR, 1);
    device_host_advance(&f.bed.host, &f.bed.machine, SECOND << 32);
    assert_true(f.irq.level); // as it does when the counter has gone round
    put(&f, RTC_ICR, 1);
    put(&f, MR, get(&f, RTC_DR)); // equal already
    assert_true(f.irq.level);
    tear_down(&f);
}

static void rtc_survives_anything(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_rtc);
    anything(&f, test_seed("pl031", 82));
    tear_down(&f);
    memset(&f, 0, sizeof f);
    device_bed_starve(&f.bed, create_rtc, &f);
}

// --- PL061 ---

enum {
    DATA = 0x3fc,
    DIR = 0x400,
    IS = 0x404,
    IBE = 0x408,
    IEV = 0x40c,
    IE = 0x410,
    GPIO_RIS = 0x414,
    GPIO_MIS = 0x418,
    IC = 0x41c
};

static void drive(struct fixture *f, unsigned pin, bool level)
{
    struct vm_irq w = vm_pl061_pin(&f->bed.device, pin);
    vm_irq_set(&w, level);
}

static void gpio_data(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_gpio);
    expect_id(&f, (const uint8_t[]){0x61, 0x10, 0x04, 0x00});
    access_sizes(&f);
    drive(&f, 0, true);
    drive(&f, 7, true);
    assert_int_equal(get(&f, DATA), 0x81);
    assert_int_equal(get(&f, 0x80 << 2), 0x80); // masked by the address
    put(&f, DIR, 0x0f);
    assert_int_equal(get(&f, DATA), 0x80);
    put(&f, DATA, 0xff); // inputs are not written
    assert_int_equal(get(&f, DATA), 0x8f);
    put(&f, 0x3 << 2, 0);
    assert_int_equal(get(&f, DATA), 0x8c);
    put(&f, 0x420, 0x55);
    assert_int_equal(get(&f, 0x420), 0x55);
    assert_null(vm_pl061_pin(&f.bed.device, 8).set);
    vm_pl061_push(&f.bed.device, 8);
    f.bed.device.ops->reset(f.bed.device.device);
    assert_int_equal(get(&f, DIR) | get(&f, 0x420), 0);
    assert_int_equal(get(&f, DATA), 0x81);
    tear_down(&f);
}

static void gpio_interrupts(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_gpio);
    put(&f, IE, 0xff);
    put(&f, IEV, 0x02); // pin 1 rises, the others fall
    drive(&f, 1, true);
    drive(&f, 2, true);
    assert_int_equal(get(&f, GPIO_RIS), 0x02);
    assert_true(f.irq.level);
    put(&f, IC, 0xff);
    assert_false(f.irq.level);
    drive(&f, 1, false);
    drive(&f, 2, false);
    assert_int_equal(get(&f, GPIO_MIS), 0x04);
    put(&f, IC, 0xff);
    put(&f, IBE, 0x08);
    for (unsigned i = 0; i < 4; i++) {
        drive(&f, 3, i % 2 == 0);
        assert_int_equal(get(&f, GPIO_RIS), 0x08);
        put(&f, IC, 0x08);
        assert_int_equal(get(&f, GPIO_RIS), 0);
    }
    put(&f, IEV, 0x10);
    put(&f, IS, 0x10); // a level: high
    drive(&f, 4, true);
    put(&f, IC, 0xff); // does not help
    assert_true(f.irq.level);
    put(&f, IE, 0);
    assert_false(f.irq.level);
    put(&f, IE, 0x10);
    drive(&f, 4, false);
    assert_false(f.irq.level);
    tear_down(&f);
}

static void gpio_keys_are_held(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_gpio);
    put(&f, IBE, 0x08);
    put(&f, IE, 0x08);
    vm_pl061_push(&f.bed.device, 3);
    assert_true(f.irq.level);
    put(&f, IC, 0x08);
    device_host_advance(&f.bed.host, &f.bed.machine, 99000000);
    assert_int_equal(get(&f, DATA), 0x08);
    device_host_advance(&f.bed.host, &f.bed.machine, 1000000);
    assert_int_equal(get(&f, DATA), 0);
    assert_true(f.irq.level);
    tear_down(&f);
}

static void gpio_survives_anything(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, create_gpio);
    anything(&f, test_seed("pl061", 83));
    tear_down(&f);
    memset(&f, 0, sizeof f);
    device_bed_starve(&f.bed, create_gpio, &f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uart_registers),
        cmocka_unit_test(uart_sends),
        cmocka_unit_test(uart_receives),
        cmocka_unit_test(uart_triggers),
        cmocka_unit_test(uart_polled),
        cmocka_unit_test(uart_loops_back),
        cmocka_unit_test(uart_survives_anything),
        cmocka_unit_test(rtc_counts),
        cmocka_unit_test(rtc_matches),
        cmocka_unit_test(rtc_survives_anything),
        cmocka_unit_test(gpio_data),
        cmocka_unit_test(gpio_interrupts),
        cmocka_unit_test(gpio_keys_are_held),
        cmocka_unit_test(gpio_survives_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
