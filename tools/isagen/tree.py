# SPDX-License-Identifier: MIT
"""The decision tree of a space: which bits to switch on, one after the other.

A node is Switch(key, {value: node}) or a list of rows to be tried in turn, special cases first,
each with the mask of those fixed bits that no switch above has tested.
"""

KEY_BITS = 8    # at most so many bits in a switch
LEAF_ROWS = 2   # so few rows are tried in turn if no bit tells them all apart


class Switch:
    def __init__(self, runs, branches):
        self.runs = runs          # (hi, lo), the first one the highest in the key
        self.branches = branches  # key value -> node


class Try:
    """A row at a leaf, and its fixed bits that are still to be tested."""

    def __init__(self, row, mask):
        self.row, self.mask = row, mask


def build(space):
    return node(in_order(space.rows), space.mask)


def in_order(rows):
    """The rows with those that override others before these."""
    done = []

    def place(row):
        for special in rows:
            if row in special.overrides and special not in done:
                place(special)
        if row not in done:
            done.append(row)

    for row in rows:
        place(row)
    return done


def node(rows, tested):
    runs = choose(rows, tested)
    if not runs:
        return [Try(r, r.mask & ~tested) for r in rows]
    key_mask = 0
    for run in runs:
        key_mask |= mask_of(run)
    branches = {}
    for key in range(1 << sum(hi - lo + 1 for hi, lo in runs)):
        word = spread(runs, key)
        members = [r for r in rows if (r.value ^ word) & r.mask & key_mask == 0]
        if members:
            branches[key] = node(members, tested | key_mask)
    return Switch(runs, branches)


def choose(rows, tested):
    """The runs of bits to switch on, or None for a leaf."""
    if len(rows) < 2:
        return None
    common = ~tested
    for row in rows:
        common &= row.mask
    varying = 0
    for row in rows:
        varying |= row.value ^ rows[0].value
    runs = best(rows, runs_of(common & varying))
    if runs or len(rows) <= LEAF_ROWS:
        return runs
    # No bit is fixed in all of them: take the run that leaves the fewest rows together.
    anywhere = 0
    for row in rows:
        anywhere |= row.mask & ~tested
    candidates = [[part] for run in runs_of(anywhere) for part in parts(run)]
    candidates = [c for c in candidates if crowd(rows, c) < len(rows)]
    return min(candidates, key=lambda c: (crowd(rows, c), size(c)), default=None)


def best(rows, runs):
    """Joins runs, while there is room, in the order in which they tell most rows apart."""
    chosen = []
    while True:
        choices = []
        for run in runs:
            for part in parts(run):
                if all(mask_of(part) & mask_of(c) == 0 for c in chosen):
                    choices.append(sorted(chosen + [part], reverse=True))
        choices = [c for c in choices if size(c) <= KEY_BITS and len(c) <= 3
                   and keys(rows, c) > (keys(rows, chosen) if chosen else 1)]
        # A longer key must not leave most of the switch empty.
        choices = [c for c in choices if keys(rows, c) * 8 >= 1 << size(c) or not chosen]
        if not choices:
            return chosen
        chosen = max(choices, key=lambda c: (keys(rows, c), -size(c)))


def runs_of(mask):
    """The maximal runs of ones."""
    runs, bit = [], 0
    while mask >> bit:
        if mask >> bit & 1:
            lo = bit
            while mask >> bit & 1:
                bit += 1
            runs.append((bit - 1, lo))
        bit += 1
    return runs


def parts(run):
    """All runs within a run that fit a key."""
    hi, lo = run
    return [(h, l) for l in range(lo, hi + 1) for h in range(l, min(hi, l + KEY_BITS - 1) + 1)]


def size(runs):
    return sum(hi - lo + 1 for hi, lo in runs)


def mask_of(run):
    return (1 << (run[0] + 1)) - (1 << run[1])


def gather(runs, word):
    key = 0
    for hi, lo in runs:
        key = key << (hi - lo + 1) | (word & mask_of((hi, lo))) >> lo
    return key


def spread(runs, key):
    """The word whose key this is, zero elsewhere."""
    word = 0
    for hi, lo in reversed(runs):
        word |= (key & ((1 << (hi - lo + 1)) - 1)) << lo
        key >>= hi - lo + 1
    return word


def keys(rows, runs):
    """How many keys the rows have (all their bits in the runs being fixed)."""
    return len({gather(runs, r.value) for r in rows})


def crowd(rows, runs):
    """The largest number of rows that share a key."""
    mask = sum(mask_of(r) for r in runs)
    words = (spread(runs, k) for k in range(1 << size(runs)))
    return max(sum((r.value ^ w) & r.mask & mask == 0 for r in rows) for w in words)
