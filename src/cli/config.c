// SPDX-License-Identifier: MIT
//
// Configuration files by cJSON. The text is untrusted: the parser bounds its depth, and everything
// that is not a string or a number for a known option, true or false for a flag, or an array of
// strings for an option that may be repeated, is refused.
#include "config.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <string.h>

#include <vm/osal/file.h>

enum { MAX_FILE = 1 << 20 };

#define EXACT_INTEGERS 9007199254740992.0 // 2^53: up to here a double holds every integer

bool cli_has_json(void)
{
    return true;
}

// The text that the command line would have for a number.
static void format_number(double number, char *out, size_t size)
{
    if (number > -EXACT_INTEGERS && number < EXACT_INTEGERS && number == (double)(int64_t)number)
        snprintf(out, size, "%lld", (long long)number);
    else
        snprintf(out, size, "%.17g", number);
}

static vm_status apply_value(struct cli_options *o, enum cli_user user, const char *key,
                             const cJSON *item, struct vm_error *e)
{
    bool is_flag = cli_options_kind(key) == CLI_OPTION_FLAG;
    char number[40];
    const char *value = number;
    if (cJSON_IsBool(item) && is_flag)
        value = cJSON_IsTrue(item) ? "on" : "off";
    else if (cJSON_IsString(item))
        value = item->valuestring;
    else if (cJSON_IsNumber(item))
        format_number(item->valuedouble, number, sizeof number);
    else
        return vm_error_set(e, VM_ERR_USAGE, "%.100s: its value is neither %s", key,
                            is_flag ? "true nor false" : "a string nor a number");
    value = cli_options_keep(o, value);
    if (!value)
        return vm_error_set(e, VM_ERR_HOST, "out of memory for the options");
    return cli_options_set(o, user, key, value, e);
}

static vm_status apply_member(struct cli_options *o, enum cli_user user, const cJSON *member,
                              struct vm_error *e)
{
    const cJSON *item;
    vm_status status = VM_OK;
    if (!cJSON_IsArray(member) || cli_options_kind(member->string) != CLI_OPTION_LIST)
        return apply_value(o, user, member->string, member, e);
    cJSON_ArrayForEach(item, member)
    {
        status = apply_value(o, user, member->string, item, e);
        if (status != VM_OK)
            break;
    }
    return status;
}

static bool is_repeated(const cJSON *member, const cJSON *object)
{
    for (const cJSON *other = object->child; other != member; other = other->next) {
        if (strcmp(other->string, member->string) == 0)
            return true;
    }
    return false;
}

static vm_status apply_object(struct cli_options *o, enum cli_user user, const cJSON *object,
                              struct vm_error *e)
{
    const cJSON *member;
    vm_status status = VM_OK;
    if (!cJSON_IsObject(object))
        return vm_error_set(e, VM_ERR_FILE,
                            "no object; write {\"option\": \"value\", ...} (vm-cli help config)");
    cJSON_ArrayForEach(member, object)
    {
        status = is_repeated(member, object)
                     ? vm_error_set(e, VM_ERR_USAGE, "%.100s: it is there twice; keep one",
                                    member->string)
                     : apply_member(o, user, member, e);
        if (status != VM_OK)
            break;
    }
    return status;
}

static const char *skip_blank(const char *p, const char *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

static vm_status no_json(const char *text, const char *at, size_t size, struct vm_error *e)
{
    unsigned line = 1;
    const char *start = text;
    for (const char *p = text; p < at && p < text + size; p++) {
        if (*p == '\n') {
            line++;
            start = p + 1;
        }
    }
    return vm_error_set(e, VM_ERR_FILE, "no JSON from line %u, character %u on; correct it", line,
                        (unsigned)(at - start) + 1);
}

vm_status cli_config_apply(struct cli_options *o, enum cli_user user, const char *name,
                           const char *text, size_t size, struct vm_error *e)
{
    const char *end = text;
    cJSON *root = cJSON_ParseWithLengthOpts(text, size, &end, false);
    vm_status status;
    if (root && skip_blank(end, text + size) == text + size)
        status = apply_object(o, user, root, e);
    else
        status = no_json(text, end, size, e);
    cJSON_Delete(root);
    return status == VM_OK ? VM_OK : vm_error_prefix(e, status, "--config %.100s", name);
}

vm_status cli_config_read(struct cli_options *o, enum cli_user user, const char *path,
                          struct vm_error *e)
{
    struct vm_osal_file_contents file;
    vm_status status = vm_osal_file_read_all(path, MAX_FILE, &file, e);
    if (status != VM_OK)
        return vm_error_prefix(e, status, "--config");
    status = cli_config_apply(o, user, path, file.data, file.size, e);
    vm_osal_file_contents_release(&file);
    return status;
}
