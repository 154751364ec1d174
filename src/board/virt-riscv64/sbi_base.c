// SPDX-License-Identifier: MIT
//
// Base extension (chapter 4).
#include "sbi.h"

enum {
    GET_SPEC_VERSION,
    GET_IMPL_ID,
    GET_IMPL_VERSION,
    PROBE_EXTENSION,
    GET_MVENDORID,
    GET_MARCHID,
    GET_MIMPID,
};

enum {
    SPEC_VERSION = 2 << 24,  // 2.0
    IMPLEMENTATION = 0x7472, // Trine's own choice, not in the specification's list
    IMPLEMENTATION_VERSION = 0x000100,
};

struct sbi_result sbi_base(struct sbi_call *c)
{
    switch (c->function) {
    case GET_SPEC_VERSION: return sbi_ok(SPEC_VERSION);
    case GET_IMPL_ID: return sbi_ok(IMPLEMENTATION);
    case GET_IMPL_VERSION: return sbi_ok(IMPLEMENTATION_VERSION);
    case PROBE_EXTENSION: return sbi_ok(sbi_has_extension(c->arg[0]));
    // The harts' identification CSRs are all 0: not implemented.
    case GET_MVENDORID:
    case GET_MARCHID:
    case GET_MIMPID: return sbi_ok(0);
    default: return sbi_fail(SBI_ERR_NOT_SUPPORTED);
    }
}
