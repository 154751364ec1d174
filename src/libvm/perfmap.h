// SPDX-License-Identifier: MIT
//
// Names of generated code for Linux's perf.
#ifndef LIBVM_PERFMAP_H
#define LIBVM_PERFMAP_H

#include <vm/base/error.h>

struct hosted_perfmap;

// Opens /tmp/perf-PID.map, emptying it. VM_ERR_FILE if that cannot be done.
vm_status hosted_perfmap_create(struct hosted_perfmap **out, struct vm_error *e);
void hosted_perfmap_destroy(struct hosted_perfmap *p); // NULL is allowed

// Adds `size` bytes of code that can be executed at `code`. Any thread.
void hosted_perfmap_add(struct hosted_perfmap *p, const void *code, size_t size, const char *name);

#endif
