// SPDX-License-Identifier: MIT
//
// Looking into the device tree that a board made, for tests.
#ifndef BOARD_TREE_H
#define BOARD_TREE_H

#include "board_machine.h"

#include <libfdt.h>

// The tree of a board, checked; the board's.
const void *board_tree(struct board_machine *b);

// A property of the node at `path`, which must have it: of `size` bytes (any if negative), or of
// one or two cells.
const void *tree_property(const void *tree, const char *path, const char *name, int size);
uint64_t tree_property64(const void *tree, const char *path, const char *name);
uint32_t tree_property32(const void *tree, const char *path, const char *name);

// Skips the test where dtc is missing; before it makes anything.
void tree_need_dtc(void);
// Fails the test with what dtc has to say against the tree.
void tree_check_with_dtc(const void *tree);

#endif
