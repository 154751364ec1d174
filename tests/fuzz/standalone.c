// SPDX-License-Identifier: MIT
//
// Runs a libFuzzer target without libFuzzer: every file given, or every file of a directory given,
// then random mutations of them for a while. The same seed gives the same mutations on every host,
// so a run that fails is repeated by its seed; and the input that failed is left in the working
// directory as PROGRAM.input, to be given to the program as its one file.
//
//   PROGRAM [--seconds=N] [--seed=N] FILE|DIRECTORY...
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "standalone.h"

enum { MAX_FILES = 4096, MAX_PATH = 1024 };

struct run {
    struct input files[MAX_FILES];
    size_t count;
    char kept[MAX_PATH]; // the path of the current input
    FILE *keep;
};

static void fail(const char *what, const char *path)
{
    fprintf(stderr, "cannot %s %s: %s\n", what, path, strerror(errno));
    exit(2);
}

static void add_file(struct run *r, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        fail("open", path);
    if (r->count == MAX_FILES) {
        errno = EMFILE;
        fail("hold", path);
    }
    struct input *in = &r->files[r->count++];
    in->size = fread(in->data, 1, sizeof in->data, f);
    if (ferror(f) || fclose(f) != 0)
        fail("read", path);
}

static int is_visible(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static void add_path(struct run *r, const char *path)
{
    struct stat s;
    if (stat(path, &s) < 0)
        fail("find", path);
    if (!S_ISDIR(s.st_mode)) {
        add_file(r, path);
        return;
    }
    struct dirent **names;
    int n = scandir(path, &names, is_visible, alphasort); // sorted: the same order everywhere
    if (n < 0)
        fail("list", path);
    for (int i = 0; i < n; i++) {
        char file[MAX_PATH];
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        add_file(r, file);
        free(names[i]);
    }
    free(names);
}

// Runs the target on a copy without a byte to spare, so that a sanitizer sees a read past the end.
static void run_one(struct run *r, const struct input *in)
{
    rewind(r->keep);
    if (fwrite(in->data, 1, in->size, r->keep) != in->size || fflush(r->keep) != 0 ||
        ftruncate(fileno(r->keep), (off_t)in->size) < 0)
        fail("write", r->kept);
    uint8_t *copy = malloc(in->size ? in->size : 1);
    if (!copy)
        fail("copy", r->kept);
    memcpy(copy, in->data, in->size);
    LLVMFuzzerTestOneInput(copy, in->size);
    free(copy);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint64_t mutate_for(struct run *r, uint64_t seconds, uint64_t seed)
{
    static struct input current; // too large for a stack
    uint64_t done = 0, start = now_ms();
    while (now_ms() - start < seconds * 1000) {
        input_mutate(&current, r->files, r->count, &seed);
        run_one(r, &current);
        done++;
    }
    return done;
}

int main(int argc, char **argv)
{
    uint64_t seconds = 0, seed = 1;
    struct run *r = calloc(1, sizeof *r);
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    if (!r)
        fail("start", name);
    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--seconds=", 10) == 0)
            seconds = strtoull(argv[i] + 10, NULL, 0);
        else if (strncmp(argv[i], "--seed=", 7) == 0)
            seed = strtoull(argv[i] + 7, NULL, 0);
        else
            add_path(r, argv[i]);
    }
    if (r->count == 0) {
        fprintf(stderr, "usage: %s [--seconds=N] [--seed=N] FILE|DIRECTORY...\n", name);
        return 2;
    }
    snprintf(r->kept, sizeof r->kept, "%s.input", name);
    r->keep = fopen(r->kept, "wb");
    if (!r->keep)
        fail("write", r->kept);
    printf("%s: %zu files, %llu s of mutations from seed %llu; the current input is in %s\n", name,
           r->count, (unsigned long long)seconds, (unsigned long long)seed, r->kept);
    fflush(stdout);
    for (size_t i = 0; i < r->count; i++)
        run_one(r, &r->files[i]);
    uint64_t done = mutate_for(r, seconds, seed);
    printf("%s: %llu mutations, nothing failed\n", name, (unsigned long long)done);
    fclose(r->keep);
    remove(r->kept);
    free(r);
    return 0;
}
