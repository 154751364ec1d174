# SPDX-License-Identifier: MIT
"""Gates: expressions over extension names, with ! & | and parentheses.

An expression is kept as nested tuples: ("name", X), ("!", e), ("&", e, f), ("|", e, f).
"""

import itertools
import re

from model import TableError


class Gate:
    def __init__(self, where, text, extensions):
        self.text = text
        self.tokens = re.findall(r"[A-Za-z_]\w*|\S", text)
        self.where, self.extensions, self.at = where, extensions, 0
        self.names = set()
        self.tree = self.either()
        if self.at < len(self.tokens):
            raise TableError(where, f"gate '{text}': '{self.tokens[self.at]}' is not expected")

    def take(self):
        token = self.tokens[self.at] if self.at < len(self.tokens) else ""
        self.at += 1
        return token

    def peek(self):
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def either(self):
        tree = self.both()
        while self.peek() == "|":
            self.take()
            tree = ("|", tree, self.both())
        return tree

    def both(self):
        tree = self.atom()
        while self.peek() == "&":
            self.take()
            tree = ("&", tree, self.atom())
        return tree

    def atom(self):
        token = self.take()
        if token == "!":
            return ("!", self.atom())
        if token == "(":
            tree = self.either()
            if self.take() != ")":
                raise TableError(self.where, f"gate '{self.text}': ')' is missing")
            return tree
        if not re.fullmatch(r"\w+", token):
            raise TableError(self.where, f"gate '{self.text}': an extension is missing")
        if token not in self.extensions:
            raise TableError(self.where, f"unknown extension '{token}'")
        self.names.add(token)
        return ("name", token)


def value(tree, on):
    """Whether the gate is open when exactly the extensions `on` are there."""
    if tree[0] == "name":
        return tree[1] in on
    if tree[0] == "!":
        return not value(tree[1], on)
    if tree[0] == "&":
        return value(tree[1], on) and value(tree[2], on)
    return value(tree[1], on) or value(tree[2], on)


def exclusive(a, b):
    """Whether no set of extensions opens both gates."""
    names = sorted(a.names | b.names)
    for n in range(len(names) + 1):
        for on in itertools.combinations(names, n):
            if value(a.tree, on) and value(b.tree, on):
                return False
    return True


def to_c(tree, bit):
    """The gate as a C condition; bit(NAME) gives the C text for one extension's bit."""
    group = names_of(tree, "|")
    if group:
        return "(x & (" + " | ".join(bit(n) for n in group) + "))"
    if tree[0] == "!":
        return "!" + to_c(tree[1], bit)
    joined = f" {tree[0] * 2} ".join(to_c(t, bit) for t in tree[1:])
    return f"({joined})"


def names_of(tree, operator):
    """The names of a tree that has no operator but the given one, else None."""
    if tree[0] == "name":
        return [tree[1]]
    if tree[0] != operator:
        return None
    left, right = names_of(tree[1], operator), names_of(tree[2], operator)
    return left + right if left and right else None
