// SPDX-License-Identifier: MIT
//
// A second walker of VMSAv8-64 translation tables, written from the manual's tables of address bits
// and permissions (D8), for tests.
#ifndef ARM64_REFERENCE_H
#define ARM64_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

struct ref_pe {
    // What the PE has.
    bool lva, lpa, lpa2, ttst, hafdbs, hpds, e0pd, bti;
    unsigned pa_bits;
    // Its registers.
    uint64_t tcr, ttbr[2], mair;
    bool wxn;
    // The 64-bit word at a physical address, or NULL if that is no memory; *rom: it cannot be
    // written.
    uint64_t *(*memory)(void *context, uint64_t pa, bool *rom);
    void *context;
};

struct ref_access {
    uint64_t va;
    bool write, fetch, el0, pan;
};

struct ref_result {
    int fsc; // -1: translated
    uint64_t pa;
    uint8_t attributes, shareability;
    bool global, guarded;
    unsigned shift; // log2 of the bytes of the page or block
    // What is done to a descriptor.
    uint64_t *descriptor;
    uint64_t after;
};

void ref_walk(const struct ref_pe *pe, const struct ref_access *a, struct ref_result *out);

#endif
