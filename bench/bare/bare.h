// SPDX-License-Identifier: MIT
// A guest without a kernel that measures what the architecture itself costs in the privileged mode:
// traps, firmware calls, system registers, and page walks after flushes and address-space switches.
// Under a kernel their cost drowns in the kernel's own code. bare.c has what is the same for all
// instruction sets, and asks a file of each for what is here.
#ifndef BARE_H
#define BARE_H

#include <stddef.h>
#include <stdint.h>

struct bare_workload {
    const char *name, *what;
    uint64_t (*run)(void); // one unit; gives its result
    uint64_t expected;     // that result
};

// The workloads of one instruction set, besides those of bare.c.
extern const struct bare_workload bare_own[];
extern const size_t bare_own_count;

// The console. bare_get sleeps until there is something.
void bare_console_start(void);
void bare_put(char c);
char bare_get(void);

uint64_t bare_now(void); // ns
_Noreturn void bare_power_off(void);

// Two address spaces alike, in which BARE_WINDOW has the pages of `bare_pages`. bare_make_spaces
// makes their tables; bare_leave_spaces goes back to what was there before bare_use_space.
#define BARE_PAGES  512
#define BARE_PAGE   4096
#define BARE_WINDOW (4ul << 30)

extern uint64_t bare_pages[BARE_PAGES][BARE_PAGE / sizeof(uint64_t)];
void bare_make_spaces(void);
void bare_use_space(unsigned space);
void bare_leave_spaces(void);
void bare_flush_all(void);
void bare_flush_page(uint64_t address);

void bare_main(void);

#endif
