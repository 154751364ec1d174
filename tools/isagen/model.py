# SPDX-License-Identifier: MIT
"""What the tables say: spaces, fields, formats and rows, and the arithmetic on them.

Nothing here knows an architecture. A word is a Python integer, a bit range a pair (hi, lo).
"""

import re


class TableError(Exception):
    """A fault of a table, with the place where it stands."""

    def __init__(self, where, text):
        super().__init__(f"{where}: {text}")


class Named:
    """A volume, class or print kind: where it was declared, and its text."""

    def __init__(self, where, text):
        self.where, self.text = where, text


class ArgType:
    """The range of an argument: u5 is 0 to 31, s64 a signed 64-bit number."""

    def __init__(self, where, text):
        match = re.fullmatch(r"([us])([1-9][0-9]*)", text)
        if not match or int(match[2]) > 64:
            raise TableError(where, f"'{text}' is no argument type; write u1 to u64 or s1 to s64")
        self.where, self.text = where, text
        self.bits = int(match[2])
        self.signed = match[1] == "s"
        self.low = -(1 << (self.bits - 1)) if self.signed else 0
        self.high = (1 << (self.bits - self.signed)) - 1

    def holds(self, value):
        return self.low <= value <= self.high


class Space:
    """Instruction words of one width that share a decoder."""

    def __init__(self, where, name, width):
        self.where, self.name, self.width = where, name, width
        self.mask = self.value = 0  # bits that every word of the space has
        self.fields, self.rows = {}, []


class Piece:
    """Word bits [hi:lo] are value bits [vhi:vlo]."""

    def __init__(self, hi, lo, vhi, vlo):
        self.hi, self.lo, self.vhi, self.vlo = hi, lo, vhi, vlo

    @property
    def width(self):
        return self.hi - self.lo + 1


class Field:
    """A number that lies, in one or more pieces, in a word."""

    def __init__(self, where, name, space, pieces, signed, offset, loose=False):
        self.where, self.name, self.space = where, name, space
        self.pieces, self.signed, self.offset = pieces, signed, offset
        self.loose = loose  # patterns may fix its bits
        self.used = False
        self.check()
        self.top = max(p.vhi for p in pieces)
        self.scale = min(p.vlo for p in pieces)

    def check(self):
        word = value = 0
        for p in self.pieces:
            if p.hi < p.lo or p.vhi < p.vlo:
                raise TableError(self.where, f"field {self.name}: a range begins with its high bit")
            if p.hi >= self.space.width:
                raise TableError(self.where, f"field {self.name}: bit {p.hi} is outside a word of "
                                 f"{self.space.width} bits")
            if p.width != p.vhi - p.vlo + 1:
                raise TableError(self.where, f"field {self.name}: {p.hi}:{p.lo} has {p.width} bits,"
                                 f" {p.vhi}:{p.vlo} has {p.vhi - p.vlo + 1}")
            if p.vhi > 63:
                raise TableError(self.where, f"field {self.name}: value bit {p.vhi} is above 63")
            wbits, vbits = bits(p.hi, p.lo), bits(p.vhi, p.vlo)
            if word & wbits:
                raise TableError(self.where, f"field {self.name}: word bits are named twice")
            if value & vbits:
                raise TableError(self.where, f"field {self.name}: value bits are named twice")
            word |= wbits
            value |= vbits
        for bit in range(value.bit_length()):
            if value >> bit & 1 == 0 and value & ((1 << bit) - 1):
                raise TableError(self.where, f"field {self.name}: value bit {bit} is missing")
        self.mask = word

    def range(self):
        """The smallest and the largest value."""
        ones = (1 << (self.top + 1)) - (1 << self.scale)
        if not self.signed:
            return self.offset, ones + self.offset
        sign = 1 << self.top
        return self.offset - sign, (ones & ~sign) + self.offset

    def extract(self, word):
        value = 0
        for p in self.pieces:
            value |= (word >> p.lo & bits(p.width - 1, 0)) << p.vlo
        if self.signed and value >> self.top & 1:
            value -= 1 << (self.top + 1)
        return value + self.offset

    def can_be(self, value):
        low, high = self.range()
        return low <= value <= high and (value - self.offset) % (1 << self.scale) == 0


class Comparison:
    """`arg OP number` or `arg&mask==number`."""

    PATTERN = re.compile(r"(\w+)(?:&(0x[0-9a-f]+|\d+))?(==|!=|<|>)(-?(?:0x[0-9a-f]+|\d+))")

    def __init__(self, where, text):
        match = self.PATTERN.fullmatch(text)
        if not match:
            raise TableError(where, f"constraint '{text}': write arg==N, arg!=N, arg<N, arg>N or "
                             "arg&MASK==N")
        self.where, self.text = where, text
        self.arg, self.op = match[1], match[3]
        self.mask = int(match[2], 0) if match[2] else None
        self.number = int(match[4], 0)

    def holds(self, value):
        if self.mask is not None:
            value &= self.mask
        return {"==": value == self.number, "!=": value != self.number,
                "<": value < self.number, ">": value > self.number}[self.op]

    def check(self, source):
        """Refuses a constraint that always or never holds. source: what the arg is set to."""
        if not isinstance(source, Field):
            raise TableError(self.where, f"constraint '{self.text}': {self.arg} is "
                             + ("constant" if source is not None else "not set by the format"))
        low, high = source.range()
        if self.mask is not None:
            possible = self.number & ~self.mask == 0
        elif self.op in ("==", "!="):
            possible = source.can_be(self.number)
        else:
            possible = low < self.number <= high if self.op == "<" else low <= self.number < high
        if not possible:
            raise TableError(self.where, f"constraint '{self.text}': field {source.name} has "
                             f"multiples of {1 << source.scale} from {low} to {high}")


class Constraint:
    """Comparisons joined by `|`: words for which none of them holds are not the row's."""

    def __init__(self, where, text):
        self.alternatives = [Comparison(where, part) for part in text.split("|")]

    def holds(self, values):
        """values: a function from an argument's name to its value."""
        return any(c.holds(values(c.arg)) for c in self.alternatives)

    def check(self, args):
        for c in self.alternatives:
            c.check(args.get(c.arg))


class Format:
    """How the words of some rows give the arguments, and how these are printed."""

    def __init__(self, where, name, space):
        self.where, self.name, self.space = where, name, space
        self.args = {}  # argument name -> Field or number
        self.constraints = []
        self.asm, self.mnemonic = None, "{name}"
        self.used = False

    def fields(self):
        return [f for f in dict.fromkeys(self.args.values()) if isinstance(f, Field)]


class Row:
    """One instruction."""

    def __init__(self, where, name, space):
        self.where, self.name, self.space = where, name, space
        self.mask = self.value = self.free = 0  # fixed bits, their values, the bits of fields
        self.pattern = ""
        self.format = self.gate = self.insn_class = self.manual = None
        self.semantic = None
        self.asm = self.mnemonic = None
        self.overrides = []
        self.constraints = []
        self.index = None

    def matches(self, word):
        """Whether the word has the row's fixed bits and meets its constraints."""
        return word & self.mask == self.value and self.meets(word)

    def meets(self, word):
        return all(c.holds(lambda arg: self.format.args[arg].extract(word))
                   for c in self.constraints)

    def constrained_bits(self):
        mask = 0
        for constraint in self.constraints:
            for c in constraint.alternatives:
                mask |= self.format.args[c.arg].mask
        return mask


class Table:
    """All that the files say together."""

    def __init__(self):
        self.name = self.prefix = self.header = None
        self.mnemonic = "{name}"  # of formats that do not say
        self.extensions, self.extension_prefix = {}, None
        self.args, self.classes, self.volumes, self.prints = {}, {}, {}, {}
        self.spaces, self.formats, self.rows = {}, {}, []
        self.used = set()  # (kind, name) of what some row uses


def bits(hi, lo):
    """A mask of the bits hi to lo."""
    return (1 << (hi + 1)) - (1 << lo)


def template_parts(text):
    """Splits a template into strings and (argument, kind) pairs; {name} gives ("name", None)."""
    parts = []
    for i, part in enumerate(re.split(r"\{([^{}]*)\}", text)):
        if i % 2 == 0:
            if part:
                parts.append(part)
        else:
            arg, colon, kind = part.partition(":")
            parts.append((arg, kind if colon else None))
    return parts
