// SPDX-License-Identifier: MIT
// The bare guest (../bare.h) at ARM64's EL1, on the "virt" machine: a PL011 at 0x09000000 with SPI
// 1 of the GIC, of version 2 or 3, and PSCI by HVC.
#include "../bare.h"

#define UART           0x09000000ul
#define UART_INTERRUPT 33
#define GICD           0x08000000ul
#define GICC           0x08010000ul
#define GICR           0x080a0000ul

#define PSCI_VERSION    0x84000000u
#define PSCI_SYSTEM_OFF 0x84000008u

// Counts traps; see start.S.
register uint64_t traps __asm__("x28");

uint64_t bare_run_user(uint64_t calls, uint64_t address);
extern const char bare_user[];

static volatile uint32_t *at(unsigned long address)
{
    return (volatile uint32_t *)address;
}

#define READ(name)                                            \
    ({                                                        \
        uint64_t read_value;                                  \
        __asm__ volatile("mrs %0, " name : "=r"(read_value)); \
        read_value;                                           \
    })
#define WRITE(name, value) \
    __asm__ volatile("msr " name ", %0" : : "r"((uint64_t)(value)) : "memory")

// --- the console ---

// The interrupt is never taken: it only ends a WFI, as long as there is something to read.
static void interrupt_start(void)
{
    uint32_t bit = 1u << UART_INTERRUPT % 32;
    unsigned word = 4 * (UART_INTERRUPT / 32);
    if (READ("id_aa64pfr0_el1") >> 24 & 15) { // the GIC's registers are system registers
        *at(GICR + 0x14) = 0;                 // awake
        while (*at(GICR + 0x14) & 4)
            ;
        *at(GICD) = 0x12;              // affinity routing, group 1
        *at(GICD + 0x80 + word) = bit; // in group 1
        *(volatile uint64_t *)(GICD + 0x6000 + 8 * UART_INTERRUPT) = 0;
        WRITE("s3_0_c12_c12_5", 7); // ICC_SRE_EL1
        __asm__ volatile("isb");
        WRITE("s3_0_c4_c6_0", 0xff); // ICC_PMR_EL1
        WRITE("s3_0_c12_c12_7", 1);  // ICC_IGRPEN1_EL1
        __asm__ volatile("isb");
    } else {
        *at(GICD) = 1;
        *(volatile uint8_t *)(GICD + 0x800 + UART_INTERRUPT) = 1; // to the first CPU
        *at(GICC + 4) = 0xff;
        *at(GICC) = 1;
    }
    *(volatile uint8_t *)(GICD + 0x400 + UART_INTERRUPT) = 0x80;
    *at(GICD + 0x100 + word) = bit;
}

void bare_console_start(void)
{
    *at(UART + 0x2c) = 0x60;  // 8 bits, each byte by itself
    *at(UART + 0x30) = 0x301; // on, both ways
    *at(UART + 0x38) = 0x10;  // an interrupt for received data
    interrupt_start();
}

void bare_put(char c)
{
    while (*at(UART + 0x18) & 0x20)
        ;
    *at(UART) = (uint8_t)c;
}

char bare_get(void)
{
    while (*at(UART + 0x18) & 0x10)
        __asm__ volatile("wfi");
    return (char)*at(UART);
}

// --- address spaces ---

// Of 39 bits, in pages of 4 KB: the first 2 GB as blocks of themselves (devices, then RAM), the
// window, and behind it the page with code of EL0.
#define USER (BARE_WINDOW + BARE_PAGES * BARE_PAGE)

enum {
    TABLE = 3,
    BLOCK = 1,
    PAGE = 3,
    DEVICE = 0 << 2, // as of MAIR_EL1 below
    NORMAL = 1 << 2,
    USER_READS = 3 << 6,
    INNER = 3 << 8,
    USED = 1 << 10,
    OWN = 1 << 11, // of one address space
};

static uint64_t root[2][512] __attribute__((aligned(BARE_PAGE)));
static uint64_t middle[512] __attribute__((aligned(BARE_PAGE)));
static uint64_t leaf[2][512] __attribute__((aligned(BARE_PAGE)));

static uint64_t entry(const void *page, uint64_t flags)
{
    return (uint64_t)(uintptr_t)page | flags;
}

void bare_make_spaces(void)
{
    for (unsigned space = 0; space < 2; space++) {
        root[space][0] = 1ul << 54 | USED | DEVICE | BLOCK; // not executable
        root[space][1] = 1ul << 30 | USED | INNER | NORMAL | BLOCK;
        root[space][4] = entry(middle, TABLE);
    }
    middle[0] = entry(leaf[0], TABLE);
    middle[1] = entry(leaf[1], TABLE);
    for (unsigned i = 0; i < BARE_PAGES; i++)
        leaf[0][i] = entry(bare_pages[i], OWN | USED | INNER | NORMAL | PAGE);
    leaf[1][0] = entry(bare_user, OWN | USED | INNER | USER_READS | NORMAL | PAGE);
    WRITE("mair_el1", 0xff00); // devices, memory with caches
    WRITE("tcr_el1", 1ul << 36 | 1ul << 32 | 1ul << 23 | 3ul << 12 | 1ul << 10 | 1ul << 8 | 25);
    __asm__ volatile("dsb sy");
    bare_use_space(0);
    bare_flush_all();
    WRITE("sctlr_el1", READ("sctlr_el1") | 1 << 12 | 1 << 2 | 1); // caches and translation
    __asm__ volatile("isb");
}

void bare_use_space(unsigned space)
{
    WRITE("ttbr0_el1", (space + 1ul) << 48 | (uint64_t)(uintptr_t)root[space]);
    __asm__ volatile("isb");
}

void bare_leave_spaces(void)
{
    bare_use_space(0);
}

void bare_flush_all(void)
{
    __asm__ volatile("dsb ishst\ntlbi vmalle1is\ndsb ish\nisb" ::: "memory");
}

void bare_flush_page(uint64_t address)
{
    __asm__ volatile("dsb ishst\ntlbi vaale1is, %0\ndsb ish\nisb"
                     :
                     : "r"(address >> 12)
                     : "memory");
}

// --- workloads ---

static uint64_t psci(uint64_t function)
{
    register uint64_t x0 __asm__("x0") = function;
    __asm__ volatile("hvc #0" : "+r"(x0) : : "x1", "x2", "x3", "memory");
    return x0;
}

static uint64_t run_trap(void)
{
    uint64_t before = traps;
    for (unsigned i = 0; i < 1000; i++)
        __asm__ volatile("brk #0" ::: "memory");
    return traps - before;
}

static uint64_t run_svc(void)
{
    return bare_run_user(1000, USER);
}

static uint64_t run_psci(void)
{
    uint64_t right = 0;
    for (unsigned i = 0; i < 200; i++)
        right += psci(PSCI_VERSION) >> 16 <= 1;
    return right;
}

static uint64_t run_registers(void)
{
    uint64_t sum = 0;
    for (uint64_t i = 0; i < 1000; i++) {
        WRITE("tpidr_el1", i);
        __asm__ volatile("msr pan, #1" ::: "memory");
        sum += READ("tpidr_el1");
        __asm__ volatile("msr pan, #0" ::: "memory");
    }
    return sum;
}

static uint64_t run_time(void)
{
    uint64_t last = 0, right = 0;
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t time = READ("cntvct_el0");
        right += time >= last;
        last = time;
    }
    return right;
}

const struct bare_workload bare_own[] = {
    {"bare_trap", "1000 breakpoints at EL1, and back", run_trap, 1000},
    {"bare_svc", "1000 system calls from EL0 to EL1, and back", run_svc, 1000},
    {"bare_psci", "200 calls of PSCI", run_psci, 200},
    {"bare_sysreg", "4000 accesses to TPIDR_EL1 and PSTATE.PAN", run_registers, 499500},
    {"bare_time", "1000 readings of the virtual counter", run_time, 1000},
};
const size_t bare_own_count = sizeof bare_own / sizeof bare_own[0];

// --- the end ---

// Counters of 62.5 MHz and 1 GHz, which divide a second, are those that "virt" machines have.
uint64_t bare_now(void)
{
    return READ("cntvct_el0") * (1000000000 / READ("cntfrq_el0"));
}

_Noreturn void bare_power_off(void)
{
    for (;;)
        psci(PSCI_SYSTEM_OFF);
}
