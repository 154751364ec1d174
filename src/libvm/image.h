// SPDX-License-Identifier: MIT
//
// Disk images of the hosted machine. For those who see the loader as well, whose image is another
// thing.
#ifndef LIBVM_IMAGE_INTERNAL_H
#define LIBVM_IMAGE_INTERNAL_H

#include <vm/device/backend/block.h>
#include <vm/libvm/disk.h>

struct vm_image;
struct vm_loop;

// Opens the image that the options mean, for a loop that does not run yet. *block is its disk, and
// lives as long. Errors name the file.
vm_status hosted_open_image(const struct vm_disk_options *options, struct vm_loop *loop,
                            struct vm_image **image, struct vm_block **block, struct vm_error *e);
// With the loop stopped; NULL is allowed.
void hosted_close_image(struct vm_image *image);

#endif
