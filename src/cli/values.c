// SPDX-License-Identifier: MIT
//
// See values.h.
#include "values.h"

#include <string.h>

enum { NS_DIGITS = 9, MAX_CPU = 1 << 16 };

#define NS_PER_SECOND UINT64_C(1000000000)
#define MAX_SECONDS   UINT64_C(1000000000) // 31 years

bool cli_parse_decimal(const char *text, size_t length, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (length == 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned digit = (unsigned char)text[i] - '0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return value <= max;
}

vm_status cli_parse_size(const char *text, uint64_t *out, struct vm_error *e)
{
    static const char suffixes[] = "KMGT";
    size_t length = strlen(text);
    unsigned shift = 0;
    if (length > 0) {
        const char *suffix = memchr(suffixes, text[length - 1] & ~0x20, sizeof suffixes - 1);
        if (suffix && text[length - 1] >= 'A') {
            shift = 10 * (unsigned)(suffix - suffixes + 1);
            length--;
        }
    }
    if (!cli_parse_decimal(text, length, UINT64_MAX, out))
        return vm_error_set(e, VM_ERR_USAGE,
                            "no size; give a whole number and K, M, G or T, such as 512M");
    if (*out > UINT64_MAX >> shift)
        return vm_error_set(e, VM_ERR_USAGE, "more than 64 bits can count; give less");
    *out <<= shift;
    return VM_OK;
}

static vm_status no_seconds(struct vm_error *e)
{
    return vm_error_set(e, VM_ERR_USAGE,
                        "no time; give seconds above 0 and up to 1000000000, such as 30 or 0.5");
}

vm_status cli_parse_seconds(const char *text, uint64_t *out, struct vm_error *e)
{
    size_t length = strlen(text), whole = strcspn(text, ".");
    uint64_t seconds, fraction = 0;
    if (!cli_parse_decimal(text, whole, MAX_SECONDS, &seconds))
        return no_seconds(e);
    if (whole < length) {
        const char *digits = text + whole + 1;
        size_t count = length - whole - 1;
        if (!cli_parse_decimal(digits, count < NS_DIGITS ? count : NS_DIGITS, UINT64_MAX,
                               &fraction) ||
            strspn(digits, "0123456789") != count)
            return no_seconds(e);
        for (size_t i = count; i < NS_DIGITS; i++)
            fraction *= 10;
    }
    *out = seconds * NS_PER_SECOND + fraction;
    return *out > 0 ? VM_OK : no_seconds(e);
}

static bool parse_hexadecimal(const char *text, uint64_t *out)
{
    static const char digits[] = "0123456789abcdef";
    size_t length = strlen(text);
    if (length == 0 || length > 16)
        return false;
    *out = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i] >= 'A' && text[i] <= 'F' ? (char)(text[i] + ('a' - 'A')) : text[i];
        const char *digit = memchr(digits, c, sizeof digits - 1);
        if (!digit)
            return false;
        *out = *out << 4 | (uint64_t)(digit - digits);
    }
    return true;
}

vm_status cli_parse_address(const char *text, uint64_t *out, struct vm_error *e)
{
    bool valid = text[0] == '0' && (text[1] == 'x' || text[1] == 'X')
                     ? parse_hexadecimal(text + 2, out)
                     : cli_parse_decimal(text, strlen(text), UINT64_MAX, out);
    if (!valid)
        return vm_error_set(e, VM_ERR_USAGE, "no address; give a number such as 0x80000000");
    return VM_OK;
}

// Adds the CPUs of "N" or "N-M"; what does not fit into `max` is counted only.
static bool add_range(const char *text, size_t length, unsigned max, unsigned *pin, unsigned *count)
{
    const char *dash = memchr(text, '-', length);
    size_t first_length = dash ? (size_t)(dash - text) : length;
    uint64_t first, last;
    if (!cli_parse_decimal(text, first_length, MAX_CPU, &first))
        return false;
    last = first;
    if (dash && !cli_parse_decimal(dash + 1, length - first_length - 1, MAX_CPU, &last))
        return false;
    if (last < first)
        return false;
    for (uint64_t cpu = first; cpu <= last; cpu++, ++*count) {
        if (*count < max)
            pin[*count] = (unsigned)cpu;
    }
    return true;
}

static vm_status parse_pins(const char *list, unsigned vcpus, unsigned *pin, struct vm_error *e)
{
    unsigned count = 0;
    for (const char *p = list;; p++) {
        size_t length = strcspn(p, ",");
        if (!add_range(p, length, vcpus, pin, &count))
            return vm_error_set(e, VM_ERR_USAGE,
                                "pin= takes host CPUs, such as pin=0-3 or pin=0,2");
        p += length;
        if (*p == 0)
            break;
    }
    if (count != vcpus)
        return vm_error_set(e, VM_ERR_USAGE, "pin= names %u host CPUs for %u vCPUs; give %u", count,
                            vcpus, vcpus);
    return VM_OK;
}

vm_status cli_parse_vcpus(const char *text, unsigned max, unsigned *count, unsigned *pin,
                          bool *pinned, struct vm_error *e)
{
    static const char pin_key[] = "pin=";
    size_t length = strcspn(text, ",");
    uint64_t number;
    if (!cli_parse_decimal(text, length, max, &number) || number == 0)
        return vm_error_set(e, VM_ERR_USAGE, "no number of vCPUs; give 1 to %u", max);
    *count = (unsigned)number;
    *pinned = false;
    if (text[length] == 0)
        return VM_OK;
    const char *rest = text + length + 1;
    if (strncmp(rest, pin_key, sizeof pin_key - 1) != 0)
        return vm_error_set(e, VM_ERR_USAGE, "only pin=LIST may follow the number of vCPUs");
    vm_status status = parse_pins(rest + sizeof pin_key - 1, *count, pin, e);
    *pinned = status == VM_OK;
    return status;
}
