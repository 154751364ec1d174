// SPDX-License-Identifier: MIT
//
// "Did you mean" for words of the command line.
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <vm/libvm/nearest.h>

// Refuses a word of the command line, with the nearest of `names` (ended by NULL); returns the exit
// status.
int cli_refuse(const char *what, const char *word, const char *const *names, const char *instead);

#endif
