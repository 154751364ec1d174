// SPDX-License-Identifier: MIT
//
// The kinds of values that options take. Each parser takes the whole text or refuses it with an
// error line that says what would be right; the caller puts the option's name before it.
#ifndef CLI_VALUES_H
#define CLI_VALUES_H

#include <vm/base/error.h>

// Decimal digits only, at most `max`.
bool cli_parse_decimal(const char *text, size_t length, uint64_t max, uint64_t *out);

// A number with an optional suffix K, M, G or T (powers of 1024); bytes.
vm_status cli_parse_size(const char *text, uint64_t *out, struct vm_error *e);

// Seconds, decimal, with an optional fraction, more than 0; in ns.
vm_status cli_parse_seconds(const char *text, uint64_t *out, struct vm_error *e);

// An address, decimal or with 0x.
vm_status cli_parse_address(const char *text, uint64_t *out, struct vm_error *e);

// "N" or "N,pin=LIST", LIST of host CPUs such as 0-2,5: as many CPUs as vCPUs. N is at most `max`;
// *pinned says whether `pin` (max elements) was filled.
vm_status cli_parse_vcpus(const char *text, unsigned max, unsigned *count, unsigned *pin,
                          bool *pinned, struct vm_error *e);

#endif
