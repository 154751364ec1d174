// SPDX-License-Identifier: MIT
//
// Cases of arm64_privileged.S: who is to blame for an abort (ESR_EL1.WnR) of an instruction that
// loads and stores, of pairs, elements, ordered accesses, memory copies and sets. They come last, for
// cases before them tell where they lie.
    CASE "atomic on page 5", EL1H
    PAGE x9, 5
    .inst 0xf8200120 // ldadd x0, x0, [x9]
    END
    CASE "atomic on page 6", EL1H
    PAGE x9, 6
    .inst 0xf8200120 // ldadd x0, x0, [x9]
    END
    CASE "atomic on page 12, clean", EL0
    PAGE x9, 12
    .inst 0xf820413f // stsmax x0, [x9]
    END
    CASE "compare and swap on page 1", EL0
    PAGE x9, 1
    .inst 0x88a07d21 // cas w0, w1, [x9]
    END
    CASE "compare and swap pair on page 3", EL1H
    PAGE x9, 3
    .inst 0x48207d24 // casp x0, x1, x4, x5, [x9]
    END
    CASE "compare and swap pair on page 0", EL1H
    .inst 0x48207c44 // casp x0, x1, x4, x5, [x2]
    END
    CASE "load exclusive pair on page 0", EL1H
    ldaxp x0, x1, [x2]
    END
    CASE "store exclusive pair on page 3", EL1H
    PAGE x9, 3
    ldxp x0, x1, [x9]
    stlxp w0, x1, x5, [x9]
    END
    CASE "ordered load from page 0", EL0
    .inst 0xd9400040 // ldapur x0, [x2]
    END
    CASE "ordered store to page 3", EL1H
    PAGE x9, 3
    .inst 0xd9000120 // stlur x0, [x9]
    END
    CASE "element to page 3", EL1H
    PAGE x9, 3
    st1 {v0.h}[3], [x9]
    END
    CASE "replicated from page 0", EL0
    ld1r {v0.4s}, [x2]
    END
    CASE "memory set on page 3", EL1H
    PAGE x9, 3
    mov x10, #16
    .inst 0x19c00549 // setp [x9]!, x10!, x0
    .inst 0x19c04549 // setm [x9]!, x10!, x0
    END
    CASE "memory copy from page 0", EL1H
    PAGE x9, 2
    mov x10, #16
    mov x11, x2
    .inst 0x190b0549 // cpyfp [x9]!, [x11]!, x10!
    .inst 0x194b0549 // cpyfm [x9]!, [x11]!, x10!
    END
    CASE "memory copy to page 3", EL1H
    PAGE x9, 3
    PAGE x11, 2
    mov x10, #16
    .inst 0x190b0549 // cpyfp [x9]!, [x11]!, x10!
    .inst 0x194b0549 // cpyfm [x9]!, [x11]!, x10!
    END
