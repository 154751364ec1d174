// SPDX-License-Identifier: MIT
//
// What a program without a libc has here: two system calls, and a heap that only grows.
#ifndef FREESTANDING_START_H
#define FREESTANDING_START_H

#include <vm/base/types.h>

void start_print(const char *text, size_t size);
void *start_alloc(size_t size, size_t align); // NULL when the heap is used up

// The program; returns its exit status.
int start_main(void);

#endif
