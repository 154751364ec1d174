// SPDX-License-Identifier: MIT
//
// The plan of a region (plan.h): a walk forwards for uses and spans, then one backwards per block
// for parts and homes.
#include "plan.h"

#include <vm/base/bits.h>
#include <vm/base/memory.h>

enum {
    NONE = VM_IR_NONE,
    WINDOW = 24, // how far before a put its value may be made
};

// What the walks have to do with an op, as quick to ask as may be: most ops are of no interest to
// most walks.
enum kind { OTHER, NOTHING, NAME, PUT, GET, CALL, TAKER };

static const uint8_t kinds[VM_IR_CODE_COUNT] = {
    [VM_IR_nop] = NOTHING,   [VM_IR_const] = NOTHING, [VM_IR_put] = PUT,
    [VM_IR_get] = GET,       [VM_IR_call] = CALL,     [VM_IR_branch] = TAKER,
    [VM_IR_select] = TAKER,  [VM_IR_extract] = TAKER, [VM_IR_trunc] = NAME,
    [VM_IR_fbits] = NAME,    [VM_IR_bitsf] = NAME,    [VM_IR_lo] = NAME,
    [VM_IR_flagbits] = NAME, [VM_IR_addf] = TAKER,    [VM_IR_vlow] = TAKER,
    [VM_IR_vxor] = TAKER,
};

static const struct vm_ir_op *op_at(const struct jit_plan *p, vm_ir_value v)
{
    return &p->r->ops[v];
}

// --- uses ---

// A name's root is that of what it names, if that has been defined before it.
static void find_roots(struct jit_plan *p)
{
    const struct vm_ir_op *ops = p->r->ops;
    uint16_t *root = p->root;
    uint8_t *marks = p->marks;
    for (uint32_t i = 0, n = p->r->op_count; i < n; i++) {
        unsigned kind = kinds[ops[i].code];
        root[i] = (vm_ir_value)i;
        marks[i] = kind == NOTHING ? JIT_SILENT : 0;
        if (VM_UNLIKELY(kind == NAME) && ops[i].args[0] < i)
            root[i] = root[ops[i].args[0]];
    }
}

static bool is_in(const struct vm_ir_block *b, vm_ir_value v)
{
    return (unsigned)v - b->first < b->count;
}

static inline void note_use(struct jit_plan *p, vm_ir_value v, uint32_t at,
                            const struct vm_ir_block *b, uint8_t mark)
{
    vm_ir_value root = p->root[v];
    p->uses[root] += p->uses[root] < UINT16_MAX;
    if (at > p->last_use[root])
        p->last_use[root] = (uint16_t)at;
    p->marks[root] |= is_in(b, root) ? mark : mark | JIT_ESCAPES;
}

static bool is_float(enum vm_type t)
{
    return t == VM_F32 || t == VM_F64;
}

// Whether an op reads its operands as floats, in a format that hosts have.
static bool reads_floats(const struct jit_plan *p, const struct vm_ir_op *o)
{
    if (o->code == VM_IR_box)
        return o->type == VM_F32;
    return vm_ir_op_traits[o->code].effects & VM_IR_E_FPENV && o->code != VM_IR_stof &&
           o->code != VM_IR_utof && is_float(vm_ir_value_type(p->r, o->args[0]));
}

static void note_floats(struct jit_plan *p, const struct vm_ir_op *o)
{
    uint8_t mark = reads_floats(p, o) ? JIT_FLOAT : 0;
    unsigned args = vm_ir_op_args(p->r, o);
    p->has_float = true;
    if (!mark && vm_ir_op_traits[o->code].effects & VM_IR_E_FPENV)
        mark = JIT_BITS;
    for (unsigned a = 0; mark && a < args; a++)
        p->marks[p->root[o->args[a]]] |= mark;
}

// --- spans ---

enum {
    SPANS_AT_ONCE = 4,
    SPAN_BYTES = 512, // more would lie in two pages too often
    SPAN_REACH = 1 << 24,
};

static bool joins(const struct jit_span *s, vm_ir_value base, int64_t disp, unsigned size)
{
    int64_t low = disp < s->low ? disp : s->low;
    int64_t end = s->low + s->bytes, high = disp + size > end ? disp + size : end;
    return s->base == base && high - low <= SPAN_BYTES;
}

// What a store joins is checked for writing from its first load on: it will be written anyway.
static void join(struct jit_span *s, int32_t disp, unsigned size, bool write, uint32_t at)
{
    int32_t low = disp < s->low ? disp : s->low;
    int32_t end = s->low + s->bytes, access_end = disp + (int32_t)size;
    s->bytes = (uint16_t)((access_end > end ? access_end : end) - low);
    s->low = low;
    s->last = (uint16_t)at;
    s->members++;
    s->writes |= write;
}

// Finds the span of an access among the last ones, from `from` on, or begins one.
static void place_access(struct jit_plan *p, uint32_t at, uint16_t from)
{
    const struct vm_ir_op *o = &p->r->ops[at];
    vm_ir_value base = p->root[o->args[0]];
    unsigned size = 1u << vm_ir_mem_size_log2(o->attr);
    int64_t disp = (int64_t)o->imm;
    bool write = o->code == VM_IR_store;
    p->span_of[at] = NONE;
    if (!jit_is_plain(o) || vm_ir_mem_align(o->attr) != VM_IR_ALIGN_ANY || o->type == VM_I128 ||
        op_at(p, base)->code == VM_IR_const || disp < -SPAN_REACH || disp > SPAN_REACH)
        return;
    for (uint16_t i = p->span_count; i-- > from && i + SPANS_AT_ONCE >= p->span_count;) {
        if (joins(&p->spans[i], base, disp, size)) {
            join(&p->spans[i], (int32_t)disp, size, write, at);
            p->span_of[at] = i;
            return;
        }
    }
    p->span_of[at] = p->span_count;
    p->spans[p->span_count++] = (struct jit_span){
        base, (int32_t)disp, (uint16_t)size, (uint16_t)at, (uint16_t)at, 1, write};
}

// A helper may change the mapping: spans end there.
static void note_span(struct jit_plan *p, uint32_t at, uint16_t *from)
{
    unsigned code = p->r->ops[at].code;
    if (code == VM_IR_load || code == VM_IR_store)
        place_access(p, at, *from);
    else if (code == VM_IR_call)
        *from = p->span_count;
}

// --- forwards ---

static void note_operands(struct jit_plan *p, uint32_t at, const struct vm_ir_block *b)
{
    const struct vm_ir_op *o = &p->r->ops[at];
    unsigned args = vm_ir_op_args(p->r, o);
    if (o->code == VM_IR_store) {
        note_use(p, o->args[0], at, b, JIT_BITS);
        note_use(p, jit_stored(p, o), at, b, JIT_BITS);
        return;
    }
    // A name does not read what it names; of FP ops note_floats tells.
    bool reads_bits = p->root[at] == at && !(vm_ir_op_traits[o->code].effects & VM_IR_E_FPENV);
    for (unsigned a = 0; a < args; a++)
        note_use(p, o->args[a], at, b, reads_bits ? JIT_BITS : 0);
}

// A lane may stay a part of its vector.
static void keep_vector(struct jit_plan *p, vm_ir_value lane)
{
    const struct vm_ir_op *o = op_at(p, lane);
    if (o->code != VM_IR_vget)
        return;
    vm_ir_value root = p->root[o->args[0]];
    if (p->last_use[lane] > p->last_use[root])
        p->last_use[root] = p->last_use[lane];
}

// Ops without operands (markers, constants, reads of entries) are many, and of no interest here.
static void walk_forwards(struct jit_plan *p, unsigned block)
{
    const unsigned memory = VM_IR_E_LOAD | VM_IR_E_STORE | VM_IR_E_CALL;
    const struct vm_ir_region *r = p->r;
    const struct vm_ir_block *b = &r->blocks[block];
    const struct vm_ir_op *ops = r->ops;
    uint32_t end = b->first + (uint32_t)b->count;
    uint16_t from = p->span_count;
    for (uint32_t i = b->first; i < end; i++) {
        const struct vm_ir_op *o = &ops[i];
        const struct vm_ir_op_trait *trait = &vm_ir_op_traits[o->code];
        if (trait->args == 0)
            continue;
        note_operands(p, i, b);
        if (trait->effects & memory)
            note_span(p, i, &from);
        if (VM_UNLIKELY(trait->effects & VM_IR_E_FPENV || is_float((enum vm_type)o->type)))
            note_floats(p, o);
    }
    unsigned count;
    const vm_ir_value *given = vm_ir_given_args(r, block, &count);
    for (unsigned g = 0; g < count; g++)
        note_use(p, given[g], end - 1, b, JIT_BITS);
}

// --- parts ---

static bool is_compare(const struct vm_ir_op *o)
{
    if (o->code == VM_IR_cond)
        return true;
    return o->code >= VM_IR_eq && o->code <= VM_IR_leu && (o->type == VM_I64 || o->type == VM_I32);
}

// What can be a part of the one op that uses it: it moves down to that op.
static void take_in(struct jit_plan *p, const struct vm_ir_block *b, vm_ir_value v, uint32_t at)
{
    const struct vm_ir_op *o = op_at(p, v);
    unsigned args = vm_ir_op_args(p->r, o);
    p->marks[v] |= JIT_TAKEN_IN | JIT_SILENT;
    for (unsigned a = 0; a < args; a++) {
        note_use(p, o->args[a], at, b, JIT_BITS);
        keep_vector(p, p->root[o->args[a]]);
    }
}

static bool is_used_here_only(const struct jit_plan *p, const struct vm_ir_block *b, vm_ir_value v,
                              uint32_t at)
{
    return p->root[v] == v && p->uses[v] == 1 && v >= b->first && v < at;
}

static bool is_word_arithmetic(const struct vm_ir_op *o)
{
    switch (o->code) {
    case VM_IR_add:
    case VM_IR_sub:
    case VM_IR_mul:
    case VM_IR_and:
    case VM_IR_or:
    case VM_IR_xor: return o->type == VM_I64;
    default: return false;
    }
}

// Whether it is the complement of a value of a type that hosts compute in.
static bool is_complement(const struct jit_plan *p, const struct vm_ir_op *o)
{
    if (o->code != VM_IR_xor || (o->type != VM_I64 && o->type != VM_I32))
        return false;
    const struct vm_ir_op *mask = op_at(p, o->args[1]);
    return mask->code == VM_IR_const &&
           !(~mask->imm & vm_mask(vm_ir_type_bits((enum vm_type)o->type)));
}

// Whether it extends at least as many bits as a lane of the vector op that uses it has.
static bool is_extension_of_lane(const struct jit_plan *p, const struct vm_ir_op *o,
                                 const struct vm_ir_op *user)
{
    return o->code == VM_IR_zext && vm_ir_type_bits(vm_ir_value_type(p->r, o->args[0])) >=
                                        vm_ir_type_bits(vm_ir_vec_lane(user->attr));
}

// Adding a key takes in the round of AES before it.
static void take_round_in(struct jit_plan *p, const struct vm_ir_block *b, uint32_t at)
{
    const struct vm_ir_op *o = &p->r->ops[at];
    for (unsigned i = 0; i < 2 && vm_ir_vec_extent(o->attr) == VM_IR_WHOLE; i++) {
        unsigned code = op_at(p, o->args[i])->code;
        if ((code == VM_IR_vaese || code == VM_IR_vaesd) &&
            is_used_here_only(p, b, o->args[i], at)) {
            take_in(p, b, o->args[i], at);
            return;
        }
    }
}

// Whether all that uses x is the comparison and, maybe, flags of it between the two.
static bool is_for_test_only(const struct jit_plan *p, const struct vm_ir_block *b, vm_ir_value x,
                             vm_ir_value compare)
{
    unsigned others = p->uses[x] - 1u;
    if (p->root[x] != x || !is_in(b, x) || others > 1)
        return false;
    for (uint32_t i = x + 1u; others && i < compare; i++) {
        const struct vm_ir_op *o = &p->r->ops[i];
        others -= o->code == VM_IR_logicf && o->args[0] == x;
    }
    return !others;
}

// A comparison, which takes in what it compares with 0, if that is an and.
static void take_compare_in(struct jit_plan *p, const struct vm_ir_block *b, vm_ir_value v,
                            uint32_t at)
{
    const struct vm_ir_op *o = op_at(p, v);
    bool test = (o->code == VM_IR_eq || o->code == VM_IR_ne) &&
                op_at(p, o->args[0])->code == VM_IR_and &&
                op_at(p, o->args[1])->code == VM_IR_const && op_at(p, o->args[1])->imm == 0 &&
                is_for_test_only(p, b, o->args[0], v);
    take_in(p, b, v, at);
    if (test)
        take_in(p, b, o->args[0], at);
}

// A comparison goes into the branch or selection that uses it; an i64 operation of which only the
// low word is used into the extract (RISC-V's ADDW and its like); a complement into the addition's
// flags, which are those of a subtraction; an extension into the lane that needs none.
static void take_parts_in(struct jit_plan *p, const struct vm_ir_block *b, uint32_t at)
{
    const struct vm_ir_op *o = &p->r->ops[at];
    vm_ir_value v = o->args[0];
    if (o->code == VM_IR_branch || o->code == VM_IR_select) {
        if (is_used_here_only(p, b, v, at) && is_compare(op_at(p, v)))
            take_compare_in(p, b, v, at);
    } else if (o->code == VM_IR_extract && o->type == VM_I64 &&
               o->attr == (VM_IR_FIELD(0, 32) | VM_IR_FIELD_SIGNED)) {
        if (is_used_here_only(p, b, v, at) && is_word_arithmetic(op_at(p, v)))
            take_in(p, b, v, at);
    } else if (o->code == VM_IR_addf) {
        v = o->args[1];
        if (is_used_here_only(p, b, v, at) && is_complement(p, op_at(p, v)))
            take_in(p, b, v, at);
    } else if (o->code == VM_IR_vxor) {
        take_round_in(p, b, at);
    } else if (o->code == VM_IR_vlow) {
        if (is_used_here_only(p, b, v, at) && is_extension_of_lane(p, op_at(p, v), o))
            take_in(p, b, v, at);
    }
}

// What a float's bits are made from by and, or, xor (sign injection) are floats as well.
static void trace_floats(struct jit_plan *p)
{
    for (uint32_t i = p->r->op_count; i-- > 0;) {
        const struct vm_ir_op *o = &p->r->ops[i];
        if (!(p->marks[i] & JIT_FLOAT) ||
            (o->code != VM_IR_and && o->code != VM_IR_or && o->code != VM_IR_xor))
            continue;
        p->marks[p->root[o->args[0]]] |= JIT_FLOAT;
        p->marks[p->root[o->args[1]]] |= JIT_FLOAT;
    }
}

// --- homes ---

struct homing {
    struct jit_plan *p;
    const struct vm_ir_block *block;
    uint16_t *next_write; // by entry: the put or call that was seen last to write it
};

// The next one that writes the entry in this block.
static uint16_t next_write(const struct homing *h, uint64_t reg)
{
    uint16_t next = h->next_write[reg];
    return is_in(h->block, next) ? next : (uint16_t)NONE;
}

static bool is_whole(const struct vm_register *e)
{
    return e->type == VM_I64 || e->type == VM_F64 || e->type == VM_FLAGS || e->type == VM_V128;
}

// The entry that a get or put names; the emitter looks closer at those that may have floats.
static const struct vm_register *entry_of(struct jit_plan *p, uint64_t reg)
{
    const struct vm_register *e = &p->r->regfile->registers[reg];
    if (e->class != VM_REG_GENERAL)
        p->has_float |= e->class == VM_REG_FLOAT || e->class == VM_REG_VECTOR ||
                        vm_ir_in_fp_env(p->r->regfile, reg);
    return e;
}

static bool makes_value(const struct jit_plan *p, vm_ir_value v)
{
    const struct vm_ir_op *o = op_at(p, v);
    if (o->code == VM_IR_const || o->code == VM_IR_param || o->code == VM_IR_get ||
        o->code == VM_IR_nop || jit_is_taken_in(p, v))
        return false;
    enum vm_type t = vm_ir_value_type(p->r, v);
    return t != VM_VOID && (vm_ir_type_bytes(t) <= 8 || t == VM_V128);
}

static bool is_between(const struct vm_ir_op *o, uint64_t reg)
{
    const unsigned barrier = VM_IR_E_FAULT | VM_IR_E_CALL | VM_IR_E_TERM;
    if (vm_ir_op_traits[o->code].effects & barrier)
        return true;
    return (o->code == VM_IR_get || o->code == VM_IR_put) && o->imm == reg;
}

static bool can_fuse(const struct homing *h, uint32_t put, uint16_t next)
{
    struct jit_plan *p = h->p;
    const struct vm_ir_op *o = &p->r->ops[put];
    vm_ir_value v = p->root[o->args[0]];
    if (!is_whole(entry_of(p, o->imm)) || !makes_value(p, v) || p->marks[v] & JIT_ESCAPES ||
        !is_in(h->block, v) || p->home[v] != NONE || put - v > WINDOW)
        return false;
    for (uint32_t i = v + 1u; i < put; i++) {
        if (is_between(&p->r->ops[i], o->imm))
            return false;
    }
    return next == NONE || p->last_use[v] <= p->effect[next];
}

static void place_put(struct homing *h, uint32_t at)
{
    struct jit_plan *p = h->p;
    const struct vm_ir_op *o = &p->r->ops[at];
    p->effect[at] = (uint16_t)at;
    if (can_fuse(h, at, next_write(h, o->imm))) {
        vm_ir_value v = p->root[o->args[0]];
        p->home[v] = (uint16_t)o->imm;
        p->effect[at] = v;
        p->marks[at] |= JIT_FUSED | JIT_SILENT;
    }
    h->next_write[o->imm] = (uint16_t)at;
}

static void place_get(struct homing *h, uint32_t at)
{
    struct jit_plan *p = h->p;
    uint16_t reg = (uint16_t)p->r->ops[at].imm, next = next_write(h, reg);
    if (is_whole(entry_of(p, reg)) && !(p->marks[at] & JIT_ESCAPES) &&
        (next == NONE || p->last_use[at] <= p->effect[next])) {
        p->home[at] = reg;
        if (p->r->ops[at].type != VM_FLAGS) // they may still have to be made
            p->marks[at] |= JIT_SILENT;
    }
}

static void note_call_writes(struct homing *h, uint32_t at)
{
    struct jit_plan *p = h->p;
    const struct vm_ir_helper *helper = &p->r->helpers[p->r->ops[at].imm];
    p->effect[at] = (uint16_t)at;
    const unsigned many = VM_IR_HELPER_WRITES_ALL | VM_IR_HELPER_WRITES_VECTORS;
    const struct vm_regfile *f = p->r->regfile;
    for (uint16_t reg = 0; helper->effects & many && reg < f->count; reg++)
        if (vm_ir_helper_writes(f, helper, reg))
            h->next_write[reg] = (uint16_t)at;
    for (const uint16_t *w = helper->writes; w && *w != NONE; w++)
        h->next_write[*w] = (uint16_t)at;
}

// An op comes after what it takes in: parts are known before they are asked for.
static void walk_backwards(struct homing *h, const struct vm_ir_block *b)
{
    const struct vm_ir_op *ops = h->p->r->ops;
    h->block = b;
    for (uint32_t i = b->first + (uint32_t)b->count, first = b->first; i-- > first;) {
        unsigned kind = kinds[ops[i].code];
        if (kind <= NAME)
            continue;
        switch (kind) {
        case PUT: place_put(h, i); break;
        case GET: place_get(h, i); break;
        case CALL: note_call_writes(h, i); break;
        default: take_parts_in(h->p, b, i); break;
        }
    }
}

// --- the whole ---

static bool allocate(struct jit_plan *p, uint16_t **next_write, struct vm_arena *arena)
{
    size_t n = p->r->op_count, blocks = p->r->block_count, regs = p->r->regfile->count;
    uint16_t *w = vm_arena_alloc(arena, (6 * n + blocks + regs) * sizeof *w + n, 8);
    p->spans = vm_arena_alloc(arena, n * sizeof *p->spans, 8);
    if (!w || !p->spans)
        return false;
    p->root = w;
    p->effect = w + n;
    p->span_of = w + 2 * n;
    p->ways_in = w + 3 * n;
    *next_write = p->ways_in + blocks;
    p->home = *next_write + regs;
    vm_fill(*next_write, 0xff, (regs + n) * sizeof *w); // NONE; and home
    p->last_use = p->home + n;
    p->uses = p->last_use + n;
    p->marks = (uint8_t *)(p->uses + n);
    vm_zero(p->last_use, 2 * n * sizeof *w); // and uses
    return true;
}

bool jit_plan_region(struct jit_plan *p, const struct vm_ir_region *r, struct vm_arena *arena)
{
    struct homing h = {.p = p};
    *p = (struct jit_plan){.r = r};
    if (!allocate(p, &h.next_write, arena))
        return false;
    vm_ir_count_ways_in(r, p->ways_in);
    find_roots(p);
    for (uint16_t b = 0; b < r->block_count; b++)
        walk_forwards(p, b);
    for (uint32_t i = 0; p->has_float && i < r->op_count; i++)
        keep_vector(p, (vm_ir_value)i);
    for (uint16_t b = 0; b < r->block_count; b++)
        walk_backwards(&h, &r->blocks[b]);
    if (p->has_float)
        trace_floats(p);
    return true;
}
