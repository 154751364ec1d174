// SPDX-License-Identifier: MIT
//
// The text forms of shares and of the vsock (vm/libvm/share.h, vsock.h).
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include <vm/libvm/share.h>
#include <vm/libvm/vsock.h>

enum { LONG = 5000 };

static struct vm_share_options share;
static struct vm_vsock_options vsock;

static void expect_share(const char *text, const char *directory, const char *tag, bool read_only)
{
    struct vm_error e = {.text = ""};
    if (vm_share_options_parse(text, &share, &e) != VM_OK)
        fail_msg("%s: %s", text, e.text);
    assert_string_equal(share.directory, directory);
    assert_string_equal(share.tag, tag);
    assert_int_equal(share.read_only, read_only);
}

static void reads_shares(void **state)
{
    (void)state;
    expect_share("/home:host", "/home", "host", false);
    expect_share("/home:host:ro", "/home", "host", true);
    expect_share(".:x", ".", "x", false);
    expect_share("/a:b:c", "/a:b", "c", false);
    expect_share("/a:b:c:ro", "/a:b", "c", true);
    expect_share("/a,b:tag", "/a,b", "tag", false);
}

static void refuses_other_shares(void **state)
{
    (void)state;
    static const char *const bad[] = {"",   "/home", ":",    "/home:",    ":tag",   "/home:ro",
                                      "ro", ":ro",   "::ro", "/home::ro", ":tag:ro"};
    static char text[LONG];
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vm_error e = {.text = ""};
        if (vm_share_options_parse(bad[i], &share, &e) != VM_ERR_USAGE)
            fail_msg("%s is taken", bad[i]);
        assert_non_null(strstr(e.text, "DIR:TAG"));
    }
    memset(text, 'x', LONG);
    snprintf(text + VM_SHARE_OPTION_PATH, 10, ":tag"); // one byte too long
    assert_int_equal(vm_share_options_parse(text, &share, NULL), VM_ERR_USAGE);
    assert_int_equal(vm_share_options_parse(text + 1, &share, NULL), VM_OK);
    memset(text, 'x', LONG);
    text[1] = ':';
    text[2 + VM_SHARE_OPTION_TAG] = 0;
    assert_int_equal(vm_share_options_parse(text, &share, NULL), VM_ERR_USAGE);
    text[1 + VM_SHARE_OPTION_TAG] = 0;
    assert_int_equal(vm_share_options_parse(text, &share, NULL), VM_OK);
}

static void expect_vsock(const char *text, uint32_t cid, const char *path)
{
    struct vm_error e = {.text = ""};
    if (vm_vsock_options_parse(text, &vsock, &e) != VM_OK)
        fail_msg("%s: %s", text, e.text);
    assert_int_equal(vsock.cid, cid);
    assert_string_equal(vsock.path, path);
}

static void reads_vsocks(void **state)
{
    (void)state;
    expect_vsock("3", 3, "vsock-3.sock");
    expect_vsock("4294967294", 4294967294, "vsock-4294967294.sock");
    expect_vsock("42,path=/run/guest", 42, "/run/guest");
    expect_vsock("42,path=a,b=c", 42, "a,b=c");
}

static void refuses_other_vsocks(void **state)
{
    (void)state;
    static const struct {
        const char *text, *named; // what the message has to name
    } bad[] = {
        {"", "3 to 4294967294"},
        {"2", "3 to 4294967294"},
        {"4294967295", "3 to 4294967294"},
        {"x", "3 to 4294967294"},
        {"-1", "3 to 4294967294"},
        {"5,", "path=PATH"},
        {"5,path", "path=PATH"},
        {"5,path=", "path=PATH"},
        {"5,pah=x", "path="},
        {",path=x", "3 to 4294967294"},
    };
    static char text[LONG];
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct vm_error e = {.text = ""};
        if (vm_vsock_options_parse(bad[i].text, &vsock, &e) != VM_ERR_USAGE)
            fail_msg("%s is taken", bad[i].text);
        if (!strstr(e.text, bad[i].named))
            fail_msg("%s: %s", bad[i].text, e.text);
    }
    memset(text, 'x', LONG - 1);
    memcpy(text, "5,path=", 7);
    assert_int_equal(vm_vsock_options_parse(text, &vsock, NULL), VM_ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_shares),
        cmocka_unit_test(refuses_other_shares),
        cmocka_unit_test(reads_vsocks),
        cmocka_unit_test(refuses_other_vsocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
