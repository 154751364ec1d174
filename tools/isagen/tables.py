# SPDX-License-Identifier: MIT
"""Reads .isa files into a Table. The notation is described in docs/adding-an-instruction.md.

Each directive is a function directive_<word>; any other first word begins a row.
"""

import os
import re
import shlex

from gates import Gate
from model import (ArgType, Constraint, Field, Format, Named, Piece, Row, Space, Table,
                   TableError, template_parts)

ROW_KEYS = ("format", "gate", "class", "manual", "sem", "asm", "mnemonic", "where", "overrides")
GROUP_KEYS = ("format", "gate", "class", "manual")
FORMAT_KEYS = ("where", "asm", "mnemonic")


class Reader:
    def __init__(self):
        self.table = Table()
        self.space = None  # of the rows, fields and formats that follow
        self.group = {}
        self.where = ""

    def error(self, text):
        return TableError(self.where, text)

    def read(self, path):
        self.space, self.group = None, {}
        try:
            with open(path, encoding="utf-8") as file:
                lines = file.read().split("\n")
        except (OSError, UnicodeDecodeError) as e:
            raise TableError(path, f"cannot be read: {e}") from None
        for number, line in enumerate(lines, 1):
            self.where = f"{path}:{number}"
            self.path = path
            try:
                words = shlex.split(line, comments=True)
            except ValueError as e:
                raise self.error(f"quotes: {e}") from None
            if not words:
                continue
            directive = getattr(self, "directive_" + words[0], None)
            if directive:
                directive(words[1:])
            else:
                self.row(words)

    # Helpers

    def need(self, words, count, usage):
        if len(words) < count:
            raise self.error(f"write: {usage}")

    def add(self, into, what, name, item):
        if name in into:
            raise self.error(f"{what} '{name}' is there already")
        into[name] = item

    def number(self, text):
        if not re.fullmatch(r"-?(0x[0-9a-fA-F]+|[0-9]+)", text):
            raise self.error(f"'{text}' is no number")
        return int(text, 0)

    def keys(self, words, allowed):
        pairs = {}
        for word in words:
            key, equals, text = word.partition("=")
            if not equals or key not in allowed:
                raise self.error(f"'{word}' is not expected; known are "
                                 + " ".join(k + "=" for k in allowed))
            self.add(pairs, "key", key, text)
        return pairs

    def range(self, text):
        match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
        if not match:
            raise self.error(f"'{text}' is no bit range; write 7 or 11:7")
        return int(match[1]), int(match[2] if match[2] is not None else match[1])

    def current_space(self):
        if not self.space:
            raise self.error("no space chosen; write: in NAME")
        return self.space

    # What all tables of an architecture share

    def directive_arch(self, words):
        self.need(words, 3, "arch NAME PREFIX HEADER")
        if self.table.name:
            raise self.error("a second arch line")
        self.table.name, self.table.prefix, self.table.header = words[:3]

    def directive_extensions(self, words):
        self.need(words, 2, "extensions FILE MACRO")
        path = os.path.join(os.path.dirname(self.path), words[0])
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
        except OSError as e:
            raise self.error(f"{path}: {e.strerror}") from None
        rows = re.findall(rf'^{words[1]}\((\w+),\s*"([^"]*)"', text, re.M)
        if not rows:
            raise self.error(f"{path} has no line {words[1]}(ID, \"name\", ...)")
        self.table.extensions = dict(rows)
        self.table.extension_prefix = words[1] + "_"

    def directive_args(self, words):
        for word in words:
            name, _, kind = word.partition(":")
            self.add(self.table.args, "argument", name, ArgType(self.where, kind))

    def directive_volume(self, words):
        self.need(words, 2, 'volume NAME "TITLE"')
        self.add(self.table.volumes, "volume", words[0],
                 Named(self.where, " ".join(words[1:])))

    def directive_class(self, words):
        for word in words:
            self.add(self.table.classes, "class", word, Named(self.where, word))

    def directive_print(self, words):
        self.need(words, 2, "print KIND what it prints")
        self.add(self.table.prints, "print kind", words[0],
                 Named(self.where, " ".join(words[1:])))

    def directive_space(self, words):
        self.need(words, 2, "space NAME WIDTH [HI:LO=VALUE ...]")
        width = self.number(words[1])
        if not 1 <= width <= 64:
            raise self.error(f"space {words[0]}: words have 1 to 64 bits")
        space = Space(self.where, words[0], width)
        for word in words[2:]:
            text, _, value = word.partition("=")
            hi, lo = self.range(text)
            value = self.number(value)
            if hi < lo or hi >= width or value < 0 or value >> (hi - lo + 1):
                raise self.error(f"space {words[0]}: '{word}' does not fit")
            space.mask |= ((1 << (hi - lo + 1)) - 1) << lo
            space.value |= value << lo
        self.add(self.table.spaces, "space", words[0], space)
        self.space = space

    def directive_in(self, words):
        self.need(words, 1, "in SPACE")
        if words[0] not in self.table.spaces:
            raise self.error(f"unknown space '{words[0]}'")
        self.space = self.table.spaces[words[0]]

    def directive_mnemonic(self, words):
        self.need(words, 1, "mnemonic TEMPLATE")
        self.table.mnemonic = words[0]
        self.templates(Format(self.where, "", None), "", words[0])

    # Fields and formats

    def directive_field(self, words):
        self.need(words, 2, "field NAME [loose] [signed] BITS[=VALUEBITS] ... [+OFFSET]")
        space, name, words = self.current_space(), words[0], words[1:]
        loose = words[0] == "loose"
        words = words[1:] if loose else words
        signed = words[:1] == ["signed"]
        pieces, offset = [], 0
        for word in words[1:] if signed else words:
            if word.startswith("+"):
                offset = self.number(word[1:])
                continue
            text, equals, value = word.partition("=")
            hi, lo = self.range(text)
            vhi, vlo = self.range(value) if equals else (hi - lo, 0)
            pieces.append(Piece(hi, lo, vhi, vlo))
        if not pieces:
            raise self.error(f"field {name} has no bits")
        self.add(space.fields, "field", name,
                 Field(self.where, name, space, pieces, signed, offset, loose))

    def directive_format(self, words):
        self.need(words, 1, "format NAME [ARG | ARG=FIELD | ARG=NUMBER ...] [asm=...] [where=...]")
        space = self.current_space()
        form = Format(self.where, words[0], space)
        plain = [w for w in words[1:] if w.partition("=")[0] not in FORMAT_KEYS]
        keys = self.keys([w for w in words[1:] if w not in plain], FORMAT_KEYS)
        for word in plain:
            arg, _, source = word.partition("=")
            self.add(form.args, "argument", arg, self.source(space, arg, source or arg))
        form.asm = keys.get("asm")
        form.mnemonic = keys.get("mnemonic", self.table.mnemonic)
        form.constraints = [Constraint(self.where, c) for c in keys.get("where", "").split()]
        for c in form.constraints:
            c.check(form.args)
        self.templates(form, form.asm or "", form.mnemonic)
        self.add(self.table.formats, "format", words[0], form)

    def source(self, space, arg, text):
        """A field or a number that a format gives to an argument."""
        if arg not in self.table.args:
            raise self.error(f"unknown argument '{arg}'")
        kind = self.table.args[arg]
        if re.match(r"-?\d", text):
            value = self.number(text)
            if not kind.holds(value):
                raise self.error(f"{arg}={value} does not fit {kind.text}")
            return value
        if text not in space.fields:
            raise self.error(f"unknown field '{text}' in space {space.name}")
        field = space.fields[text]
        low, high = field.range()
        if not kind.holds(low) or not kind.holds(high):
            raise self.error(f"{arg}={text}: {low} to {high} does not fit {kind.text}")
        field.used = True
        return field

    def templates(self, form, asm, mnemonic):
        """Checks the templates of a format, or of a row with that format."""
        for text in (asm, mnemonic):
            for part in template_parts(text):
                if isinstance(part, str):
                    if "{" in part or "}" in part:
                        raise self.error(f"template '{text}': braces do not match")
                    continue
                arg, kind = part
                if kind is None and arg in ("name", "base") and text is mnemonic:
                    continue
                if arg not in form.args:
                    raise self.error(f"template '{text}': format {form.name} does not set '{arg}'")
                if kind not in self.table.prints:
                    raise self.error(f"template '{text}': unknown print kind '{kind}'")

    # Rows

    def directive_group(self, words):
        self.group = self.keys(words, GROUP_KEYS)

    def row(self, words):
        space = self.current_space()
        row = Row(self.where, words[0], space)
        at = self.pattern(row, words)
        if at < len(words) and "=" not in words[at]:
            words[at] = "format=" + words[at]
        keys = {**self.group, **self.keys(words[at:], ROW_KEYS)}
        self.row_format(row, keys)
        self.row_manual(row, keys)
        if not keys.get("gate"):
            raise self.error(f"{row.name}: gate= is missing")
        row.gate = Gate(self.where, keys["gate"], self.table.extensions)
        row.insn_class = keys.get("class")
        if row.insn_class not in self.table.classes:
            raise self.error(f"{row.name}: unknown class '{row.insn_class}'"
                             if row.insn_class else f"{row.name}: class= is missing")
        row.semantic = keys.get("sem") or re.sub(r"[.-]", "_", row.name)
        if not re.fullmatch(r"\w+", row.semantic):
            raise self.error(f"{row.name}: '{row.semantic}' is no name of a semantic function")
        row.overrides = [n for n in keys.get("overrides", "").split(",") if n]
        if any(r.name == row.name for r in self.table.rows):
            raise self.error(f"duplicated mnemonic '{row.name}'")
        row.index = len(self.table.rows)
        self.table.rows.append(row)
        space.rows.append(row)

    def pattern(self, row, words):
        """Takes the words of 0, 1, . and - that make the pattern; returns how far they go."""
        at = 1
        while at < len(words) and re.fullmatch(r"[01.\-]+", words[at]):
            at += 1
        row.pattern = " ".join(words[1:at])
        text = "".join(words[1:at])
        width = row.space.width
        if len(text) != width:
            raise self.error(f"{row.name}: the pattern has {len(text)} bits, words of space "
                             f"{row.space.name} have {width}")
        for i, char in enumerate(text):
            bit = 1 << (width - 1 - i)
            if char in "01":
                row.mask |= bit
                row.value |= bit if char == "1" else 0
            elif char == ".":
                row.free |= bit
        fixed = row.space.mask
        if row.mask & fixed != fixed or row.value & fixed != row.space.value:
            raise self.error(f"{row.name}: lacks the bits that all words of space "
                             f"{row.space.name} have")
        return at

    def row_format(self, row, keys):
        name = keys.get("format")
        form = self.table.formats.get(name)
        if not form or form.space is not row.space:
            raise self.error(f"{row.name}: unknown format '{name}' in space {row.space.name}"
                             if name else f"{row.name}: the format is missing")
        row.format, form.used = form, True
        covered = loose = 0
        for field in form.fields():
            if field.mask & ~row.free and not field.loose:
                raise self.error(f"{row.name}: field {field.name} of format {name} lies on bits "
                                 "that the pattern does not leave to it")
            if field.mask & covered and not field.loose:
                raise self.error(f"{row.name}: fields of format {name} overlap at {field.name}")
            covered |= 0 if field.loose else field.mask
            loose |= field.mask if field.loose else 0
        if row.free & ~covered & ~loose:
            bit = (row.free & ~covered & ~loose).bit_length() - 1
            raise self.error(f"{row.name}: no field of format {name} has bit {bit}; a bit to be "
                             "ignored is written -")
        row.constraints = form.constraints + [
            Constraint(self.where, c) for c in keys.get("where", "").split()]
        for c in row.constraints[len(form.constraints):]:
            c.check(form.args)
        row.asm = keys.get("asm", form.asm)
        base = row.name.partition(".")[0]
        row.mnemonic = keys.get("mnemonic", form.mnemonic).replace("{base}", base)
        if row.asm is None:
            raise self.error(f"{row.name}: neither it nor its format has an asm= template")
        self.templates(form, row.asm, row.mnemonic)

    def row_manual(self, row, keys):
        volume, colon, section = keys.get("manual", "").partition(":")
        if not volume or not colon or not section.strip():
            raise self.error(f"{row.name}: manual section is missing; "
                             'write manual="VOLUME: SECTION"')
        if volume not in self.table.volumes:
            raise self.error(f"{row.name}: unknown volume '{volume}'")
        row.manual = (volume, section.strip())


def read(paths):
    reader = Reader()
    for path in paths:
        reader.read(path)
    if not reader.table.name:
        raise TableError(paths[0], "no arch line")
    if not reader.table.rows:
        raise TableError(paths[0], "no instruction")
    return reader.table
