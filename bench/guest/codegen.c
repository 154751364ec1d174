// SPDX-License-Identifier: MIT
// Code written at run time: new functions that are called once, and one whose instruction is
// changed before each call. The function adds constants to its argument.
#define _GNU_SOURCE
#include "bench.h"

#include <string.h>
#include <sys/mman.h>

#define FUNCTIONS 64
#define ADDITIONS 30
#define ROOM      512 // bytes for one function

typedef uint64_t (*function)(uint64_t);

struct state {
    char *code;
    uint64_t seed;
};

// Each host's: the size of an addition, how to write one, and the return.
#if defined(__riscv)
#define ADDITION 4
static void write_addition(char *at, uint32_t value) // addi a0, a0, value
{
    uint32_t word = value << 20 | 10 << 15 | 10 << 7 | 0x13;
    memcpy(at, &word, sizeof word);
}

static char *write_start(char *at)
{
    return at;
}

static void write_return(char *at) // jalr zero, 0(ra)
{
    uint32_t word = 1 << 15 | 0x67;
    memcpy(at, &word, sizeof word);
}
#elif defined(__aarch64__)
#define ADDITION 4
static void write_addition(char *at, uint32_t value) // add x0, x0, #value
{
    uint32_t word = 0x91000000 | value << 10;
    memcpy(at, &word, sizeof word);
}

static char *write_start(char *at)
{
    return at;
}

static void write_return(char *at) // ret
{
    uint32_t word = 0xd65f03c0;
    memcpy(at, &word, sizeof word);
}
#elif defined(__x86_64__)
#define ADDITION 6
static void write_addition(char *at, uint32_t value) // add rax, value
{
    memcpy(at, "\x48\x05", 2);
    memcpy(at + 2, &value, sizeof value);
}

static char *write_start(char *at) // mov rax, rdi
{
    memcpy(at, "\x48\x89\xf8", 3);
    return at + 3;
}

static void write_return(char *at) // ret
{
    *at = '\xc3';
}
#else
#error "no generator for this instruction set"
#endif

// Positive values of 11 bits fit all encodings.
static uint64_t write_function(char *at, uint64_t *seed)
{
    uint64_t sum = 0;
    at = write_start(at);
    for (unsigned i = 0; i < ADDITIONS; i++, at += ADDITION) {
        uint32_t value = bench_random(seed) >> 20 & 0x7ff;
        write_addition(at, value);
        sum += value;
    }
    write_return(at);
    return sum;
}

static uint64_t call(char *code, uint64_t argument)
{
    function f;
    memcpy(&f, &code, sizeof f);
    return f(argument);
}

static void *setup(void)
{
    struct state *state = bench_allocate(sizeof *state);
    state->seed = 1;
    state->code = mmap(NULL, (size_t)FUNCTIONS * ROOM, PROT_READ | PROT_WRITE | PROT_EXEC,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return state->code == MAP_FAILED ? NULL : state;
}

static uint64_t run_new(void *opaque)
{
    struct state *state = opaque;
    uint64_t right = 0;
    for (unsigned i = 0; i < FUNCTIONS; i++) {
        char *code = state->code + (size_t)i * ROOM;
        uint64_t sum = write_function(code, &state->seed);
        __builtin___clear_cache(code, code + ROOM);
        right += call(code, i) == sum + i;
    }
    return right;
}

static uint64_t run_changed(void *opaque)
{
    struct state *state = opaque;
    uint64_t right = 0;
    char *body = write_start(state->code);
    uint64_t sum = write_function(state->code, &state->seed);
    __builtin___clear_cache(state->code, state->code + ROOM);
    uint64_t last = call(state->code, 0);
    right += last == sum;
    for (uint32_t i = 0; i < FUNCTIONS; i++) {
        write_addition(body, i * 7);
        __builtin___clear_cache(body, body + ADDITION);
        uint64_t found = call(state->code, 0);
        right += i == 0 || found == last + 7;
        last = found;
    }
    return right;
}

BENCH(code_new, .what = "64 functions of 30 instructions written and called once", .setup = setup,
      .run = run_new, .expected = FUNCTIONS);
BENCH(code_changed, .what = "64 times an instruction of a function changed, and called",
      .setup = setup, .run = run_changed, .expected = FUNCTIONS + 1);
