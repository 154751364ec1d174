// SPDX-License-Identifier: MIT
// Sorting: a quicksort of our own, and the C library's with its calls through a pointer.
#include "bench.h"

#include <stdlib.h>

#define COUNT 4096

static void *setup(void)
{
    return bench_allocate(COUNT * sizeof(uint32_t));
}

static void fill(uint32_t *numbers)
{
    uint64_t seed = 4711;
    for (size_t i = 0; i < COUNT; i++)
        numbers[i] = (uint32_t)bench_random(&seed);
}

static uint64_t check(const uint32_t *numbers)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (i && numbers[i - 1] > numbers[i])
            return 0;
        sum += numbers[i];
    }
    return sum;
}

static void quicksort(uint32_t *numbers, long low, long high)
{
    while (low < high) {
        uint32_t pivot = numbers[(low + high) / 2];
        long i = low, j = high;
        while (i <= j) {
            while (numbers[i] < pivot)
                i++;
            while (numbers[j] > pivot)
                j--;
            if (i <= j) {
                uint32_t kept = numbers[i];
                numbers[i++] = numbers[j];
                numbers[j--] = kept;
            }
        }
        quicksort(numbers, low, j);
        low = i;
    }
}

static uint64_t run_sort(void *state)
{
    fill(state);
    quicksort(state, 0, COUNT - 1);
    return check(state);
}

static int compare(const void *a, const void *b)
{
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

static uint64_t run_qsort(void *state)
{
    fill(state);
    qsort(state, COUNT, sizeof(uint32_t), compare);
    return check(state);
}

BENCH(sort, .what = "quicksort of 4096 numbers", .setup = setup, .run = run_sort,
      .expected = 0x82d1c6a7c62);
BENCH(qsort, .what = "the C library's qsort of 4096 numbers", .setup = setup, .run = run_qsort,
      .expected = 0x82d1c6a7c62);
