// SPDX-License-Identifier: MIT
//
// A second page walker and a second PMP, written from the manual's text alone and as plainly as
// possible: what the frontend is compared with.
#ifndef RISCV_REFERENCE_H
#define RISCV_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

enum ref_access { REF_READ, REF_WRITE, REF_EXECUTE };

// Memory as the walker sees it.
enum ref_kind { REF_NOTHING, REF_DEVICE, REF_ROM, REF_RAM };

struct ref_hart {
    unsigned privilege; // effective: 0 U, 1 S, 3 M
    bool sum, mxr;
    uint64_t satp;
    bool napot, pbmt; // Svnapot; Svpbmt and menvcfg.PBMTE
    bool hardware_ad; // A and D bits are set by hardware, not left to page faults
    uint8_t pmpcfg[16];
    uint64_t pmpaddr[16];
    enum ref_kind (*kind)(void *memory, uint64_t address);
    uint64_t (*read)(void *memory, uint64_t address); // of a PTE in RAM or ROM
    void *memory;
};

struct ref_result {
    int cause;        // the exception, or -1
    uint64_t address; // physical, if there is none
    bool pte_written;
    uint64_t pte_address, pte; // what is written where
};

struct ref_result ref_walk(const struct ref_hart *h, uint64_t va, enum ref_access access);

// The entry that decides about one byte: its number, or -1.
int ref_pmp_entry(const struct ref_hart *h, uint64_t address);

// Whether PMP allows an access of `size` bytes by the given privilege.
bool ref_pmp(const struct ref_hart *h, unsigned privilege, uint64_t address, unsigned size,
             enum ref_access access);

#endif
