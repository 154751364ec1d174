// SPDX-License-Identifier: MIT
//
// A guest's disassembler as a filter, for the tests of decoders: each line of standard input has an
// address and bytes, hexadecimal ("1000 13050500"); each gives "length<TAB>text". The argument, if
// there is one, is the CPU as in --cpu. The build defines GUEST_HEADER and GUEST_OPS.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include GUEST_HEADER

static void *host_alloc(void *context, size_t size, size_t align)
{
    (void)context;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void host_release(void *context, void *p, size_t size)
{
    (void)context;
    (void)size;
    free(p);
}

static size_t parse_bytes(const char *text, uint8_t *bytes, size_t size)
{
    size_t n = 0;
    unsigned byte;
    while (n < size && sscanf(text + 2 * n, "%2x", &byte) == 1)
        bytes[n++] = (uint8_t)byte;
    return n;
}

int main(int argc, char **argv)
{
    const struct vm_guest_ops *ops = &GUEST_OPS;
    const struct vm_allocator allocator = {host_alloc, host_release, NULL};
    struct vm_error e;
    void *config;
    if (ops->configure(argc > 1 ? argv[1] : NULL, &allocator, &config, &e) != VM_OK) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    unsigned long long pc;
    char hex[64], text[128];
    while (scanf("%llx %63s", &pc, hex) == 2) {
        // At their end, so that a sanitizer sees a read beyond them.
        uint8_t copy[16], *bytes = malloc(sizeof copy);
        size_t n = parse_bytes(hex, copy, sizeof copy);
        memcpy(bytes + sizeof copy - n, copy, n);
        unsigned length =
            ops->disassemble(config, pc, bytes + sizeof copy - n, n, text, sizeof text);
        printf("%u\t%s\n", length, text);
        free(bytes);
    }
    ops->unconfigure(config, &allocator);
    return 0;
}
