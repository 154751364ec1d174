// SPDX-License-Identifier: MIT
//
// The real-time clock, the test finisher and HTIF by their registers; random accesses on all.
#include "device_host.h"

#include <string.h>

#include <vm/base/memory.h>
#include <vm/device/goldfish_rtc.h>
#include <vm/device/htif.h>
#include <vm/device/syscon.h>

enum { RTC = 0x101000, TEST = 0x100000, RAM = 0x80000000u, RAM_SIZE = 4 * VM_PAGE_SIZE };

struct fixture {
    struct device_bed bed;
    struct wire irq;
    struct text_sink sink;
    _Alignas(VM_PAGE_SIZE) uint8_t ram[RAM_SIZE];
};

static struct fixture fixture;

static struct fixture *begin(void)
{
    struct fixture *f = &fixture;
    memset(f, 0, sizeof *f);
    device_bed_init(&f->bed);
    return f;
}

static void end(struct fixture *f)
{
    device_bed_end(&f->bed);
}

// --- RTC ---

enum {
    TIME_LOW = RTC,
    TIME_HIGH = RTC + 4,
    ALARM_LOW = RTC + 8,
    ALARM_HIGH = RTC + 12,
    IRQ_ENABLED = RTC + 16,
    CLEAR_ALARM = RTC + 20,
    ALARM_STATUS = RTC + 24,
    CLEAR_INTERRUPT = RTC + 28,
};

static struct fixture *begin_rtc(void)
{
    struct fixture *f = begin();
    const struct vm_device_site site = {.base = {RTC}, .irq = wire_irq(&f->irq)};
    assert_int_equal(vm_goldfish_rtc_create(&f->bed.machine, &site, &f->bed.device, NULL), VM_OK);
    device_bed_attach(&f->bed);
    return f;
}

static uint64_t rtc_time(struct fixture *f)
{
    uint64_t low = mmio_read(&f->bed.machine, TIME_LOW, 4);
    return mmio_read(&f->bed.machine, TIME_HIGH, 4) << 32 | low;
}

static void set_alarm(struct fixture *f, uint64_t at)
{
    mmio_write(&f->bed.machine, ALARM_HIGH, 4, at >> 32);
    mmio_write(&f->bed.machine, ALARM_LOW, 4, (uint32_t)at);
}

static void rtc_shows_and_takes_time(void **state)
{
    (void)state;
    struct fixture *f = begin_rtc();
    assert_int_equal(rtc_time(f), f->bed.host.real_time);
    uint64_t low = mmio_read(&f->bed.machine, TIME_LOW, 4);
    f->bed.host.real_time += UINT64_C(1) << 40; // the high half is latched
    assert_int_equal(mmio_read(&f->bed.machine, TIME_HIGH, 4) << 32 | low,
                     f->bed.host.real_time - (UINT64_C(1) << 40));
    mmio_write(&f->bed.machine, TIME_HIGH, 4, 0x12);
    mmio_write(&f->bed.machine, TIME_LOW, 4, 0x3456);
    assert_int_equal(rtc_time(f), UINT64_C(0x1200003456));
    device_host_advance(&f->bed.host, &f->bed.machine, 1000);
    assert_int_equal(rtc_time(f), UINT64_C(0x1200003456) + 1000);
    f->bed.device.ops->reset(f->bed.device.device); // battery-backed
    assert_int_equal(rtc_time(f), UINT64_C(0x1200003456) + 1000);
    end(f);
}

static void rtc_alarm(void **state)
{
    (void)state;
    struct fixture *f = begin_rtc();
    uint64_t now = rtc_time(f);
    set_alarm(f, now + 5000);
    assert_int_equal(mmio_read(&f->bed.machine, ALARM_STATUS, 4), 1);
    assert_int_equal(mmio_read(&f->bed.machine, ALARM_HIGH, 4), (now + 5000) >> 32);
    assert_int_equal(mmio_read(&f->bed.machine, ALARM_LOW, 4), (uint32_t)(now + 5000));
    mmio_write(&f->bed.machine, IRQ_ENABLED, 4, 3);
    assert_int_equal(mmio_read(&f->bed.machine, IRQ_ENABLED, 4), 1);
    device_host_advance(&f->bed.host, &f->bed.machine, 4999);
    assert_false(f->irq.level);
    device_host_advance(&f->bed.host, &f->bed.machine, 1);
    assert_true(f->irq.level);
    assert_int_equal(mmio_read(&f->bed.machine, ALARM_STATUS, 4), 0);
    mmio_write(&f->bed.machine, IRQ_ENABLED, 4, 0);
    assert_false(f->irq.level);
    mmio_write(&f->bed.machine, IRQ_ENABLED, 4, 1);
    assert_true(f->irq.level);
    mmio_write(&f->bed.machine, CLEAR_INTERRUPT, 4, 0);
    assert_false(f->irq.level);
    // An alarm in the past comes at once; one that is cleared never does.
    set_alarm(f, now);
    assert_true(f->irq.level);
    mmio_write(&f->bed.machine, CLEAR_INTERRUPT, 4, 0);
    set_alarm(f, rtc_time(f) + 100);
    mmio_write(&f->bed.machine, CLEAR_ALARM, 4, 0);
    device_host_advance(&f->bed.host, &f->bed.machine, 1000);
    assert_false(f->irq.level);
    // Setting the clock moves the alarm.
    set_alarm(f, rtc_time(f) + UINT64_C(3600000000000));
    mmio_write(&f->bed.machine, TIME_HIGH, 4, 0xffffffff);
    mmio_write(&f->bed.machine, TIME_LOW, 4, 0);
    assert_true(f->irq.level);
    set_alarm(f, UINT64_MAX);
    f->bed.device.ops->reset(f->bed.device.device);
    assert_false(f->irq.level);
    assert_int_equal(mmio_read(&f->bed.machine, ALARM_STATUS, 4), 0);
    assert_false(mmio_reads(&f->bed.machine, RTC, 8));
    assert_false(mmio_writes(&f->bed.machine, RTC, 2, 0));
    assert_int_equal(mmio_read(&f->bed.machine, RTC + 0xffc, 4), 0);
    end(f);
}

// --- test finisher ---

static struct fixture *begin_syscon(void)
{
    struct fixture *f = begin();
    assert_int_equal(vm_syscon_create(&f->bed.machine, vm_gpa_of(TEST), 1, &f->bed.device, NULL),
                     VM_OK);
    device_bed_attach(&f->bed);
    return f;
}

static void syscon_stops_the_machine(void **state)
{
    (void)state;
    static const struct {
        uint32_t value, stop, code;
    } rows[] = {
        {0x5555, VM_STOP_POWEROFF, 0},     {0, VM_STOP_NONE, 0},
        {0x7777, VM_STOP_RESET, 0},        {0x3333, VM_STOP_POWEROFF, 1},
        {0x00073333, VM_STOP_POWEROFF, 7}, {0xffff3333, VM_STOP_POWEROFF, 0xffff},
        {0x1234, VM_STOP_NONE, 0},
    };
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        struct fixture *f = begin_syscon();
        mmio_write(&f->bed.machine, TEST, 4, rows[i].value);
        assert_int_equal(f->bed.machine.stop, rows[i].stop);
        assert_int_equal(f->bed.machine.stop_code, rows[i].code);
        end(f);
    }
    struct fixture *f = begin_syscon();
    assert_int_equal(mmio_read(&f->bed.machine, TEST, 4), 0);
    mmio_write(&f->bed.machine, TEST + 4, 4, 0x5555);
    assert_false(mmio_writes(&f->bed.machine, TEST, 8, 0x5555));
    assert_false(mmio_writes(&f->bed.machine, TEST, 1, 0x55));
    assert_int_equal(f->bed.machine.stop, VM_STOP_NONE);
    mmio_write(&f->bed.machine, TEST, 2, 0x5555);
    assert_int_equal(f->bed.machine.stop, VM_STOP_POWEROFF);
    end(f);
}

// --- HTIF ---

enum { PAGE = RAM + VM_PAGE_SIZE, TOHOST = PAGE + 0x40, FROMHOST = PAGE + 0x80 };

static void add_ram(struct fixture *f, uint64_t first, uint64_t size)
{
    assert_int_equal(vm_space_add_ram(&f->bed.machine.space, vm_gpa_of(RAM + first), size,
                                      f->ram + first, "ram", NULL),
                     VM_OK);
}

static struct fixture *begin_htif(uint64_t fromhost)
{
    struct fixture *f = begin();
    const struct vm_htif_config c = {
        .page = {PAGE},
        .host = f->ram + VM_PAGE_SIZE,
        .tohost = {TOHOST},
        .fromhost = {fromhost},
        .output = sink_output,
        .context = &f->sink,
    };
    assert_int_equal(vm_htif_create(&f->bed.machine, &c, &f->bed.device, NULL), VM_OK);
    device_bed_attach(&f->bed);
    add_ram(f, 0, VM_PAGE_SIZE);
    add_ram(f, 2 * VM_PAGE_SIZE, RAM_SIZE - 2 * VM_PAGE_SIZE);
    return f;
}

static void htif_exit_codes(void **state)
{
    (void)state;
    static const struct {
        uint64_t value;
        uint32_t code;
    } rows[] = {{1, 0}, {3, 1}, {2 * 841 + 1, 841}, {0xffffffffffff, UINT32_MAX}};
    for (size_t i = 0; i < VM_ARRAY_SIZE(rows); i++) {
        struct fixture *f = begin_htif(FROMHOST);
        mmio_write(&f->bed.machine, TOHOST, 8, rows[i].value);
        assert_int_equal(f->bed.machine.stop, VM_STOP_POWEROFF);
        assert_int_equal(f->bed.machine.stop_code, rows[i].code);
        assert_int_equal(mmio_read(&f->bed.machine, TOHOST, 8), 0);
        end(f);
    }
    struct fixture *f = begin_htif(FROMHOST); // the lower half, as the -p- tests write it
    mmio_write(&f->bed.machine, TOHOST, 4, 11);
    mmio_write(&f->bed.machine, TOHOST + 4, 4, 0);
    assert_int_equal(f->bed.machine.stop_code, 5);
    end(f);
}

static void htif_page_is_ram(void **state)
{
    (void)state;
    struct fixture *f = begin_htif(FROMHOST);
    mmio_write(&f->bed.machine, PAGE, 8, UINT64_C(0x1122334455667788));
    assert_int_equal(mmio_read(&f->bed.machine, PAGE + 3, 1), 0x55);
    assert_int_equal(vm_load_le64(f->ram + VM_PAGE_SIZE), UINT64_C(0x1122334455667788));
    mmio_write(&f->bed.machine, PAGE + VM_PAGE_SIZE - 1, 1, 9);
    mmio_write(&f->bed.machine, FROMHOST, 8, 1);
    mmio_write(&f->bed.machine, TOHOST + 8, 8, 1);
    mmio_write(&f->bed.machine, TOHOST + 1, 1, 1);
    mmio_write(&f->bed.machine, TOHOST, 2, 1);
    assert_int_equal(f->bed.machine.stop, VM_STOP_NONE);
    end(f);
}

static void htif_console(void **state)
{
    (void)state;
    const uint64_t fromhost[] = {FROMHOST, RAM + 0x100};
    for (int i = 0; i < 2; i++) {
        struct fixture *f = begin_htif(fromhost[i]);
        mmio_write(&f->bed.machine, TOHOST, 8, UINT64_C(0x0101000000000041));
        assert_int_equal(mmio_read(&f->bed.machine, TOHOST, 8), 0);
        assert_int_equal(vm_load_le64(f->ram + (fromhost[i] - RAM)), UINT64_C(0x0101000000000041));
        mmio_write(&f->bed.machine, TOHOST, 4, 0x42); // halves: the upper one is the last
        assert_string_equal(f->sink.text, "A");
        mmio_write(&f->bed.machine, TOHOST + 4, 4, 0x01010000);
        assert_string_equal(f->sink.text, "AB");
        mmio_write(&f->bed.machine, TOHOST, 8, UINT64_C(0x0100000000000000)); // read: no answer
        mmio_write(&f->bed.machine, TOHOST, 8, UINT64_C(0xff00000000000001)); // no such device
        assert_string_equal(f->sink.text, "AB");
        assert_int_equal(f->bed.machine.stop, VM_STOP_NONE);
        end(f);
    }
}

static uint64_t call(struct fixture *f, uint64_t number, uint64_t a, uint64_t b, uint64_t c)
{
    const uint64_t words[8] = {number, a, b, c};
    for (int i = 0; i < 8; i++)
        vm_store_le64(f->ram + 8 * i, words[i]);
    mmio_write(&f->bed.machine, FROMHOST, 8, 0);
    mmio_write(&f->bed.machine, TOHOST, 8, RAM);
    return vm_load_le64(f->ram);
}

static void htif_system_calls(void **state)
{
    (void)state;
    struct fixture *f = begin_htif(FROMHOST);
    memcpy(f->ram + 0x200, "hello", 5);
    assert_int_equal(call(f, 64, 1, RAM + 0x200, 5), 5);
    assert_string_equal(f->sink.text, "hello");
    assert_int_equal(mmio_read(&f->bed.machine, FROMHOST, 8), 1);
    assert_int_equal(call(f, 64, 7, RAM + 0x200, 5), (uint64_t)-9);
    assert_int_equal(call(f, 64, 1, RAM + 0x200, UINT64_MAX), (uint64_t)-14); // into the page
    assert_int_equal(call(f, 64, 1, RAM + 0xfff, 2), (uint64_t)-14);
    assert_int_equal(call(f, 64, 1, UINT64_MAX - 1, 4), (uint64_t)-14);
    assert_int_equal(call(f, 64, 1, RAM + 2 * VM_PAGE_SIZE, 100000), 4096); // short
    assert_int_equal(call(f, 1234, 0, 0, 0), (uint64_t)-38);
    mmio_write(&f->bed.machine, FROMHOST, 8, 0);
    mmio_write(&f->bed.machine, TOHOST, 8, 0x1000); // the block is nowhere
    assert_int_equal(mmio_read(&f->bed.machine, FROMHOST, 8), 0);
    assert_int_equal(f->bed.machine.stop, VM_STOP_NONE);
    call(f, 93, 3, 0, 0);
    assert_int_equal(f->bed.machine.stop_code, 3);
    end(f);
}

static void htif_refuses_bad_symbols(void **state)
{
    (void)state;
    struct fixture *f = begin();
    struct vm_error e;
    struct vm_htif_config c = {
        .page = {PAGE}, .host = f->ram, .tohost = {TOHOST}, .fromhost = {FROMHOST + 4}};
    assert_int_equal(vm_htif_create(&f->bed.machine, &c, &f->bed.device, &e), VM_ERR_FILE);
    c.fromhost.v = FROMHOST;
    c.tohost.v = PAGE + VM_PAGE_SIZE;
    assert_int_equal(vm_htif_create(&f->bed.machine, &c, &f->bed.device, &e), VM_ERR_FILE);
    vm_machine_destroy(&f->bed.machine);
}

// --- random accesses ---

static void hammer(struct fixture *f, uint64_t base, uint64_t size)
{
    uint64_t seed = base | 1;
    for (int i = 0; i < 200000; i++) {
        uint64_t r = test_random(&seed);
        unsigned width = 1u << (r & 3);
        uint64_t offset = (r & 4 ? r >> 8 & 0x3f : r >> 8) % size & ~(uint64_t)(width - 1);
        uint64_t value = test_random(&seed);
        if (r & 8)
            value &= 0xff;
        if (r & 16)
            mmio_writes(&f->bed.machine, base + offset, width, value);
        else
            mmio_reads(&f->bed.machine, base + offset, width);
        if (i % 64 == 0)
            device_host_advance(&f->bed.host, &f->bed.machine, value >> 40);
    }
}

static void random_accesses(void **state)
{
    (void)state;
    struct fixture *f = begin_rtc();
    hammer(f, RTC, VM_GOLDFISH_RTC_SIZE);
    end(f);
    f = begin_syscon();
    hammer(f, TEST, VM_SYSCON_SIZE);
    end(f);
    f = begin_htif(FROMHOST);
    hammer(f, PAGE, VM_PAGE_SIZE);
    hammer(f, TOHOST, 8);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rtc_shows_and_takes_time), cmocka_unit_test(rtc_alarm),
        cmocka_unit_test(syscon_stops_the_machine), cmocka_unit_test(htif_exit_codes),
        cmocka_unit_test(htif_page_is_ram),         cmocka_unit_test(htif_console),
        cmocka_unit_test(htif_system_calls),        cmocka_unit_test(htif_refuses_bad_symbols),
        cmocka_unit_test(random_accesses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
