// SPDX-License-Identifier: MIT
// The bare guest's orders, as of bench/guest/bench.c on its console (the protocol stands there),
// and the workloads that are the same for all instruction sets.
#include "bare.h"

uint64_t bare_pages[BARE_PAGES][BARE_PAGE / sizeof(uint64_t)] __attribute__((aligned(BARE_PAGE)));

// --- text ---

static void print(const char *text)
{
    while (*text)
        bare_put(*text++);
}

static void print_number(uint64_t number)
{
    char digits[24];
    unsigned count = 0;
    do
        digits[count++] = (char)('0' + number % 10);
    while (number /= 10);
    while (count)
        bare_put(digits[--count]);
}

static void read_line(char *line, size_t size)
{
    size_t length = 0;
    for (char c; (c = bare_get()) != '\n';)
        if (c != '\r' && length + 1 < size)
            line[length++] = c;
    line[length] = 0;
}

// --- workloads ---

static uint64_t window(unsigned page)
{
    return *(volatile uint64_t *)(BARE_WINDOW + (uint64_t)page * BARE_PAGE);
}

static uint64_t run_walk(void)
{
    uint64_t sum = 0;
    bare_use_space(0);
    bare_flush_all();
    for (unsigned i = 0; i < BARE_PAGES; i++)
        sum += window(i);
    bare_leave_spaces();
    return sum;
}

static uint64_t run_flush(void)
{
    uint64_t sum = 0;
    bare_use_space(0);
    for (unsigned i = 0; i < 200; i++) {
        bare_flush_page(BARE_WINDOW + 4 * BARE_PAGE);
        sum += window(4) + window(i % 4);
    }
    bare_leave_spaces();
    return sum;
}

static uint64_t run_switch(void)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < 200; i++) {
        bare_use_space(i & 1);
        sum += window(1) + window(2);
    }
    bare_leave_spaces();
    return sum;
}

static const struct bare_workload shared[] = {
    {"bare_walk", "a full flush and the first access to 512 pages", run_walk, 130816},
    {"bare_flush", "200 flushes of a page, each with two accesses", run_flush, 1100},
    {"bare_switch", "200 switches of the address space, each with two accesses", run_switch, 600},
};
#define SHARED (sizeof shared / sizeof shared[0])

static const struct bare_workload *workload(size_t number)
{
    if (number < bare_own_count)
        return &bare_own[number];
    return number - bare_own_count < SHARED ? &shared[number - bare_own_count] : NULL;
}

// --- orders ---

static int run_units(const struct bare_workload *w, uint64_t units)
{
    while (units--) {
        uint64_t found = w->run();
        if (found == w->expected)
            continue;
        print("@failed ");
        print(w->name);
        print(": wrong result ");
        print_number(found);
        bare_put('\n');
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

static int measure(const struct bare_workload *w, uint64_t units)
{
    uint64_t begin = bare_now();
    if (!run_units(w, units))
        return 0;
    uint64_t time = bare_now() - begin;
    print("@result ");
    print(w->name);
    print(" time=");
    print_number(time);
    bare_put('\n');
    return 1;
}

static void run_workload(const struct bare_workload *w)
{
    char line[64];
    const char *at;
    print("@begin ");
    print(w->name);
    bare_put('\n');
    do {
        at = line;
        read_line(line, sizeof line);
    } while (!is_word(&at, "end") && measure(w, number_in(at)));
}

static void order_run(const char *line)
{
    const struct bare_workload *w;
    for (size_t i = 0; (w = workload(i)); i++) {
        if (is_word(&line, w->name)) {
            run_workload(w);
            return;
        }
    }
    print("@failed no such workload\n");
}

static void list(void)
{
    const struct bare_workload *w;
    for (size_t i = 0; (w = workload(i)); i++) {
        print("@workload ");
        print(w->name);
        print(" 1 0 ");
        print(w->what);
        bare_put('\n');
    }
    print("@listed\n");
}

void bare_main(void)
{
    char line[160];
    for (unsigned i = 0; i < BARE_PAGES; i++)
        bare_pages[i][0] = i;
    bare_console_start();
    bare_make_spaces();
    print("@ready\n");
    for (;;) {
        const char *at = line;
        read_line(line, sizeof line);
        if (is_word(&at, "run"))
            order_run(at);
        else if (is_word(&at, "list"))
            list();
        else if (is_word(&at, "quit"))
            bare_power_off();
    }
}
