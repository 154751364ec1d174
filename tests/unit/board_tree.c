// SPDX-License-Identifier: MIT
#include "board_tree.h"

#include <stdio.h>
#include <stdlib.h>

const void *board_tree(struct board_machine *b)
{
    const void *tree;
    size_t size;
    assert_int_equal(b->ops->device_tree(b->board, &tree, &size, &b->error), VM_OK);
    assert_int_equal(fdt_check_full(tree, size), 0);
    assert_int_equal(fdt_totalsize(tree), size);
    return tree;
}

const void *tree_property(const void *tree, const char *path, const char *name, int size)
{
    int got;
    const void *p = fdt_getprop(tree, fdt_path_offset(tree, path), name, &got);
    if (!p || (size >= 0 && got != size))
        fail_msg("%s/%s: %d", path, name, got);
    return p;
}

uint64_t tree_property64(const void *tree, const char *path, const char *name)
{
    return fdt64_ld(tree_property(tree, path, name, 8));
}

uint32_t tree_property32(const void *tree, const char *path, const char *name)
{
    return fdt32_ld(tree_property(tree, path, name, 4));
}

void tree_need_dtc(void)
{
    if (system("dtc --version >/dev/null 2>&1") == 0)
        return;
    print_message("skipped: dtc is missing (package device-tree-compiler)\n");
    skip();
}

// dtc's checks of what nodes must have; it prints one line for each that does not.
void tree_check_with_dtc(const void *tree)
{
    char name[] = "/tmp/trine-tree-XXXXXX", command[100], line[300];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "wb");
    assert_int_equal(fwrite(tree, fdt_totalsize(tree), 1, file), 1);
    fclose(file);
    snprintf(command, sizeof command, "dtc -I dtb -O dts -o /dev/null %s 2>&1", name);
    FILE *dtc = popen(command, "r");
    bool complained = fgets(line, sizeof line, dtc) != NULL;
    assert_int_equal(pclose(dtc), 0);
    remove(name);
    if (complained)
        fail_msg("dtc: %s", line);
}
