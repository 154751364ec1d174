// SPDX-License-Identifier: MIT
//
// What the standalone driver of the fuzz targets consists of.
#ifndef TESTS_FUZZ_STANDALONE_H
#define TESTS_FUZZ_STANDALONE_H

#include <stddef.h>
#include <stdint.h>

enum { INPUT_ROOM = 32 << 10 };

struct input {
    size_t size;
    uint8_t data[INPUT_ROOM];
};

// Every fuzz target has this one function (LLVM's libFuzzer manual, "Fuzz Target").
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// Makes `out` from one of the `count` files by a few random changes. *seed is the state of the
// random numbers.
void input_mutate(struct input *out, const struct input *files, size_t count, uint64_t *seed);

#endif
