// SPDX-License-Identifier: MIT
//
// The text forms of disks and consoles (vm/libvm/disk.h, console.h), and a machine with devices as
// an embedder makes it.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include <vm/libvm/libvm.h>

// --- disks ---

static struct vm_disk_options disk(const char *text)
{
    struct vm_disk_options o;
    struct vm_error e = {.text = ""};
    if (vm_disk_options_parse(text, &o, &e) != VM_OK)
        fail_msg("%s: %s", text, e.text);
    return o;
}

static void disks_are_read(void **state)
{
    (void)state;
    struct vm_disk_options o = disk("a.img");
    assert_string_equal(o.path, "a.img");
    assert_int_equal(o.format, VM_DISK_AUTO);
    assert_false(o.read_only || o.snapshot);
    assert_string_equal(o.serial, "");
    assert_int_equal(o.queues, 0);
    o = disk("/x/y,format=qcow2,readonly,snapshot,serial=12345678901234567890,queues=16");
    assert_string_equal(o.path, "/x/y");
    assert_int_equal(o.format, VM_DISK_QCOW2);
    assert_true(o.read_only && o.snapshot);
    assert_string_equal(o.serial, "12345678901234567890");
    assert_int_equal(o.queues, 16);
    assert_int_equal(disk("a,format=raw").format, VM_DISK_RAW);
    assert_string_equal(disk("a,,b,,,readonly").path, "a,b,");
    assert_true(disk("a,,b,,,readonly").read_only);
    assert_string_equal(disk("readonly").path, "readonly");
}

static void refuse_disk(const char *text, const char *named)
{
    struct vm_disk_options o;
    struct vm_error e;
    assert_int_equal(vm_disk_options_parse(text, &o, &e), VM_ERR_USAGE);
    if (!strstr(e.text, named))
        fail_msg("%s: \"%s\" is not in: %s", text, named, e.text);
}

static void other_disks_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "no file"},
        {",readonly", "no file"},
        {"a,", "last comma"},
        {"a,readonly,", "last comma"},
        {"a,readonly,,snapshot", "\"\""},
        {"a,=raw", "\"=raw\""},
        {"a,read", "did you mean readonly"},
        {"a,formt=raw", "did you mean format"},
        {"a,format", "did you mean format"},
        {"a,format=vmdk", "\"vmdk\": a format is raw or qcow2"},
        {"a,readonly=on", "readonly=on"},
        {"a,serial=", "1 to 20"},
        {"a,serial=123456789012345678901", "1 to 20"},
        {"a,queues=", "1 to 16"},
        {"a,queues=0", "1 to 16"},
        {"a,queues=17", "1 to 16"},
        {"a,queues=4294967297", "1 to 16"},
        {"a,queues=2x", "1 to 16"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse_disk(bad[i][0], bad[i][1]);
    char text[VM_DISK_OPTION_PATH + 1];
    memset(text, 'x', sizeof text);
    text[VM_DISK_OPTION_PATH] = 0;
    refuse_disk(text, "4096");
    text[VM_DISK_OPTION_PATH - 1] = 0; // the longest that there can be
    assert_string_equal(disk(text).path, text);
}

// --- consoles ---

static void consoles_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum vm_console_kind kind;
        const char *path;
    } good[] = {
        {"stdio", VM_CONSOLE_STDIO, ""},
        {"pty", VM_CONSOLE_PTY, ""},
        {"unix:a:b,c", VM_CONSOLE_UNIX, "a:b,c"},
        {"file:/x", VM_CONSOLE_FILE, "/x"},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        struct vm_console_options o;
        assert_int_equal(vm_console_options_parse(good[i].text, &o, NULL), VM_OK);
        assert_int_equal(o.kind, good[i].kind);
        assert_string_equal(o.path, good[i].path);
    }
}

static void other_consoles_are_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"", "a console is"},
        {"stdin", "did you mean stdio"},
        {"stdio:", "a console is"},
        {"pty:/dev/pts/1", "a console is"},
        {"unix", "a console is"},
        {"unix:", "no path"},
        {"file:", "no path"},
        {"fil:x", "did you mean file"},
        {"tcp:localhost", "\"tcp\": a"},
        {":x", "a console is"},
    };
    struct vm_console_options o;
    struct vm_error e;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(vm_console_options_parse(bad[i][0], &o, &e), VM_ERR_USAGE);
        if (!strstr(e.text, bad[i][1]))
            fail_msg("%s: \"%s\" is not in: %s", bad[i][0], bad[i][1], e.text);
    }
    static char text[VM_CONSOLE_OPTION_PATH + 6];
    memset(text, 'x', sizeof text - 1);
    memcpy(text, "unix:", 5);
    assert_int_equal(vm_console_options_parse(text, &o, &e), VM_ERR_USAGE);
}

// --- a machine ---

static struct vm_options machine_options(void)
{
    struct vm_options o = vm_default_options();
    o.guest = "riscv64";
    o.memory = 1 << 20;
    o.rng = o.balloon = true;
    return o;
}

static void the_balloon_is_the_embedders(void **state)
{
    (void)state;
    struct vm_options o = machine_options();
    struct vm_balloon balloon;
    struct vm_error e;
    struct vm *vm;
    assert_int_equal(vm_create(&o, &vm, &e), VM_OK);
    assert_int_equal(vm_set_balloon(vm, 64 << 10, &e), VM_OK);
    assert_int_equal(vm_get_balloon(vm, &balloon, &e), VM_OK);
    assert_int_equal(balloon.target, 64 << 10);
    assert_int_equal(balloon.actual, 0);
    assert_int_equal(balloon.released, 0);
    vm_destroy(vm);
    o.balloon = false;
    assert_int_equal(vm_create(&o, &vm, &e), VM_OK);
    assert_int_equal(vm_set_balloon(vm, 4096, &e), VM_ERR_USAGE);
    assert_int_equal(vm_get_balloon(vm, &balloon, &e), VM_ERR_USAGE);
    vm_destroy(vm);
}

// The guest has no driver: input waits up to a limit, and what the embedder does harms nobody.
static void input_waits_for_the_virtio_console(void **state)
{
    (void)state;
    static const uint8_t bytes[10000];
    const struct vm_console_options console = {.kind = VM_CONSOLE_STDIO};
    struct vm_options o = machine_options();
    struct vm_error e;
    struct vm *vm;
    o.consoles = &console;
    o.console_count = 1;
    assert_int_equal(vm_create(&o, &vm, &e), VM_OK);
    vm_console_resize(vm, 80, 25);
    size_t taken = vm_console_input(vm, bytes, sizeof bytes);
    assert_in_range(taken, 1, sizeof bytes - 1);
    assert_int_equal(vm_console_input(vm, bytes, 1), 0);
    vm_console_resize(vm, 100000, 0);
    vm_destroy(vm);
}

static void devices_are_named_and_counted(void **state)
{
    (void)state;
    struct vm_options o = machine_options();
    struct vm_device_stats stats;
    struct vm_error e;
    struct vm *vm;
    for (unsigned transport = VM_TRANSPORT_PCI; transport <= VM_TRANSPORT_MMIO; transport++) {
        o.transport = (enum vm_transport)transport;
        assert_int_equal(vm_create(&o, &vm, &e), VM_OK);
        assert_true(vm_get_device_stats(vm, 0, &stats));
        assert_string_equal(stats.name, "rng0");
        assert_true(vm_get_device_stats(vm, 1, &stats));
        assert_string_equal(stats.name, "balloon0");
        assert_int_equal(stats.requests, 0);
        assert_false(vm_get_device_stats(vm, 2, &stats));
        vm_destroy(vm);
    }
    o.transport = (enum vm_transport)2;
    assert_int_equal(vm_create(&o, &vm, &e), VM_ERR_USAGE);
    assert_non_null(strstr(e.text, "transport 2"));
}

static void features_say_why_not(void **state)
{
    (void)state;
    struct vm_feature f;
    size_t count = 0;
    for (; vm_describe_feature(count, &f); count++) {
        assert_true(*f.name);
        assert_int_equal(f.available, *f.why == 0);
        assert_true(f.built || !f.available);
    }
    assert_int_equal(count, 4); // user network, tap network, io_uring, sandbox
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(disks_are_read),
        cmocka_unit_test(other_disks_are_refused),
        cmocka_unit_test(consoles_are_read),
        cmocka_unit_test(other_consoles_are_refused),
        cmocka_unit_test(the_balloon_is_the_embedders),
        cmocka_unit_test(input_waits_for_the_virtio_console),
        cmocka_unit_test(devices_are_named_and_counted),
        cmocka_unit_test(features_say_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
