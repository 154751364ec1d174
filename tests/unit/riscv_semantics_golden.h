// SPDX-License-Identifier: MIT
//
// Lowerings of test_riscv_semantics.c: what it shows, assembly, words, mode, IR. The first word is
// at page base + 0x100.
{"integer computation; x0 is dropped",
 "addi a0,a1,-1; sltu zero,a0,a1; sub a2,a0,zero",
 {0xfff58513, 0x00b53033, 0x40050633},
 U,
 "region {\n"
 "b0:\n"
 "  insn 0x100 4\n"
 "  %1 = get.i64 a1\n"
 "  %2 = const.i64 0xffffffffffffffff\n"
 "  %3 = add.i64 %1, %2\n"
 "  put a0, %3\n"
 "  insn 0x104 4\n"
 "  insn 0x108 4\n"
 "  %7 = const.i64 0x0\n"
 "  put a2, %3\n"
 "  goto 0x10c\n"
 "}\n"},
    {"word computation",
     "addw a0,a1,a2; srliw a1,a0,3; sraw a2,a0,a1",
     {0x00c5853b, 0x0035559b, 0x40b5563b},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = get.i64 a2\n"
     "  %3 = add.i64 %1, %2\n"
     "  %4 = extract.i64 %3, 0, 32 {signed}\n"
     "  put a0, %4\n"
     "  insn 0x104 4\n"
     "  %7 = extract.i64 %3, 3, 29\n"
     "  put a1, %7\n"
     "  insn 0x108 4\n"
     "  %10 = trunc.i32 %3\n"
     "  %11 = trunc.i32 %7\n"
     "  %12 = sar.i32 %10, %11\n"
     "  %13 = sext.i64 %12\n"
     "  put a2, %13\n"
     "  goto 0x10c\n"
     "}\n"},
    {"word division",
     "divw a0,a1,a2",
     {0x02c5c53b},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = get.i64 a2\n"
     "  %3 = trunc.i32 %1\n"
     "  %4 = trunc.i32 %2\n"
     "  %5 = divs.i32 %3, %4\n"
     "  %6 = sext.i64 %5\n"
     "  put a0, %6\n"
     "  goto 0x104\n"
     "}\n"},
    {"pc-relative addresses",
     "auipc a0,0x12; lui a1,0x80000",
     {0x00012517, 0x800005b7},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = pcrel 0x12100\n"
     "  put a0, %1\n"
     "  insn 0x104 4\n"
     "  %4 = const.i64 0xffffffff80000000\n"
     "  put a1, %4\n"
     "  goto 0x108\n"
     "}\n"},
    {"memory; a load to x0 still reads",
     "lw a0,-4(sp); sb a0,8(sp); lbu zero,0(a0)",
     {0xffc12503, 0x00a10423, 0x00054003},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 sp\n"
     "  %2 = load.i64 %1 - 0x4 {w, signed}\n"
     "  put a0, %2\n"
     "  insn 0x104 4\n"
     "  store.i64 %1 + 0x8, %2 {b}\n"
     "  insn 0x108 4\n"
     "  %7 = load.i64 %2 {b}\n"
     "  goto 0x10c\n"
     "}\n"},
    {"a conditional branch",
     "bgeu a0,a1,.+0x20",
     {0x02b57063},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a0\n"
     "  %2 = get.i64 a1\n"
     "  %3 = leu.i64 %2, %1\n"
     "  branch %3, b1, b2\n"
     "b1:\n"
     "  goto 0x120\n"
     "b2:\n"
     "  goto 0x104\n"
     "}\n"},
    {"a branch that is always taken",
     "beq zero,zero,.-0x20",
     {0xfe0000e3},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = const.i64 0x0\n"
     "  %2 = const.i64 0x1\n"
     "  goto 0xe0\n"
     "}\n"},
    {"a call",
     "jal ra,.+0x1000",
     {0x000010ef},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = pcrel 0x104\n"
     "  put ra, %1\n"
     "  goto 0x1100, call 0x104\n"
     "}\n"},
    {"return",
     "ret",
     {0x00008067},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 ra\n"
     "  %2 = const.i64 0x0\n"
     "  %3 = const.i64 0xfffffffffffffffe\n"
     "  %4 = and.i64 %1, %3\n"
     "  goto_ind %4, return\n"
     "}\n"},
    {"a call by the other link register",
     "jal t0,.-0x100",
     {0xf01ff2ef},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = pcrel 0x104\n"
     "  put t0, %1\n"
     "  goto 0x0, call 0x104\n"
     "}\n"},
    {"no call",
     "jal a0,.+0x1000",
     {0x0000156f},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = pcrel 0x104\n"
     "  put a0, %1\n"
     "  goto 0x1100\n"
     "}\n"},
    {"a far call",
     "auipc ra,0x1; jalr ra,0(ra)",
     {0x00001097, 0x000080e7},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = pcrel 0x1100\n"
     "  put ra, %1\n"
     "  insn 0x104 4\n"
     "  %4 = const.i64 0x0\n"
     "  %5 = const.i64 0xfffffffffffffffe\n"
     "  %6 = pcrel 0x1100\n"
     "  %7 = pcrel 0x108\n"
     "  put ra, %7\n"
     "  goto 0x1100, call 0x108\n"
     "}\n"},
    {"an indirect call",
     "jalr ra,0(a0)",
     {0x000500e7},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a0\n"
     "  %2 = const.i64 0x0\n"
     "  %3 = const.i64 0xfffffffffffffffe\n"
     "  %4 = and.i64 %1, %3\n"
     "  %5 = pcrel 0x104\n"
     "  put ra, %5\n"
     "  goto_ind %4, call 0x104\n"
     "}\n"},
    {"a coroutine goes on with another",
     "jalr ra,4(t0)",
     {0x004280e7},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 t0\n"
     "  %2 = const.i64 0x4\n"
     "  %3 = add.i64 %1, %2\n"
     "  %4 = const.i64 0xfffffffffffffffe\n"
     "  %5 = and.i64 %3, %4\n"
     "  %6 = pcrel 0x104\n"
     "  put ra, %6\n"
     "  goto_ind %5, swap 0x104\n"
     "}\n"},
    {"load-reserved and store-conditional",
     "lr.w.aq a0,(a1); sc.w.rl a0,a2,(a1)",
     {0x1405a52f, 0x1ac5a52f},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = lr.i64 %1 {w, signed, natural, acquire}\n"
     "  put a0, %2\n"
     "  insn 0x104 4\n"
     "  %5 = get.i64 a2\n"
     "  %6 = sc.i64 %1, %5 {w, natural, release}\n"
     "  put a0, %6\n"
     "  goto 0x108\n"
     "}\n"},
    {"fetch-and-op",
     "amoadd.d.aqrl a0,a2,(a1)",
     {0x06c5b52f},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = get.i64 a2\n"
     "  %3 = rmw.i64 %1, %2 {add, d, natural, seq_cst}\n"
     "  put a0, %3\n"
     "  goto 0x104\n"
     "}\n"},
    {"compare-and-swap of a pair",
     ".insn r 0x2f,4,0x14,a0,a1,a2",
     {0x28c5c52f},
     M,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = get.i64 a0\n"
     "  %3 = pair %2, %1\n"
     "  %4 = get.i64 a2\n"
     "  %5 = get.i64 a3\n"
     "  %6 = pair %4, %5\n"
     "  %7 = cas.i128 %1, %3, %6 {q, natural}\n"
     "  %8 = lo %7\n"
     "  put a0, %8\n"
     "  %10 = hi %7\n"
     "  put a1, %10\n"
     "  goto 0x104\n"
     "}\n"},
    {"FP arithmetic",
     "flw fa0,0(a0); fnmadd.s fa0,fa0,fa1,fa2,rtz; fadd.s fa1,fa0,fa0",
     {0x00052507, 0x60b5154f, 0x00a575d3},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a0\n"
     "  %2 = load.i32 %1 {w}\n"
     "  %3 = bitsf.f32 %2\n"
     "  %4 = box.f32 %3\n"
     "  put fa0, %4\n"
     "  %6 = const.i64 0x6000\n"
     "  put fs_dirty, %6\n"
     "  insn 0x104 4\n"
     "  %9 = get.i64 fa1\n"
     "  %10 = unbox.f32 %9\n"
     "  %11 = get.i64 fa2\n"
     "  %12 = unbox.f32 %11\n"
     "  %13 = fma.f32 %3, %10, %12 {neg_product, neg_addend, rtz}\n"
     "  %14 = box.f32 %13\n"
     "  put fa0, %14\n"
     "  insn 0x108 4\n"
     "  %17 = fadd.f32 %13, %13 {dynamic}\n"
     "  %18 = box.f32 %17\n"
     "  put fa1, %18\n"
     "  goto 0x10c\n"
     "}\n"},
    {"FP in a privileged mode",
     "fcvt.wu.d a0,fa0,dyn",
     {0xc2157553},
     S,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = const.i64 0x1\n"
     "  call fp_check(%1)\n"
     "  %3 = get.i64 fa0\n"
     "  %4 = bitsf.f64 %3\n"
     "  %5 = ftou.i32 %4 {dynamic}\n"
     "  %6 = sext.i64 %5\n"
     "  put a0, %6\n"
     "  %8 = const.i64 0x6000\n"
     "  put fs_dirty, %8\n"
     "  goto 0x104\n"
     "}\n"},
    {"FP while FS is off",
     "fmul.d fa0,fa1,fa2",
     {0x12c5f553},
     U | FS_OFF,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = const.i64 0x12c5f553\n"
     "  raise 0x2, %1\n"
     "}\n"},
    {"FP moves",
     "fmv.d fa0,fa1; fneg.s fa2,fa3; fmv.x.w a0,fa1",
     {0x22b58553, 0x20d69653, 0xe0058553},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 fa1\n"
     "  %2 = bitsf.f64 %1\n"
     "  %3 = bitsf.f64 %1\n"
     "  put fa0, %1\n"
     "  %5 = const.i64 0x6000\n"
     "  put fs_dirty, %5\n"
     "  insn 0x104 4\n"
     "  %8 = get.i64 fa3\n"
     "  %9 = unbox.f32 %8\n"
     "  %10 = fbits.f32 %9\n"
     "  %11 = const.i32 0x80000000\n"
     "  %12 = xor.i32 %10, %11\n"
     "  %13 = bitsf.f32 %12\n"
     "  %14 = box.f32 %13\n"
     "  put fa2, %14\n"
     "  insn 0x108 4\n"
     "  %17 = extract.i64 %1, 0, 32 {signed}\n"
     "  put a0, %17\n"
     "  goto 0x10c\n"
     "}\n"},
    {"FP comparison",
     "flt.d a0,fa0,fa1",
     {0xa2b51553},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 fa0\n"
     "  %2 = bitsf.f64 %1\n"
     "  %3 = get.i64 fa1\n"
     "  %4 = bitsf.f64 %3\n"
     "  %5 = flt.f64 %2, %4 {signaling}\n"
     "  put a0, %5\n"
     "  %7 = const.i64 0x6000\n"
     "  put fs_dirty, %7\n"
     "  goto 0x104\n"
     "}\n"},
    {"CSRs: flags",
     "csrrwi a0,fflags,0",
     {0x00105573},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = const.i64 0x0\n"
     "  %2 = get.i8 fflags\n"
     "  %3 = zext.i64 %2\n"
     "  %4 = const.i64 0x1f\n"
     "  %5 = const.i8 0x0\n"
     "  put fflags, %5\n"
     "  %7 = const.i64 0x6000\n"
     "  put fs_dirty, %7\n"
     "  put a0, %3\n"
     "  goto 0x104\n"
     "}\n"},
    {"CSRs: storage",
     "csrrw sp,sscratch,sp",
     {0x14011173},
     S,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 sp\n"
     "  %2 = get.i64 sscratch\n"
     "  put sscratch, %1\n"
     "  put sp, %2\n"
     "  goto 0x104\n"
     "}\n"},
    {"CSRs: interrupts off",
     "csrrci a0,sstatus,2",
     {0x10017573},
     S,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = const.i64 0x2\n"
     "  %2 = get.i64 mstatus\n"
     "  %3 = get.i64 fs_dirty\n"
     "  %4 = or.i64 %2, %3\n"
     "  %5 = const.i64 0xc6122\n"
     "  %6 = const.i64 0xffffffffffffffff\n"
     "  %7 = const.i64 0xfffffffffffffffd\n"
     "  %8 = and.i64 %4, %7\n"
     "  %9 = const.i64 0x6000\n"
     "  %10 = and.i64 %4, %9\n"
     "  %11 = const.i64 0x2000\n"
     "  %12 = add.i64 %10, %11\n"
     "  %13 = const.i64 0x8000\n"
     "  %14 = and.i64 %12, %13\n"
     "  %15 = const.i64 0x80000002000c6122\n"
     "  %16 = and.i64 %4, %15\n"
     "  %17 = const.i64 0x30\n"
     "  %18 = shl.i64 %14, %17\n"
     "  %19 = or.i64 %16, %18\n"
     "  put a0, %19\n"
     "  put mstatus, %8\n"
     "  %22 = const.i64 0x0\n"
     "  put fs_dirty, %22\n"
     "  goto 0x104\n"
     "}\n"},
    {"CSRs: interrupts back on",
     "csrs sstatus,a0",
     {0x10052073},
     S,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a0\n"
     "  %2 = get.i64 mstatus\n"
     "  %3 = get.i64 fs_dirty\n"
     "  %4 = or.i64 %2, %3\n"
     "  %5 = const.i64 0xc6122\n"
     "  %6 = and.i64 %1, %5\n"
     "  %7 = or.i64 %4, %6\n"
     "  put mstatus, %7\n"
     "  %9 = const.i64 0x0\n"
     "  put fs_dirty, %9\n"
     "  %11 = xor.i64 %4, %7\n"
     "  %12 = const.i64 0xc0000\n"
     "  %13 = and.i64 %11, %12\n"
     "  %14 = get.i64 sie_wakes\n"
     "  %15 = and.i64 %7, %14\n"
     "  %16 = or.i64 %13, %15\n"
     "  %17 = ne.i64 %16, %9\n"
     "  branch %17, b1, b2\n"
     "b1:\n"
     "  call status()\n"
     "  exit resync, 0x104\n"
     "b2:\n"
     "  goto 0x104\n"
     "}\n"},
    {"CSRs: anything else",
     "csrrw a0,satp,a1",
     {0x18059573},
     S,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = const.i64 0x180\n"
     "  %3 = icount\n"
     "  %4 = call csr_swap(%2, %1, %3)\n"
     "  put a0, %4\n"
     "  exit resync, 0x104\n"
     "}\n"},
    {"CSRs: no right",
     "csrr a0,satp",
     {0x18002573},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = const.i64 0x0\n"
     "  %2 = const.i64 0x18002573\n"
     "  raise 0x2, %2\n"
     "}\n"},
    {"a system call",
     "ecall",
     {0x00000073},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = const.i64 0x0\n"
     "  raise 0x8, %1\n"
     "}\n"},
    {"a breakpoint",
     "ebreak",
     {0x00100073},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = pcrel 0x100\n"
     "  raise 0x3, %1\n"
     "}\n"},
    {"trap return",
     "mret",
     {0x30200073},
     M,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = call mret()\n"
     "  goto_ind %1, resync\n"
     "}\n"},
    {"waiting",
     "wfi",
     {0x10500073},
     S,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  call wfi_check()\n"
     "  exit wait, 0x104\n"
     "}\n"},
    {"address-translation fence",
     "sfence.vma a0,zero",
     {0x12050073},
     S,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a0\n"
     "  %2 = const.i64 0x0\n"
     "  %3 = const.i64 0x1\n"
     "  call sfence_vma(%1, %2, %3)\n"
     "  exit resync, 0x104\n"
     "}\n"},
    {"fences",
     "fence rw,w; fence.i",
     {0x0310000f, 0x0000100f},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  fence rw, w\n"
     "  insn 0x104 4\n"
     "  call fence_i()\n"
     "  exit resync, 0x108\n"
     "}\n"},
    {"bit manipulation",
     "sh2add.uw a0,a1,a2; bseti a1,a0,40; rol a2,a0,a1",
     {0x20c5c53b, 0x2a851593, 0x60b51633},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = get.i64 a2\n"
     "  %3 = extract.i64 %1, 0, 32\n"
     "  %4 = const.i64 0x2\n"
     "  %5 = shl.i64 %3, %4\n"
     "  %6 = add.i64 %5, %2\n"
     "  put a0, %6\n"
     "  insn 0x104 4\n"
     "  %9 = const.i64 0x10000000000\n"
     "  %10 = or.i64 %6, %9\n"
     "  put a1, %10\n"
     "  insn 0x108 4\n"
     "  %13 = const.i64 0x0\n"
     "  %14 = sub.i64 %13, %10\n"
     "  %15 = rotr.i64 %6, %14\n"
     "  put a2, %15\n"
     "  goto 0x10c\n"
     "}\n"},
    {"conditional zero",
     "czero.eqz a0,a1,a2",
     {0x0ec5d533},
     U,
     "region {\n"
     "b0:\n"
     "  insn 0x100 4\n"
     "  %1 = get.i64 a1\n"
     "  %2 = get.i64 a2\n"
     "  %3 = const.i64 0x0\n"
     "  %4 = eq.i64 %2, %3\n"
     "  %5 = select.i64 %4, %3, %1\n"
     "  put a0, %5\n"
     "  goto 0x104\n"
     "}\n"},
