// SPDX-License-Identifier: MIT
// A guest without a kernel that measures what the architecture itself costs in supervisor mode:
// traps, SBI calls, CSRs, and page walks after flushes and address-space switches. Under a kernel
// their cost drowns in the kernel's own code. It talks on the UART of the board as
// bench/guest/bench.c does on its console (the protocol stands there), and sleeps while it waits.
//
// The board is the "virt" machine: a 16550 at 0x10000000 with interrupt 10 of the PLIC.
#include <stddef.h>
#include <stdint.h>

#define UART           0x10000000ul
#define UART_INTERRUPT 10
#define PLIC           0x0c000000ul
#define PLIC_CONTEXT   1   // supervisor mode of the first hart
#define TICK           100 // ns: the board's timebase is 10 MHz

struct workload {
    const char *name, *what;
    uint64_t (*run)(void);
    uint64_t expected;
};

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

static void console_start(void)
{
    *plic(4 * UART_INTERRUPT) = 1;
    *plic(0x2000 + 0x80 * PLIC_CONTEXT) = 1u << UART_INTERRUPT;
    *plic(0x200000 + 0x1000 * PLIC_CONTEXT) = 0;
    *uart(1) = 1; // an interrupt for received data
    __asm__ volatile("csrw sie, %0" : : "r"(1ul << 9));
}

static void put(char c)
{
    while (!(*uart(5) & 0x20))
        ;
    *uart(0) = (uint8_t)c;
}

static char get(void)
{
    while (!(*uart(5) & 1)) {
        __asm__ volatile("wfi");
        volatile uint32_t *claim = plic(0x200004 + 0x1000 * PLIC_CONTEXT);
        *claim = *claim;
    }
    return (char)*uart(0);
}

static void print(const char *text)
{
    while (*text)
        put(*text++);
}

static void print_number(uint64_t number)
{
    char digits[24];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        put(digits[--count]);
}

static void read_line(char *line, size_t size)
{
    size_t length = 0;
    for (char c; (c = get()) != '\n';)
        if (c != '\r' && length + 1 < size)
            line[length++] = c;
    line[length] = 0;
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

// Two address spaces of Sv39 alike: the first 4 GB as gigapages of themselves, and at 4 GB 512
// pages that lie in `pages`.
#define PAGES  512
#define PAGE   4096
#define WINDOW (4ul << 30)

static uint64_t pages[PAGES][PAGE / sizeof(uint64_t)] __attribute__((aligned(PAGE)));
static uint64_t root[2][512] __attribute__((aligned(PAGE)));
static uint64_t middle[512] __attribute__((aligned(PAGE)));
static uint64_t leaf[512] __attribute__((aligned(PAGE)));

static uint64_t entry(const void *page, uint64_t flags)
{
    return (uint64_t)(uintptr_t)page >> 12 << 10 | flags;
}

static void make_tables(void)
{
    for (unsigned space = 0; space < 2; space++) {
        for (uint64_t i = 0; i < 4; i++)
            root[space][i] = i << 28 | 0xcf; // V R W X A D
        root[space][4] = entry(middle, 1);
    }
    middle[0] = entry(leaf, 1);
    for (unsigned i = 0; i < PAGES; i++) {
        leaf[i] = entry(pages[i], 0xc7); // V R W A D
        pages[i][0] = i;
    }
}

static void use_space(uint64_t space)
{
    uint64_t satp = 8ul << 60 | (space + 1) << 44 | (uint64_t)(uintptr_t)root[space] >> 12;
    __asm__ volatile("csrw satp, %0" : : "r"(satp) : "memory");
}

static void leave_spaces(void)
{
    __asm__ volatile("csrw satp, zero\nsfence.vma" ::: "memory");
}

static uint64_t window(unsigned page)
{
    return *(volatile uint64_t *)(WINDOW + (uint64_t)page * PAGE);
}

static uint64_t run_walk(void)
{
    uint64_t sum = 0;
    use_space(0);
    __asm__ volatile("sfence.vma" ::: "memory");
    for (unsigned i = 0; i < PAGES; i++)
        sum += window(i);
    leave_spaces();
    return sum;
}

static uint64_t run_flush(void)
{
    uint64_t sum = 0;
    use_space(0);
    for (unsigned i = 0; i < 200; i++) {
        __asm__ volatile("sfence.vma %0" : : "r"(WINDOW + 4 * PAGE) : "memory");
        sum += window(4) + window(i % 4);
    }
    leave_spaces();
    return sum;
}

static uint64_t run_switch(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 200; i++) {
        use_space(i & 1);
        sum += window(1) + window(2);
    }
    leave_spaces();
    return sum;
}

static const struct workload workloads[] = {
    {"bare_trap", "1000 breakpoints in supervisor mode, and back", run_trap, 1000},
    {"bare_sbi", "200 calls of the SBI", run_sbi, 200},
    {"bare_csr", "4000 accesses to sscratch and sstatus.SUM", run_csr, 499500},
    {"bare_time", "1000 readings of the time CSR", run_time, 1000},
    {"bare_walk", "a full flush and the first access to 512 pages", run_walk, 130816},
    {"bare_flush", "200 flushes of a page, each with two accesses", run_flush, 1100},
    {"bare_switch", "200 switches of the address space, each with two accesses", run_switch, 600},
};
#define WORKLOADS (sizeof workloads / sizeof workloads[0])

// --- orders ---

static uint64_t ticks(void)
{
    uint64_t time;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

static int run_units(const struct workload *workload, uint64_t units)
{
    while (units--) {
        uint64_t found = workload->run();
        if (found == workload->expected)
            continue;
        print("@failed ");
        print(workload->name);
        print(": wrong result ");
        print_number(found);
        put('\n');
        return 0;
    }
    return 1;
}

static int is_word(const char **line, const char *word)
{
    const char *at = *line;
    while (*word && *at == *word)
        at++, word++;
    if (*word || (*at && *at != ' '))
        return 0;
    *line = *at ? at + 1 : at;
    return 1;
}

static uint64_t number_in(const char *line)
{
    uint64_t number = 0;
    while (*line >= '0' && *line <= '9')
        number = number * 10 + (uint64_t)(*line++ - '0');
    return number;
}

static int measure(const struct workload *workload, uint64_t units)
{
    uint64_t begin = ticks();
    if (!run_units(workload, units))
        return 0;
    uint64_t time = ticks() - begin;
    print("@result ");
    print(workload->name);
    print(" time=");
    print_number(time * TICK);
    put('\n');
    return 1;
}

static void run_workload(const struct workload *workload)
{
    char line[64];
    const char *at;
    print("@begin ");
    print(workload->name);
    put('\n');
    do {
        at = line;
        read_line(line, sizeof line);
    } while (!is_word(&at, "end") && measure(workload, number_in(at)));
}

static void order_run(const char *line)
{
    for (unsigned i = 0; i < WORKLOADS; i++) {
        if (is_word(&line, workloads[i].name)) {
            run_workload(&workloads[i]);
            return;
        }
    }
    print("@failed no such workload\n");
}

static void list(void)
{
    for (unsigned i = 0; i < WORKLOADS; i++) {
        print("@workload ");
        print(workloads[i].name);
        print(" 1 0 ");
        print(workloads[i].what);
        put('\n');
    }
    print("@listed\n");
}

void bare_main(void);
void bare_main(void)
{
    char line[160];
    console_start();
    make_tables();
    print("@ready\n");
    for (;;) {
        const char *at = line;
        read_line(line, sizeof line);
        if (is_word(&at, "run"))
            order_run(at);
        else if (is_word(&at, "list"))
            list();
        else if (is_word(&at, "quit"))
            sbi(0x53525354, 0, 0); // system reset: shut down
    }
}
