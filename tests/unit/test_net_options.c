// SPDX-License-Identifier: MIT
//
// The text form of a network (vm/libvm/net.h).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <vm/libvm/net.h>

static struct vm_net_options good(const char *text)
{
    struct vm_net_options o;
    struct vm_error e = {.text = ""};
    if (vm_net_options_parse(text, &o, &e) != VM_OK)
        fail_msg("%s: %s", text, e.text);
    return o;
}

static void expect_forward(const struct vm_net_forward *f, bool udp, const char *address,
                           uint16_t host_port, uint16_t guest_port)
{
    assert_int_equal(f->udp, udp);
    assert_string_equal(f->address, address);
    assert_int_equal(f->host_port, host_port);
    assert_int_equal(f->guest_port, guest_port);
}

static void reads_what_it_should(void **state)
{
    (void)state;
    struct vm_net_options o = good("user");
    assert_int_equal(o.kind, VM_NET_USER);
    assert_int_equal(o.forward_count, 0);
    o = good(
        "user,hostfwd=tcp::2222-:22,hostfwd=udp:127.0.0.1:1-:65535,hostfwd=tcp:[::1]:80-:8080");
    assert_int_equal(o.forward_count, 3);
    expect_forward(&o.forwards[0], false, "", 2222, 22);
    expect_forward(&o.forwards[1], true, "127.0.0.1", 1, 65535);
    expect_forward(&o.forwards[2], false, "::1", 80, 8080);
    o = good("tap=tap0");
    assert_int_equal(o.kind, VM_NET_TAP);
    assert_string_equal(o.tap, "tap0");
}

static void refuses_the_rest(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named; // what the message has to name
    } bad[] = {
        {"", "user or tap"},
        {"users", "users"},
        {"user,", "comma"},
        {"user,,", "comma"},
        {"user,mtu=9000", "mtu=9000"},
        {"user,hostfwd", "hostfwd"},
        {"user,hostfwd=", "hostfwd=tcp"},
        {"user,hostfwd=sctp::1-:1", "sctp::1-:1"},
        {"user,hostfwd=tcp:22-:22", "tcp:22-:22"},
        {"user,hostfwd=tcp::22", "tcp::22"},
        {"user,hostfwd=tcp::22-22", "tcp::22-22"},
        {"user,hostfwd=tcp::0-:22", "\"0\""},
        {"user,hostfwd=tcp::65536-:22", "65536"},
        {"user,hostfwd=tcp::99999999999999999999-:22", "9999"},
        {"user,hostfwd=tcp::ssh-:22", "ssh"},
        {"user,hostfwd=tcp::22-:", "65535"},
        {"user,hostfwd=tcp::22-:22x", "22x"},
        {"user,hostfwd=tcp::22-10.0.2.16:22", "10.0.2.16"},
        {"user,hostfwd=tcp:[::1:22-:22", "tcp:["},
        {"user,hostfwd=tcp:[]:22-:22", "tcp:["},
        {"user,hostfwd=tcp:[::1]22-:22", "tcp:["},
        {"tap", "user or tap"},
        {"tap=", "name"},
        {"tap=a-name-that-no-interface-can-have-at-all", "name"},
        {"tap=tap0,hostfwd=tcp::1-:1", "hostfwd"},
    };
    for (unsigned i = 0; i < VM_ARRAY_SIZE(bad); i++) {
        struct vm_net_options o;
        struct vm_error e = {.text = ""};
        assert_int_equal(vm_net_options_parse(bad[i].text, &o, &e), VM_ERR_USAGE);
        if (!strstr(e.text, bad[i].named))
            fail_msg("%s: %s", bad[i].text, e.text);
        assert_null(strchr(e.text, '\n'));
    }
}

static void limits_forwards(void **state)
{
    (void)state;
    char text[4096] = "user";
    for (unsigned i = 0; i < VM_NET_OPTION_FORWARDS; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), ",hostfwd=tcp::%u-:80", 1000 + i);
    struct vm_net_options o = good(text);
    assert_int_equal(o.forward_count, VM_NET_OPTION_FORWARDS);
    strcat(text, ",hostfwd=tcp::1-:1");
    assert_int_equal(vm_net_options_parse(text, &o, NULL), VM_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_what_it_should),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(limits_forwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
