# SPDX-License-Identifier: MIT
"""Checks that need the whole table: overlap, order of special cases, what nobody uses."""

import gates
from model import TableError, template_parts

ENUMERATE_BITS = 20  # constraints of two rows may depend on so many bits together


def check(table):
    for space in table.spaces.values():
        if not space.rows:
            raise TableError(space.where, f"space {space.name} has no row")
        resolve_overrides(space)
        check_overlaps(space)
    check_unused(table)


# Overlap

def resolve_overrides(space):
    """Turns the names in row.overrides into rows."""
    by_name = {r.name: r for r in space.rows}
    for row in space.rows:
        for name in row.overrides:
            if name not in by_name:
                raise TableError(row.where, f"{row.name} overrides '{name}', which space "
                                 f"{space.name} has not")
        row.overrides = [by_name[n] for n in row.overrides]
    for row in space.rows:
        for general in row.overrides:
            if general is row or not is_special_case(row, general):
                raise TableError(row.where, f"{row.name} overrides {general.name}, but is no "
                                 "special case of it")


def is_special_case(row, general):
    """Whether the fixed bits of row are those of general and more."""
    return (row.mask & general.mask == general.mask and row.mask != general.mask
            and row.value & general.mask == general.value)


def check_overlaps(space):
    rows = space.rows
    for i, a in enumerate(rows):
        for b in rows[i + 1:]:
            word = common_word(a, b)
            if word is None:
                for row, other in ((a, b), (b, a)):
                    if other in row.overrides:
                        raise TableError(row.where, f"{row.name} overrides {other.name}, but no "
                                         "word is both")
            elif not (a in b.overrides or b in a.overrides or gates.exclusive(a.gate, b.gate)):
                raise TableError(b.where, f"{b.name} overlaps {a.name} ({a.where}): "
                                 f"0x{word:0{(space.width + 3) // 4}x} is both; use overrides=, "
                                 "where= or gates that exclude each other")


def common_word(a, b):
    """A word that both rows match, or None."""
    if (a.value ^ b.value) & a.mask & b.mask:
        return None
    base = a.value | b.value
    fixed = a.mask | b.mask
    vary = (a.constrained_bits() | b.constrained_bits()) & ~fixed
    positions = [i for i in range(vary.bit_length()) if vary >> i & 1]
    if len(positions) > ENUMERATE_BITS:
        raise TableError(b.where, f"{b.name} and {a.name}: constraints depend on "
                         f"{len(positions)} bits, more than {ENUMERATE_BITS}")
    for n in range(1 << len(positions)):
        word = base
        for k, position in enumerate(positions):
            word |= (n >> k & 1) << position
        if a.meets(word) and b.meets(word):
            return word
    return None


# What nobody uses

def check_unused(table):
    for space in table.spaces.values():
        for field in space.fields.values():
            if not field.used:
                raise TableError(field.where, f"unused field '{field.name}'")
    for form in table.formats.values():
        if not form.used:
            raise TableError(form.where, f"unused format '{form.name}'")
    seen = {(kind, name) for row in table.rows for kind, name in uses(row)}
    for kind, names in (("class", table.classes), ("volume", table.volumes),
                        ("print kind", table.prints), ("argument", table.args)):
        for name, item in names.items():
            if (kind, name) not in seen:
                raise TableError(item.where, f"unused {kind} '{name}'")


def uses(row):
    yield "class", row.insn_class
    yield "volume", row.manual[0]
    for arg in row.format.args:
        yield "argument", arg
    for text in (row.asm, row.mnemonic):
        for part in template_parts(text):
            if not isinstance(part, str):
                yield "print kind", part[1]


