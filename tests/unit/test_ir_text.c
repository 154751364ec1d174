// SPDX-License-Identifier: MIT
//
// ir: the text form both ways, what the parser refuses, what the verifier refuses.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ir_support.h"

static int drop(void **state)
{
    (void)state;
    toy_arena_drop();
    return 0;
}

static void prints_what_the_manual_shows(void **state)
{
    (void)state;
    static const char text[] = "region {\n"
                               "b0:\n"
                               "  insn 0x10 4\n"
                               "  %1 = get.i64 x5\n"
                               "  %2 = const.i64 0x10\n"
                               "  %3 = add.i64 %1, %2\n"
                               "  %4 = load.i64 %3 + 0x8 {w, signed, acquire}\n"
                               "  put x6, %4\n"
                               "  branch %3, b1(%4), b2\n"
                               "b1(%7: i64):\n"
                               "  goto 0x14\n"
                               "b2:\n"
                               "  branch %3, b3, b4\n"
                               "b3:\n"
                               "  goto_ind %1, call 0x18\n"
                               "b4:\n"
                               "  branch %3, b5, b6\n"
                               "b5:\n"
                               "  goto_ind %1, swap 0x1c\n"
                               "b6:\n"
                               "  goto 0xfffffffffffffff0, call 0xffffff\n"
                               "}\n";
    struct vm_ir_region *r = toy_parse(text);
    toy_verify(r, "as parsed");
    assert_string_equal(toy_print(r), text);
    assert_int_equal(r->guest_insns, 1);
    assert_int_equal(r->guest_bytes, 4);
    char line[40];
    assert_int_equal(vm_ir_print_op(r, 5, line, sizeof line), strlen("put x6, %4"));
    assert_string_equal(line, "put x6, %4");
    assert_int_equal(vm_ir_print(r, line, 8), strlen(text));
    assert_string_equal(line, "region ");
}

static void every_op_survives_printing_and_parsing(void **state)
{
    (void)state;
    struct vm_ir_region *r = toy_parse(toy_read_file("tests/unit/ir/every_op.txt", NULL));
    bool seen[VM_IR_CODE_COUNT] = {false};
    toy_verify(r, "as parsed");
    for (uint32_t i = 0; i < r->op_count; i++)
        seen[r->ops[i].code] = true;
    for (unsigned i = 0; i < VM_IR_CODE_COUNT; i++)
        if (!seen[i])
            fail_msg("tests/unit/ir/every_op.txt has no %s", vm_ir_op_infos[i].name);
    const char *once = toy_print(r);
    struct vm_ir_region *again = toy_parse(once);
    toy_verify(again, "as printed and parsed");
    assert_string_equal(toy_print(again), once);
    assert_int_equal(again->op_count, r->op_count);
    for (uint32_t i = 0; i < r->op_count; i++)
        assert_memory_equal(&again->ops[i], &r->ops[i], sizeof r->ops[i]);
}

static void names_may_be_used_before_their_line(void **state)
{
    (void)state;
    struct vm_ir_region *r = toy_parse("region {\n"
                                       "b1:   # laid out before the entry\n"
                                       "  put x1, %sum.of_2\n"
                                       "  goto 4\n"
                                       "b0:\n"
                                       "  %a = get x2\n"
                                       "  %sum.of_2 = add.i64 %a, %a\n"
                                       "  jump b1\n"
                                       "}\n");
    toy_verify(r, "as parsed");
    assert_string_equal(toy_print(r), "region {\n"
                                      "b1:\n"
                                      "  put x1, %3\n"
                                      "  goto 0x4\n"
                                      "b0:\n"
                                      "  %2 = get.i64 x2\n"
                                      "  %3 = add.i64 %2, %2\n"
                                      "  jump b1\n"
                                      "}\n");
}

struct wrong {
    const char *verdict; // the message must have this in it
    const char *blocks;  // what stands between the braces
};

static const struct wrong parse_wrongs[] = {
    {"line 3: vadd needs {lane}", "b0:\n %1 = vadd %2, %3\n"},
    {"line 3: 'i16' contradicts", "b0:\n %1 = vadd %2, %3 {i8, i16}\n"},
    {"line 3: unknown attribute 'rtz'", "b0:\n %1 = vadd %2, %3 {i8, rtz}\n"},
    {"line 3: expected ','", "b0:\n %1 = vget %2 {i8}\n"},
    {"line 3: unknown op 'ad'", "b0:\n %a = ad.i64 %b, %c\n"},
    {"line 3: unknown op 'param'", "b0:\n %a = param.i64 0\n"},
    {"line 3: unknown type 'i65'", "b0:\n %a = add.i65 %b, %c\n"},
    {"line 3: add needs a type", "b0:\n %a = add %b, %c\n"},
    {"line 3: unknown register 'x9'", "b0:\n %a = get x9\n"},
    {"line 3: unknown helper 'help'", "b0:\n call help()\n"},
    {"line 3: expected ','", "b0:\n %a = add.i64 %b\n"},
    {"line 3: expected '%'", "b0:\n %a = add.i64 3, %b\n"},
    {"line 3: expected the end of the line", "b0:\n nop nop\n"},
    {"line 3: add needs a name for its value", "b0:\n add.i64 %b, %c\n"},
    {"line 3: nop defines no value", "b0:\n %a = nop\n"},
    {"line 4: %a is defined twice", "b0:\n %a = const.i64 1\n %a = const.i64 2\n"},
    {"line 3: %b is used and never defined", "b0:\n put x1, %b\n"},
    {"line 3: the number is too large", "b0:\n %a = const.i64 0x10000000000000000\n"},
    {"line 3: the number is too large", "b0:\n %a = extract.i64 %b, 256, 1\n"},
    {"line 3: expected a number", "b0:\n goto here\n"},
    {"line 3: expected a number", "b0:\n goto 4, call\n"},
    {"line 3: unknown word 'home'", "b0:\n goto 4, home\n"},
    {"line 3: the number is too large", "b0:\n goto 4, call 0x1000000\n"},
    {"line 3: load needs {size}", "b0:\n %a = load.i64 %b\n"},
    {"line 3: rmw needs {operation, size}", "b0:\n %a = rmw.i64 %b, %c {w}\n"},
    {"line 3: 'd' contradicts an earlier", "b0:\n %a = load.i64 %b {w, d}\n"},
    {"line 3: unknown attribute 'fast'", "b0:\n %a = load.i64 %b {w, fast}\n"},
    {"line 3: expected '}'", "b0:\n %a = load.i64 %b {w\n"},
    {"line 3: unknown word 'never'", "b0:\n exit never, 0\n"},
    {"line 3: expected letters of 'iorw'", "b0:\n fence rx, w\n"},
    {"line 3: expected a block, b0 to b4095", "b0:\n jump b4096\n"},
    {"line 3: expected a block, b0 to b4095", "b0:\n jump there\n"},
    {"line 3: expected a block, b0 to b4095", "b0:\n jump b-1\n"},
    {"line 2: expected a block, such as b0:", "nop\n"},
    {"line 4: b0 is defined twice", "b0:\n goto 0\nb0:\n goto 0\n"},
    {"line 3: the block before is empty", "b0:\nb1:\n goto 0\n"},
    {"line 3: the block before is empty", "b0:\n"},
    {"line 2: unknown type 'bool'", "b0(%a: bool):\n"},
    {"line 2: expected a name of at most 64 characters", "b0(% : i64):\n"},
    {"line 2: expected a word", "\"\"\n"},
    {"line 3: expected nothing after the region", "}\n{"},
};

static struct vm_error parse_error(const char *text, size_t length)
{
    struct vm_ir_region r;
    struct vm_error e = {VM_OK, ""};
    vm_status s =
        vm_ir_parse(text, length, &r, toy_arena(), &toy_regfile, toy_helpers, TOY_HELPERS, &e);
    assert_int_equal(s, e.status);
    return e;
}

static void parser_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(parse_wrongs); i++) {
        char text[400];
        int n = snprintf(text, sizeof text, "region {\n%s}\n", parse_wrongs[i].blocks);
        struct vm_error e = parse_error(text, (size_t)n);
        if (e.status != VM_ERR_FILE || !strstr(e.text, parse_wrongs[i].verdict))
            fail_msg("wanted '%s', got '%s' for:\n%s", parse_wrongs[i].verdict, e.text, text);
        assert_int_equal(vm_ir_parse(text, (size_t)n, &(struct vm_ir_region){0}, toy_arena(),
                                     &toy_regfile, toy_helpers, TOY_HELPERS, NULL),
                         VM_ERR_FILE);
    }
    assert_string_equal(parse_error("", 0).text, "line 1: expected 'region {'");
    assert_string_equal(parse_error("\n\nregion", 8).text, "line 3: expected 'region {'");
    assert_string_equal(parse_error("region {\n", 9).text, "line 2: expected '}'");
}

// Every beginning of a good text is refused or accepted without a crash, under sanitizers.
static void parser_survives_truncation_and_noise(void **state)
{
    (void)state;
    size_t length;
    char *text = toy_read_file("tests/unit/ir/every_op.txt", &length);
    char *copy = vm_arena_alloc(toy_arena(), length, 1);
    uint32_t random = 1;
    for (size_t n = 0; n < length; n += 7) {
        memcpy(copy, text, n);
        parse_error(copy, n);
        memcpy(copy, text, length);
        for (int i = 0; i < 3; i++) {
            random = random * 1664525 + 1013904223;
            copy[random % length] = (char)(random >> 24);
        }
        parse_error(copy, length);
    }
}

static void parser_says_when_it_is_too_much(void **state)
{
    (void)state;
    size_t lines = VM_IR_MAX_OPS + 1, size = lines * 5 + 40;
    char *text = vm_arena_alloc(toy_arena(), size, 1), *p = text;
    p += sprintf(p, "region {\nb0:\n");
    for (size_t i = 0; i < lines; i++)
        p += sprintf(p, "nop\n");
    p += sprintf(p, "}\n");
    struct vm_error e = parse_error(text, (size_t)(p - text));
    assert_non_null(strstr(e.text, "the region is too large"));
}

static const struct wrong verify_wrongs[] = {
    {"b0: %1 vcnt: cannot have lanes of type i16",
     "b0:\n %1 = get v0\n %2 = vcnt %1 {i16}\n goto 4\n"},
    {"b0: %1 vadd: cannot have lanes of type f32",
     "b0:\n %1 = get v0\n %2 = vadd %1, %1 {f32}\n goto 4\n"},
    {"b0: %1 vfadd: cannot have lanes of type i32",
     "b0:\n %1 = get v0\n %2 = vfadd %1, %1 {i32}\n goto 4\n"},
    {"b0: %1 vwidens: extent 1 is not for it",
     "b0:\n %1 = get v0\n %2 = vwidens %1 {i8, half}\n goto 4\n"},
    {"b0: %1 vzip1: extent 1 is not for it",
     "b0:\n %1 = get v0\n %2 = vzip1 %1, %1 {i64, half}\n goto 4\n"},
    {"b0: %1 vadd: extent 3 is not for it",
     "b0:\n %1 = get v0\n %2 = vadd %1, %1 {i8, 0x30}\n goto 4\n"},
    {"b0: %1 vadd: attr 0x41 has bits without a meaning",
     "b0:\n %1 = get v0\n %2 = vadd %1, %1 {i8, high}\n goto 4\n"},
    {"b0: %1 vadd: attr 0x101 has bits without a meaning",
     "b0:\n %1 = get v0\n %2 = vadd %1, %1 {i8, 0x100}\n goto 4\n"},
    {"b0: %1 vget: immediate 4 is not between 0 and 3",
     "b0:\n %1 = get v0\n %2 = vget %1, 4 {i32}\n goto 4\n"},
    {"b0: %1 vrshru: immediate 0 is not between 1 and 8",
     "b0:\n %1 = get v0\n %2 = vrshru %1, 0 {i8}\n goto 4\n"},
    {"b0: %1 vrev: immediate 1 is not between 2 and 3",
     "b0:\n %1 = get v0\n %2 = vrev %1, 1 {i16}\n goto 4\n"},
    {"b0: %1 vext: immediate 8 is not between 0 and 7",
     "b0:\n %1 = get v0\n %2 = vext %1, %1, 8 {i8, half}\n goto 4\n"},
    {"b0: %1 vadd: immediate 1 is not between 0 and 0",
     "b0:\n %1 = get v0\n %2 = vadd %1, %1 {i8, 0x1000000}\n goto 4\n"},
    {"b0: %1 vfmul: unknown rounding mode 6",
     "b0:\n %1 = get v0\n %2 = vfmul %1, %1 {f32, 0x600}\n goto 4\n"},
    {"b0: %1 vftos: unknown range rule 3",
     "b0:\n %1 = get v0\n %2 = vftos %1 {f32, 0x18000}\n goto 4\n"},
    {"b0: %2 load: signed is for reading less than the type",
     "b0:\n insn 0 4\n %1 = get x1\n %2 = load.v128 %1 {w, signed}\n goto 4\n"},
    {"b0: %1 vget: operand 1 is of type i64, not v128",
     "b0:\n %1 = get x1\n %2 = vget %1, 0 {i64}\n goto 4\n"},
    {"b0: %1 logicf: attr 0x2 is out of range",
     "b0:\n %1 = get x1\n %2 = logicf.i64 %1 {0x2}\n goto 4\n"},
    {"b0: the entry block is empty", "b1:\n goto 0\n"},
    {"b0: the entry block takes no parameters", "b0(%a: i64):\n goto 0\n"},
    {"b0: %0 const: ends the block and is no terminator", "b0:\n %a = const.i64 0\n"},
    {"b0: %0 goto: attr 0x2 is out of range", "b0:\n goto 0, return\n"},
    {"b0: %0 goto: attr 0x403 is out of range", "b0:\n goto 0, swap 4\n"},
    {"b0: %0 goto: attr 0x4 is out of range", "b0:\n goto 0, resync\n"},
    {"b0: %0 goto: a terminator ends its block", "b0:\n goto 0\n goto 4\n"},
    {"b0: %0 jump: there is no block b1", "b0:\n jump b1\nb2:\n goto 0\n"},
    {"b0: %0 jump: there is no block b7", "b0:\n jump b7\n"},
    {"b0: %0 jump: gives b1 0 arguments, which takes 1", "b0:\n jump b1\nb1(%a: i64):\n goto 0\n"},
    {"b0: %1 jump: argument 1 for b1 is not of type i32",
     "b0:\n %a = const.i64 1\n jump b1(%a)\nb1(%b: i32):\n goto 0\n"},
    {"b0: %1 branch: gives b2 1 arguments, which takes 0",
     "b0:\n %a = const.i64 1\n branch %a, b1, b2(%a)\nb1:\n goto 0\nb2:\n goto 0\n"},
    {"b0: %1 add: operand 2 is of type i32, not i64",
     "b0:\n %b = const.i32 0\n %a = add.i64 %a, %b\n goto 0\n"},
    {"b0: %0 add: %0 is not defined on every way here", "b0:\n %a = add.i64 %a, %a\n goto 0\n"},
    {"b0: %0 put: %2 is not defined on every way here",
     "b0:\n put x1, %a\n jump b1\nb1:\n %a = get x1\n goto 0\n"},
    {"b3: %5 put: %2 is not defined on every way here",
     "b0:\n %c = get x1\n branch %c, b1, b2\nb1:\n %a = get x1\n jump b3\nb2:\n jump b3\n"
     "b3:\n put x1, %a\n goto 0\n"},
    {"b0: %0 jump: %2 is not defined on every way here",
     "b0:\n jump b1(%a)\nb1(%b: i64):\n %a = get x1\n goto 0\n"},
    {"b0: %0 const: cannot be of type v128", "b0:\n %a = const.v128 0\n goto 0\n"},
    {"b0: %0 const: 0x100 does not fit the type", "b0:\n %a = const.i8 0x100\n goto 0\n"},
    {"b0: %1 add: cannot be of type f64",
     "b0:\n %b = const.f64 0\n %a = add.f64 %b, %b\n goto 0\n"},
    {"b0: %0 get: x1 is of type i64", "b0:\n %a = get.i32 x1\n goto 0\n"},
    {"b0: %1 put: operand 1 is of type i32, not i64",
     "b0:\n %a = const.i32 0\n put x1, %a\n goto 0\n"},
    {"b0: %1 trunc: operand 1 is of type i32, not a wider integer",
     "b0:\n %a = const.i32 0\n %b = trunc.i32 %a\n goto 0\n"},
    {"b0: %1 zext: operand 1 is of type i32, not a narrower integer",
     "b0:\n %a = const.i32 0\n %b = zext.i32 %a\n goto 0\n"},
    {"b0: %1 fcvt: operand 1 is of type f32, not another float type",
     "b0:\n %a = get s0\n %b = fcvt.f32 %a\n goto 0\n"},
    {"b0: %1 bitsf: operand 1 is of type i64, not the integer as wide as the suffix",
     "b0:\n %a = get x0\n %b = bitsf.f32 %a\n goto 0\n"},
    {"b0: %1 stof: operand 1 is of type i8, not i32 or i64",
     "b0:\n %a = get b0\n %b = stof.f32 %a\n goto 0\n"},
    {"b0: %1 ftom: operand 1 is not f64", "b0:\n %a = get s0\n %b = ftom %a\n goto 0\n"},
    {"b0: %1 select: operand 1 is a truth value, 0 or 1",
     "b0:\n %a = const.i64 2\n %b = select.i64 %a, %a, %a\n goto 0\n"},
    {"b0: %1 cond: operand 1 is of type i64, not flags",
     "b0:\n %a = get x0\n %b = cond %a, z\n goto 0\n"},
    {"b0: %1 extract: field 60, 5 is not within the type",
     "b0:\n %a = get x0\n %b = extract.i64 %a, 60, 5\n goto 0\n"},
    {"b0: %1 deposit: field 0, 0 is not within the type",
     "b0:\n %a = get x0\n %b = deposit.i64 %a, %a, 0, 0\n goto 0\n"},
    {"b0: %1 extract: attr 0x20101 has bits without a meaning",
     "b0:\n %a = get x0\n %b = extract.i64 %a, 1, 1 {0x20000}\n goto 0\n"},
    {"b0: %2 load: size 8 is larger than the type",
     "b0:\n insn 0 4\n %a = get x0\n %b = load.i32 %a {d}\n goto 0\n"},
    {"b0: %2 load: signed is for reading less than the type",
     "b0:\n insn 0 4\n %a = get x0\n %b = load.i32 %a {w, signed}\n goto 0\n"},
    {"b0: %2 store: signed is for reading less than the type",
     "b0:\n insn 0 4\n %a = get x0\n store.i64 %a, %a {w, signed}\n goto 0\n"},
    {"b0: %2 load: ordering 2 is not for it",
     "b0:\n insn 0 4\n %a = get x0\n %b = load.i64 %a {w, release}\n goto 0\n"},
    {"b0: %2 store: ordering 1 is not for it",
     "b0:\n insn 0 4\n %a = get x0\n store.i64 %a, %a {w, acquire}\n goto 0\n"},
    {"b0: %2 lr: ordering 7 is not for it",
     "b0:\n insn 0 4\n %a = get x0\n %b = lr.i64 %a {w, 0x380}\n goto 0\n"},
    {"b0: %2 load: unknown alignment rule",
     "b0:\n insn 0 4\n %a = get x0\n %b = load.i64 %a {w, 0x60}\n goto 0\n"},
    {"b0: %2 rmw: wrong read-modify-write operation",
     "b0:\n insn 0 4\n %a = get x0\n %b = rmw.i64 %a, %a {umax, w, 0x2000}\n goto 0\n"},
    {"b0: %2 load: wrong read-modify-write operation",
     "b0:\n insn 0 4\n %a = get x0\n %b = load.i64 %a {w, 0x2000}\n goto 0\n"},
    {"b0: %2 load: attr 0x20002 has bits without a meaning",
     "b0:\n insn 0 4\n %a = get x0\n %b = load.i64 %a {w, 0x20000}\n goto 0\n"},
    {"b0: %1 fadd: unknown rounding mode 6",
     "b0:\n %a = get d0\n %b = fadd.f64 %a, %a {0x6}\n goto 0\n"},
    {"b0: %1 ftos: unknown range rule 3",
     "b0:\n %a = get d0\n %b = ftos.i64 %a {0x180}\n goto 0\n"},
    {"b0: %1 fadd: attr 0x80 has bits without a meaning",
     "b0:\n %a = get d0\n %b = fadd.f64 %a, %a {0x80}\n goto 0\n"},
    {"b0: %1 mergef: attr 0x2 is out of range",
     "b0:\n %a = get fl\n %b = mergef %a, %a {0x2}\n goto 0\n"},
    {"b0: %1 add: attr 0x1 is out of range",
     "b0:\n %a = get x0\n %b = add.i64 %a, %a {0x1}\n goto 0\n"},
    {"b0: %0 insn: attr 0x100 is out of range", "b0:\n insn 0 256\n goto 0\n"},
    {"b0: %1 load: needs an insn marker before it in its block",
     "b0:\n %a = get x0\n %b = load.i64 %a {w}\n goto 0\n"},
    {"b1: %3 raise: needs an insn marker before it in its block",
     "b0:\n insn 0 4\n %a = get x0\n jump b1\nb1:\n raise 2, %a\n"},
    {"b0: %1 call: needs an insn marker before it in its block",
     "b0:\n %a = get x0\n call fault(%a)\n goto 0\n"},
    {"b1: %3 branch: closes a loop to b1, which begins without an insn marker",
     "b0:\n %a = get x0\n jump b1\nb1:\n %b = get x1\n branch %b, b1, b2\nb2:\n goto 0\n"},
    {"b1: %4 jump: closes a loop to b1, which begins without an insn marker",
     "b0:\n %a = get x0\n jump b1\nb1:\n put x1, %a\n insn 0 4\n jump b1\n"},
    {"b0: %0 icount: needs an insn marker before it in its block", "b0:\n %a = icount\n goto 0\n"},
};

static void verifier_refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < VM_ARRAY_SIZE(verify_wrongs); i++) {
        const struct wrong *w = &verify_wrongs[i];
        const struct vm_ir_region *r = toy_parse_blocks(w->blocks, strlen(w->blocks));
        struct vm_error e = {VM_OK, "nothing"};
        if (vm_ir_verify(r, &e) || strcmp(e.text, w->verdict) != 0)
            fail_msg("wanted '%s', got '%s' for:\n%s", w->verdict, e.text, w->blocks);
        assert_false(vm_ir_verify(r, NULL));
    }
}

// What no text can say.
static void verifier_refuses_damage(void **state)
{
    (void)state;
    static const char text[] = "b0:\n insn 0 4\n %a = get x1\n %b = add.i64 %a, %a\n"
                               " %c = call hash(%a, %b)\n branch %c, b1(%b), b1(%a)\n"
                               "b1(%p: i64):\n goto 4\n";
    struct vm_error e;
#define DAMAGE(what, verdict)                                             \
    do {                                                                  \
        struct vm_ir_region *r = toy_parse_blocks(text, sizeof text - 1); \
        toy_verify(r, "before");                                          \
        what;                                                             \
        assert_false(vm_ir_verify(r, &e));                                \
        assert_string_equal(e.text, verdict);                             \
    } while (0)
    DAMAGE(r->ops[2].args[1] = 99, "b0: %2 add: operand 2 is no value of this region");
    DAMAGE(r->ops[2].args[1] = 0, "b0: %2 add: operand 2 is %0, which defines no value");
    DAMAGE(r->ops[2].args[2] = 1, "b0: %2 add: has more than 2 operands");
    DAMAGE(r->ops[2].code = VM_IR_CODE_COUNT, "b0: has an op with an unknown code");
    DAMAGE(r->ops[2].type = VM_TYPE_COUNT, "b0: %2 add: cannot be of type ?");
    DAMAGE(r->ops[2].imm = 5, "b0: %2 add: imm 0x5 has no meaning");
    DAMAGE(r->ops[1].imm = TOY_COUNT, "b0: %1 get: there is no register-file entry 26");
    DAMAGE(r->ops[3].imm = TOY_HELPERS, "b0: %3 call: there is no helper 7");
    DAMAGE(r->ops[4].imm |= 1u << 16, "b0: %4 branch: its targets are no block numbers");
    DAMAGE(r->ops[4].args[3] = 1, "b0: %4 branch: its arguments lie outside of the extra list");
    DAMAGE(r->extra[0] = 99, "b0: %4 branch: argument 1 for b1 is no value of this region");
    DAMAGE(r->blocks[1].first = 0, "b1: shares ops with another block");
    DAMAGE(r->blocks[1].count = 9, "b1: lies outside of the region's ops");
    DAMAGE(r->blocks[1].params = 2, "b0: %4 branch: gives b1 1 arguments, which takes 2");
    DAMAGE(r->ops[5].imm = 1, "b1: %5 param: is number 0, not 1");
    DAMAGE(r->block_count = 0, "b0: the entry block is empty");
    DAMAGE(r->overflow = true, "the region is too large or memory ran out");
#undef DAMAGE
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(prints_what_the_manual_shows, drop),
        cmocka_unit_test_teardown(every_op_survives_printing_and_parsing, drop),
        cmocka_unit_test_teardown(names_may_be_used_before_their_line, drop),
        cmocka_unit_test_teardown(parser_refuses, drop),
        cmocka_unit_test_teardown(parser_survives_truncation_and_noise, drop),
        cmocka_unit_test_teardown(parser_says_when_it_is_too_much, drop),
        cmocka_unit_test_teardown(verifier_refuses, drop),
        cmocka_unit_test_teardown(verifier_refuses_damage, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
