# SPDX-License-Identifier: MIT
"""Writes the list of instructions as Markdown."""

import re


def markdown(table):
    out = [f"# Instructions of {table.name}", "",
           "Made by tools/isagen from the tables that make the decoder. A dot in an encoding is a "
           "bit of an operand, a dash one that is ignored.", ""]
    out.append(f"{len(table.rows)} instructions. Manuals:")
    out.append("")
    for name, volume in table.volumes.items():
        out.append(f"- *{name}*: {volume.text}")
    section = None
    for row in table.rows:
        if row.manual != section:
            section = row.manual
            out += ["", f"## {section[1]} ({section[0]})", "",
                    "| instruction | encoding | needs | class | same as |",
                    "| --- | --- | --- | --- | --- |"]
        out.append("| " + " | ".join(cells(table, row)) + " |")
    return "\n".join(out) + "\n"


def cells(table, row):
    text = row.mnemonic.replace("{name}", row.name)
    text = re.sub(r"\{(\w+):\w+\}", r"<\1>", text)
    asm = re.sub(r"\}\{(\w+):\w+\}", r"}<\1>", row.asm)
    text = f"{text} " + re.sub(r"\{(\w+):\w+\}", r"\1", asm)
    needs = re.sub(r"\w+", lambda m: table.extensions.get(m[0], m[0]), row.gate.text)
    needs = needs.replace("|", " or ").replace("&", " and ").replace("!", "not ")
    own = re.sub(r"[.-]", "_", row.name)
    return (f"`{text.strip()}`", f"`{row.pattern}`", needs, row.insn_class,
            "" if row.semantic == own else f"`{row.semantic}`")
