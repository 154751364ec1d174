// SPDX-License-Identifier: MIT
#include "ir_eval.h"
#include "ir_eval_vector.h"

#include <stdlib.h>
#include <string.h>

typedef unsigned __int128 u128;
typedef __int128 s128;

// A value of any type, in the low bytes.
struct val {
    uint8_t b[32];
};

struct run {
    const struct vm_ir_region *r;
    struct toy_machine *m;
    struct val *v; // by op
    uint64_t insn; // offset of the current marker
    bool ended;
};

static uint64_t mix(uint64_t a, uint64_t b)
{
    a = (a ^ b) * 0x9e3779b97f4a7c15u;
    return a ^ a >> 31;
}

static struct val of_u64(uint64_t x)
{
    struct val v = {{0}};
    memcpy(v.b, &x, 8);
    return v;
}

static struct val of_u128(u128 x)
{
    struct val v = {{0}};
    memcpy(v.b, &x, 16);
    return v;
}

static u128 u128_of(struct val v)
{
    u128 x;
    memcpy(&x, v.b, 16);
    return x;
}

static u128 cut(u128 x, unsigned bits)
{
    return bits >= 128 ? x : x & (((u128)1 << bits) - 1);
}

static s128 sign(u128 x, unsigned bits)
{
    return (s128)(x << (128 - bits)) >> (128 - bits);
}

static u128 arg(const struct run *k, const struct vm_ir_op *op, unsigned i)
{
    return u128_of(k->v[op->args[i]]);
}

static u128 carryless(u128 a, u128 b)
{
    u128 p = 0;
    for (unsigned i = 0; i < 64; i++)
        if (b >> i & 1)
            p ^= a << i;
    return p;
}

// Integer ops with two operands of `n` bits.
static u128 binary(unsigned code, unsigned n, u128 a, u128 b)
{
    s128 x = sign(a, n), y = sign(b, n);
    unsigned shift = (unsigned)(b % n);
    switch (code) {
    case VM_IR_add: return a + b;
    case VM_IR_sub: return a - b;
    case VM_IR_mul: return a * b;
    case VM_IR_mulhu: return a * b >> n;
    case VM_IR_mulhs: return (u128)(x * y) >> n;
    case VM_IR_mulhsu: return (u128)(x * (s128)b) >> n;
    case VM_IR_divu: return b ? a / b : ~(u128)0;
    case VM_IR_divs: return b ? (u128)(x / y) : ~(u128)0;
    case VM_IR_remu: return b ? a % b : a;
    case VM_IR_rems: return b ? (u128)(x % y) : a;
    case VM_IR_and: return a & b;
    case VM_IR_or: return a | b;
    case VM_IR_xor: return a ^ b;
    case VM_IR_shl: return a << shift;
    case VM_IR_shr: return a >> shift;
    case VM_IR_sar: return (u128)(x >> shift);
    case VM_IR_rotr: return (a | a << n) >> shift;
    case VM_IR_smin: return x < y ? a : b;
    case VM_IR_smax: return x > y ? a : b;
    case VM_IR_umin: return a < b ? a : b;
    case VM_IR_umax: return a > b ? a : b;
    case VM_IR_clmul: return carryless(a, b);
    case VM_IR_clmulh: return carryless(a, b) >> 64;
    case VM_IR_eq: return a == b;
    case VM_IR_ne: return a != b;
    case VM_IR_lts: return x < y;
    case VM_IR_les: return x <= y;
    case VM_IR_ltu: return a < b;
    case VM_IR_leu: return a <= b;
    case VM_IR_pair: return a | b << 64;
    default: abort();
    }
}

static unsigned count_ones(u128 a)
{
    unsigned n = 0;
    for (; a; a >>= 1)
        n += (unsigned)a & 1;
    return n;
}

static u128 by_bytes(unsigned code, unsigned n, u128 a)
{
    u128 r = 0;
    for (unsigned i = 0; i < n; i += 8) {
        unsigned byte = (unsigned)(a >> i) & 0xff, back = 0;
        for (unsigned k = 0; k < 8; k++)
            back |= (byte >> k & 1) << (7 - k);
        if (code == VM_IR_bswap)
            r |= (u128)byte << (n - 8 - i);
        else
            r |= (u128)(code == VM_IR_brev8 ? back : byte ? 0xff : 0) << i;
    }
    return r;
}

static u128 unary(unsigned code, unsigned n, unsigned from, u128 a)
{
    unsigned zeros = 0;
    switch (code) {
    case VM_IR_clz:
        while (zeros < n && !(a >> (n - 1 - zeros) & 1))
            zeros++;
        return zeros;
    case VM_IR_ctz:
        while (zeros < n && !(a >> zeros & 1))
            zeros++;
        return zeros;
    case VM_IR_popcnt: return count_ones(a);
    case VM_IR_bswap:
    case VM_IR_brev8:
    case VM_IR_orcb: return by_bytes(code, n, a);
    case VM_IR_sext: return (u128)sign(a, from);
    case VM_IR_hi: return a >> 64;
    case VM_IR_box: return a | ~(u128)0 << n;
    case VM_IR_unbox:
        if (n == 64 || a >> n == ((u128)1 << (64 - n)) - 1)
            return a;
        return n == 16 ? 0x7e00 : 0x7fc00000;
    case VM_IR_fclass: return 1u << (mix((uint64_t)a, n) % 10);
    case VM_IR_bitflags: return a & 0x8d5;
    case VM_IR_zext:
    case VM_IR_trunc:
    case VM_IR_lo:
    case VM_IR_fbits:
    case VM_IR_bitsf:
    case VM_IR_flagbits: return a;
    default: abort();
    }
}

static unsigned result_flags(u128 result, unsigned n)
{
    return (cut(result, n) == 0 ? 0x40u : 0) | (result >> (n - 1) & 1 ? 0x80u : 0) |
           (count_ones(result & 0xff) % 2 == 0 ? 0x04u : 0);
}

static u128 flags_of(const struct run *k, const struct vm_ir_op *op)
{
    unsigned n = vm_ir_type_bits((enum vm_type)op->type), wanted = op->attr ? op->attr : ~0u;
    u128 a = arg(k, op, 0);
    if (op->code == VM_IR_logicf)
        return result_flags(a, n) & wanted;
    u128 b = arg(k, op, 1), c = arg(k, op, 2);
    bool add = op->code == VM_IR_addf;
    u128 wide = add ? a + b + c : a - b - c;
    u128 nibble = add ? (a & 15) + (b & 15) + c : (a & 15) - (b & 15) - c;
    s128 exact = add ? sign(a, n) + sign(b, n) + (s128)c : sign(a, n) - sign(b, n) - (s128)c;
    unsigned flags = result_flags(wide, n) | (wide >> n ? 1u : 0) | (nibble >> 4 ? 0x10u : 0) |
                     (exact != sign(wide, n) ? 0x800u : 0);
    return flags & wanted;
}

static bool holds(u128 flags, unsigned cond)
{
    bool c = flags & 1, p = flags & 4, z = flags & 0x40, s = flags & 0x80, v = flags & 0x800;
    const bool values[8] = {z, c, s, v, p, c || z, s != v, z || s != v};
    return values[cond & 7] != (cond >> 3);
}

static u128 field(const struct run *k, const struct vm_ir_op *op)
{
    unsigned pos = op->attr & 0xff, len = op->attr >> 8 & 0xff;
    u128 a = arg(k, op, 0), mask = cut(~(u128)0, len);
    if (op->code == VM_IR_deposit)
        return (a & ~(mask << pos)) | (arg(k, op, 1) & mask) << pos;
    a = a >> pos & mask;
    return op->attr >> 16 ? (u128)sign(a, len) : a;
}

static u128 vector_op(struct run *k, const struct vm_ir_op *op)
{
    struct vm_fp_env *env = (struct vm_fp_env *)(k->m->bytes + k->r->regfile->fp_env);
    u128 args[3] = {0};
    for (unsigned i = 0; i < vm_ir_op_infos[op->code].args; i++)
        args[i] = arg(k, op, i);
    return toy_vector(op, args, env);
}

static uint64_t float_op(struct run *k, const struct vm_ir_op *op)
{
    struct vm_fp_env *env = (struct vm_fp_env *)(k->m->bytes + k->r->regfile->fp_env);
    if (k->m->hooks) {
        uint64_t args[3] = {0};
        for (unsigned i = 0; i < vm_ir_op_infos[op->code].args; i++)
            args[i] = (uint64_t)arg(k, op, i);
        return k->m->hooks->fp(k->r, op, args, env);
    }
    uint64_t h = mix(op->code * 64u + op->type, op->attr);
    for (unsigned i = 0; i < vm_ir_op_infos[op->code].args; i++)
        h = mix(h, (uint64_t)arg(k, op, i));
    if ((op->attr & 7) == VM_IR_FP_DYNAMIC)
        h = mix(h, env->round);
    if (op->attr & VM_IR_FP_NAN_ENV)
        h = mix(h, env->nan);
    if (!(op->attr & VM_IR_FP_NO_FLAGS))
        env->flags |= h >> 40 & 0x1f;
    return vm_ir_op_infos[op->code].signature[0] == 'b' ? h & 1 : h;
}

static void end(struct run *k, enum toy_end how, uint64_t pc, uint64_t detail, uint64_t value)
{
    k->m->end = how;
    k->m->pc = pc;
    k->m->detail = detail;
    k->m->value = value;
    k->ended = true;
}

static void fault(struct run *k, uint64_t why)
{
    k->m->retired--;
    end(k, TOY_FAULTED, k->insn, why, 0);
}

static u128 load(struct run *k, const struct vm_ir_op *op, uint64_t at, unsigned bytes)
{
    u128 x = 0;
    for (unsigned i = 0; i < bytes; i++) {
        unsigned place = op->attr & VM_IR_MEM_BIG_ENDIAN ? bytes - 1 - i : i;
        x |= (u128)k->m->memory[at + place] << 8 * i;
    }
    return x;
}

static void store(struct run *k, const struct vm_ir_op *op, uint64_t at, unsigned bytes, u128 x)
{
    for (unsigned i = 0; i < bytes; i++) {
        unsigned place = op->attr & VM_IR_MEM_BIG_ENDIAN ? bytes - 1 - i : i;
        k->m->memory[at + place] = (uint8_t)(x >> 8 * i);
    }
}

static u128 modify(enum vm_ir_rmw how, unsigned n, u128 old, u128 b)
{
    static const uint16_t codes[] = {
        [VM_IR_RMW_ADD] = VM_IR_add,   [VM_IR_RMW_AND] = VM_IR_and,   [VM_IR_RMW_OR] = VM_IR_or,
        [VM_IR_RMW_XOR] = VM_IR_xor,   [VM_IR_RMW_SMIN] = VM_IR_smin, [VM_IR_RMW_SMAX] = VM_IR_smax,
        [VM_IR_RMW_UMIN] = VM_IR_umin, [VM_IR_RMW_UMAX] = VM_IR_umax};
    return how == VM_IR_RMW_SWAP ? b : binary(codes[how], n, old, cut(b, n));
}

static u128 memory_op(struct run *k, const struct vm_ir_op *op)
{
    unsigned bytes = 1u << (op->attr & 7), n = bytes * 8;
    uint64_t at = (uint64_t)arg(k, op, 0) + op->imm;
    k->m->log = mix(k->m->log, mix(op->code, mix(at, op->attr)));
    if (at > TOY_MEMORY - bytes || (op->attr >> VM_IR_MEM_ALIGN_SHIFT & 1 && at % bytes)) {
        fault(k, at);
        return 0;
    }
    u128 old = load(k, op, at, bytes), second = op->args[1] != VM_IR_NONE ? arg(k, op, 1) : 0;
    bool stored = k->m->reserved && k->m->reservation == at && k->m->reserved_bytes == bytes &&
                  memcmp(k->m->reserved_value, k->m->memory + at, bytes) == 0;
    switch (op->code) {
    case VM_IR_store: store(k, op, at, bytes, second); return 0;
    case VM_IR_lr:
        k->m->reserved = true;
        k->m->reservation = at;
        k->m->reserved_bytes = bytes;
        memcpy(k->m->reserved_value, k->m->memory + at, bytes);
        break;
    case VM_IR_sc:
        if (stored)
            store(k, op, at, bytes, second);
        k->m->reserved = false;
        return !stored;
    case VM_IR_cas:
        if (old == cut(second, n))
            store(k, op, at, bytes, arg(k, op, 2));
        break;
    case VM_IR_rmw:
        store(k, op, at, bytes, modify((enum vm_ir_rmw)(op->attr >> 13 & 15), n, old, second));
        break;
    default: break;
    }
    return op->attr & VM_IR_MEM_SIGNED ? (u128)sign(old, n) : old;
}

static uint64_t hooked_call(struct run *k, const struct vm_ir_op *op)
{
    uint64_t args[4] = {0};
    bool raises = false;
    for (unsigned i = 0; i < toy_helpers[op->imm].args; i++)
        args[i] = (uint64_t)arg(k, op, i);
    uint64_t value = k->m->hooks->call(&k->m->state, (unsigned)op->imm, args, &raises);
    if (raises)
        fault(k, args[0]);
    return value;
}

static uint64_t call_real(struct run *k, const struct vm_ir_op *op)
{
    const struct vm_ir_helper *h = &k->r->helpers[op->imm];
    uint64_t args[4] = {0};
    for (unsigned i = 0; i < h->args; i++)
        args[i] = (uint64_t)arg(k, op, i);
    return h->fn(k->m, args[0], args[1], args[2], args[3]);
}

static uint64_t call(struct run *k, const struct vm_ir_op *op)
{
    struct toy_machine *m = k->m;
    uint64_t h = op->imm;
    if (m->hooks)
        return hooked_call(k, op);
    if (k->r->helpers != toy_helpers)
        return call_real(k, op);
    for (unsigned i = 0; i < toy_helpers[op->imm].args; i++)
        h = mix(h, (uint64_t)arg(k, op, i));
    if (op->imm == TOY_HASH)
        return h;
    m->log = mix(m->log, h);
    switch (op->imm) {
    case TOY_READ: return mix(h, m->state.x[1]);
    case TOY_WRITE: m->state.x[2] = h; break;
    case TOY_FAULT:
        if (h % 4 == 0)
            fault(k, h);
        break;
    case TOY_ANY:
        for (unsigned i = 0; i < 8; i++)
            m->log = mix(m->log, m->state.x[i]);
        m->state.x[h % 8] ^= m->log;
        m->state.fl ^= m->state.gl & 0x8d5;
        m->state.d[0] = -m->state.d[0];
        break;
    case TOY_VECTORS:
        m->state.v[h % 3][1] ^= m->state.v[1][5] ^ m->state.fp.flags;
        m->state.fp.flags |= h & 31;
        break;
    default: break;
    }
    return h;
}

static uint8_t *entry(struct run *k, const struct vm_ir_op *op)
{
    return k->m->bytes + k->r->regfile->registers[op->imm].offset;
}

static void leave(struct run *k, const struct vm_ir_op *op)
{
    switch (op->code) {
    case VM_IR_goto: end(k, TOY_LEFT, TOY_PAGE_BASE + op->imm, 0, 0); break;
    case VM_IR_goto_ind: {
        bool plain = op->attr == VM_IR_HINT_OTHER || op->attr == VM_IR_HINT_CALL;
        end(k, TOY_LEFT, (uint64_t)arg(k, op, 0), plain ? 0 : op->attr, 0);
        break;
    }
    case VM_IR_raise:
        fault(k, op->imm);
        end(k, TOY_RAISED, k->insn, op->imm, (uint64_t)arg(k, op, 0));
        break;
    case VM_IR_exit: end(k, TOY_EXITED, TOY_PAGE_BASE + op->imm, op->attr, 0); break;
    default: abort();
    }
}

static u128 compute(struct run *k, const struct vm_ir_op *op)
{
    unsigned n = vm_ir_type_bits((enum vm_type)op->type);
    const struct vm_ir_op_info *info = &vm_ir_op_infos[op->code];
    switch (op->code) {
    case VM_IR_const: return op->imm;
    case VM_IR_pcrel: return TOY_PAGE_BASE + op->imm;
    case VM_IR_icount: return k->m->retired - 1;
    case VM_IR_select: return arg(k, op, 0) ? arg(k, op, 1) : arg(k, op, 2);
    case VM_IR_extract:
    case VM_IR_deposit: return field(k, op);
    case VM_IR_addf:
    case VM_IR_subf:
    case VM_IR_logicf: return flags_of(k, op);
    case VM_IR_mergef: return (arg(k, op, 0) & ~op->attr) | (arg(k, op, 1) & op->attr);
    case VM_IR_cond: return holds(arg(k, op, 0), op->attr);
    case VM_IR_call: return call(k, op);
    case VM_IR_fence: k->m->log = mix(k->m->log, op->attr); return 0;
    default: break;
    }
    if (info->effects & (VM_IR_E_LOAD | VM_IR_E_STORE))
        return memory_op(k, op);
    if (vm_ir_is_vector_op(op->code))
        return vector_op(k, op);
    if (info->effects & VM_IR_E_FPENV || (op->code == VM_IR_fclass && k->m->hooks))
        return float_op(k, op);
    if (info->args == 2)
        return binary(op->code, n, arg(k, op, 0), arg(k, op, 1));
    return unary(op->code, n, vm_ir_type_bits(vm_ir_value_type(k->r, op->args[0])), arg(k, op, 0));
}

static void step(struct run *k, vm_ir_value v)
{
    const struct vm_ir_op *op = &k->r->ops[v];
    enum vm_type t = vm_ir_value_type(k->r, v);
    const unsigned none = VM_IR_E_MARK | VM_IR_E_TERM | VM_IR_E_READ_STATE;
    k->m->acted = k->m->acted || vm_ir_op_infos[op->code].effects & ~none;
    switch (op->code) {
    case VM_IR_nop:
    case VM_IR_param: return;
    case VM_IR_insn:
        k->insn = op->imm;
        k->m->retired += op->attr != 0; // else the current instruction is counted already
        if (op->attr) {
            k->m->insn = op->imm;
            k->m->acted = false;
        }
        return;
    case VM_IR_get:
        memset(&k->v[v], 0, sizeof k->v[v]);
        memcpy(k->v[v].b, entry(k, op), vm_ir_type_bytes((enum vm_type)op->type));
        return;
    case VM_IR_put:
        memcpy(entry(k, op), k->v[op->args[0]].b, vm_ir_type_bytes((enum vm_type)op->type));
        return;
    default: break;
    }
    if (vm_ir_op_infos[op->code].effects & VM_IR_E_TERM)
        leave(k, op);
    else
        k->v[v] = t == VM_I128 || t == VM_V128
                      ? of_u128(compute(k, op))
                      : of_u64((uint64_t)cut(compute(k, op), vm_ir_type_bits(t)));
}

// Goes along the edge that the terminator takes; the arguments are read before a parameter is set.
static unsigned follow(struct run *k, const struct vm_ir_op *term)
{
    uint16_t targets[2];
    unsigned count;
    unsigned n = vm_ir_successors(term, targets);
    unsigned which = n == 2 && !arg(k, term, 0);
    const vm_ir_value *args = vm_ir_target_args(k->r, term, which, &count);
    struct val *given = calloc(count + 1, sizeof *given);
    for (unsigned i = 0; i < count; i++)
        given[i] = k->v[args[i]];
    memcpy(k->v + k->r->blocks[targets[which]].first, given, count * sizeof *given);
    free(given);
    return targets[which];
}

// At an edge that closes a loop: before the instruction of the target's first marker, which is
// begun anew where it goes on with one.
static void stop(struct run *k, unsigned to)
{
    const struct vm_ir_op *op = &k->r->ops[k->r->blocks[to].first];
    while (op->code != VM_IR_insn)
        op++;
    k->m->retired -= op->attr == 0;
    end(k, TOY_STOPPED, op->imm, 0, 0);
}

void toy_run(const struct vm_ir_region *r, struct toy_machine *m, unsigned loops)
{
    struct run k = {.r = r, .m = m, .v = calloc(r->op_count, sizeof *k.v)};
    unsigned block = 0;
    while (!k.ended) {
        const struct vm_ir_block *b = &r->blocks[block];
        const struct vm_ir_op *term = &r->ops[b->first + b->count - 1];
        unsigned stays = term->code == VM_IR_jump || term->code == VM_IR_branch;
        for (unsigned i = 0; i + stays < b->count && !k.ended; i++)
            step(&k, (vm_ir_value)(b->first + i));
        if (k.ended)
            break;
        unsigned to = follow(&k, term);
        if (vm_ir_closes_loop(block, to) && !loops--)
            stop(&k, to);
        block = to;
    }
    free(k.v);
}

const char *toy_difference(const struct toy_machine *a, const struct toy_machine *b)
{
    if (a->end != b->end)
        return "end";
    if (a->pc != b->pc || a->detail != b->detail || a->value != b->value)
        return "place or detail";
    if (a->retired != b->retired)
        return "instruction count";
    for (unsigned i = 0; i < TOY_COUNT; i++) {
        const struct vm_register *e = &toy_regfile.registers[i];
        if (memcmp((const char *)&a->state + e->offset, (const char *)&b->state + e->offset,
                   vm_ir_type_bytes((enum vm_type)e->type)) != 0)
            return e->name;
    }
    if (memcmp(a->memory, b->memory, sizeof a->memory) != 0)
        return "memory";
    if (a->log != b->log)
        return "accesses and calls";
    return a->reserved != b->reserved ? "reservation" : NULL;
}
