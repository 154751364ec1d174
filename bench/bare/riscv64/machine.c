// SPDX-License-Identifier: MIT
// The bare guest (../bare.h) in RISC-V's supervisor mode, on the "virt" machine: a 16550 at
// 0x10000000 with interrupt 10 of the PLIC, and the SBI.
#include "../bare.h"

#define UART           0x10000000ul
#define UART_INTERRUPT 10
#define PLIC           0x0c000000ul
#define PLIC_CONTEXT   1   // supervisor mode of the first hart
#define TICK           100 // ns: the board's timebase is 10 MHz

// Counts traps; see start.S.
register uint64_t traps __asm__("s11");

// --- the console ---

static volatile uint8_t *uart(unsigned at)
{
    return (volatile uint8_t *)(UART + at);
}

static volatile uint32_t *plic(unsigned long at)
{
    return (volatile uint32_t *)(PLIC + at);
}

void bare_console_start(void)
{
    *plic(4 * UART_INTERRUPT) = 1;
    *plic(0x2000 + 0x80 * PLIC_CONTEXT) = 1u << UART_INTERRUPT;
    *plic(0x200000 + 0x1000 * PLIC_CONTEXT) = 0;
    *uart(1) = 1; // an interrupt for received data
    __asm__ volatile("csrw sie, %0" : : "r"(1ul << 9));
}

void bare_put(char c)
{
    while (!(*uart(5) & 0x20))
        ;
    *uart(0) = (uint8_t)c;
}

char bare_get(void)
{
    while (!(*uart(5) & 1)) {
        __asm__ volatile("wfi");
        volatile uint32_t *claim = plic(0x200004 + 0x1000 * PLIC_CONTEXT);
        *claim = *claim;
    }
    return (char)*uart(0);
}

// --- workloads ---

struct answer {
    long error, value;
};

static struct answer sbi(unsigned long extension, unsigned long function, unsigned long argument)
{
    register unsigned long a0 __asm__("a0") = argument;
    register unsigned long a1 __asm__("a1") = 0;
    register unsigned long a6 __asm__("a6") = function;
    register unsigned long a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
    return (struct answer){(long)a0, (long)a1};
}

static uint64_t run_trap(void)
{
    uint64_t before = traps;
    for (unsigned i = 0; i < 1000; i++)
        __asm__ volatile(".option push\n.option norvc\nebreak\n.option pop" ::: "memory");
    return traps - before;
}

// The base extension's get_spec_version.
static uint64_t run_sbi(void)
{
    uint64_t right = 0;
    for (unsigned i = 0; i < 200; i++) {
        struct answer answer = sbi(0x10, 0, 0);
        right += answer.error == 0 && answer.value > 0;
    }
    return right;
}

static uint64_t run_csr(void)
{
    uint64_t sum = 0, value;
    for (uint64_t i = 0; i < 1000; i++) {
        __asm__ volatile("csrw sscratch, %0" : : "r"(i));
        __asm__ volatile("csrs sstatus, %0" : : "r"(1ul << 18)); // SUM
        __asm__ volatile("csrr %0, sscratch" : "=r"(value));
        __asm__ volatile("csrc sstatus, %0" : : "r"(1ul << 18));
        sum += value;
    }
    return sum;
}

static uint64_t run_time(void)
{
    uint64_t last = 0, right = 0, time;
    for (unsigned i = 0; i < 1000; i++) {
        __asm__ volatile("rdtime %0" : "=r"(time));
        right += time >= last;
        last = time;
    }
    return right;
}

// Address spaces of Sv39: the first 4 GB as gigapages of themselves, and the window.
static uint64_t root[2][512] __attribute__((aligned(BARE_PAGE)));
static uint64_t middle[512] __attribute__((aligned(BARE_PAGE)));
static uint64_t leaf[512] __attribute__((aligned(BARE_PAGE)));

static uint64_t entry(const void *page, uint64_t flags)
{
    return (uint64_t)(uintptr_t)page >> 12 << 10 | flags;
}

void bare_make_spaces(void)
{
    for (unsigned space = 0; space < 2; space++) {
        for (uint64_t i = 0; i < 4; i++)
            root[space][i] = i << 28 | 0xcf; // V R W X A D
        root[space][4] = entry(middle, 1);
    }
    middle[0] = entry(leaf, 1);
    for (unsigned i = 0; i < BARE_PAGES; i++)
        leaf[i] = entry(bare_pages[i], 0xc7); // V R W A D
}

void bare_use_space(unsigned space)
{
    uint64_t satp = 8ul << 60 | (space + 1ul) << 44 | (uint64_t)(uintptr_t)root[space] >> 12;
    __asm__ volatile("csrw satp, %0" : : "r"(satp) : "memory");
}

void bare_leave_spaces(void)
{
    __asm__ volatile("csrw satp, zero\nsfence.vma" ::: "memory");
}

void bare_flush_all(void)
{
    __asm__ volatile("sfence.vma" ::: "memory");
}

void bare_flush_page(uint64_t address)
{
    __asm__ volatile("sfence.vma %0" : : "r"(address) : "memory");
}

const struct bare_workload bare_own[] = {
    {"bare_trap", "1000 breakpoints in supervisor mode, and back", run_trap, 1000},
    {"bare_sbi", "200 calls of the SBI", run_sbi, 200},
    {"bare_csr", "4000 accesses to sscratch and sstatus.SUM", run_csr, 499500},
    {"bare_time", "1000 readings of the time CSR", run_time, 1000},
};
const size_t bare_own_count = sizeof bare_own / sizeof bare_own[0];

// --- the end ---

uint64_t bare_now(void)
{
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time * TICK;
}

_Noreturn void bare_power_off(void)
{
    for (;;)
        sbi(0x53525354, 0, 0); // system reset: shut down
}
