// SPDX-License-Identifier: MIT
//
// "Did you mean": the name that is closest to what somebody typed.
#ifndef CLI_NEAREST_H
#define CLI_NEAREST_H

#include <vm/base/types.h>

struct cli_nearest {
    const char *text; // what was typed
    const char *best; // the closest name so far, or NULL
    unsigned distance;
};

static inline struct cli_nearest cli_nearest_to(const char *text)
{
    return (struct cli_nearest){text, NULL, 0};
}

// Considers one more name, which must outlive *n. Of equally close ones the first counts.
void cli_nearest_consider(struct cli_nearest *n, const char *name);

// The end of a message: "; did you mean PREFIXname?", or "; INSTEAD" when nothing is close.
void cli_nearest_hint(const struct cli_nearest *n, const char *prefix, const char *instead,
                      char *out, size_t size);

// Refuses a word of the command line, with the nearest of `names` (ended by NULL); returns the exit
// status.
int cli_refuse(const char *what, const char *word, const char *const *names, const char *instead);

// Insertions, removals, changes and swaps of neighbours that turn one into the other.
unsigned cli_edit_distance(const char *a, const char *b);

#endif
