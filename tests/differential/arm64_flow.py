# SPDX-License-Identifier: MIT
"""Random A64 code with control flow: branches of all kinds, loops, calls and returns, registers of
the system that EL0 may write, and code that is written while it runs.

It ends always: loops count in registers that random instructions leave alone, all other branches go
forward but calls, which come back. Targets are relative, so that a piece may lie anywhere.
"""

COUNTERS = (25, 26)  # of loops, by depth
SAVED, POINTER, LINK = 24, 27, 30
RESERVED = frozenset((SAVED, *COUNTERS, POINTER, LINK))
NZCV, FPCR, FPSR, TPIDR = 0x5a10, 0x5a20, 0x5a21, 0x5e82
WRITABLE = {FPCR: 0x7c80000, FPSR: 0x800009f}


def adr(rd, words):
    return 0x10000000 | (words & 0x7ffff) << 5 | rd


def b(words):
    return 0x14000000 | words & 0x3ffffff


def bl(words):
    return 0x94000000 | words & 0x3ffffff


def register_branch(opc, rn):
    return 0xd61f0000 | opc << 21 | rn << 5


BR, BLR, RET = 0, 1, 2


def mov(rd, rn):
    return 0xaa0003e0 | rn << 16 | rd


def constant(rd, value):
    return [0xd2800000 | (value & 0xffff) << 5 | rd, 0xf2a00000 | (value >> 16 & 0xffff) << 5 | rd]


def system(number, write, rt):
    """MRS or MSR of op0:op1:CRn:CRm:op2, of which op0's high bit is in the opcode."""
    return 0xd5100000 | (0 if write else 1) << 21 | (number & 0x7fff) << 5 | rt


class Flow:
    """Makes pieces from a Chooser's instructions. `integers` is a Chooser of plain computations.
    hinted: BC.cond, too."""

    def __init__(self, chooser, integers, hinted):
        self.hinted = hinted
        self.chooser, self.integers, self.r = chooser, integers, chooser.r

    def register(self):
        return self.r.choice([i for i in range(31) if i not in self.chooser.reserved])

    def piece(self, count, loops=0, called=False):
        """Code of about `count` random instructions."""
        words = []
        while count > 0:
            kind = self.r.randrange(10)
            inner = self.r.randrange(1, 5)
            if kind < 5 or count < 3:
                words += self.chooser.instruction()
                inner = 1
            elif kind == 5:
                words += self.skip(self.piece(inner, loops, called))
            elif kind == 6 and loops < len(COUNTERS):
                words += self.loop(self.piece(inner, loops + 1, called), loops)
            elif kind == 7 and not called:
                words += self.call(self.piece(inner, loops, True))
            elif kind == 8:
                words += self.choice(self.piece(inner, loops, called),
                                     self.piece(1, loops, called))
            elif kind == 9 and (called or self.r.randrange(2)):
                words += self.system()
                inner = 1
            elif kind == 9:
                words += self.written_code()
                inner = 2
            else:
                continue
            count -= inner
        return words

    def condition(self, distance):
        """A branch over so many words that may be taken or not."""
        r, n = self.r, self.register()
        imm19 = (distance & 0x7ffff) << 5
        sf = r.getrandbits(1) << 31
        return r.choice((
            0x54000000 | imm19 | r.getrandbits(4),  # B.cond
            0x54000000 | imm19 | r.getrandbits(4) | self.hinted << 4,  # BC.cond
            0x34000000 | imm19 | sf | r.getrandbits(1) << 24 | n,  # CBZ, CBNZ
            0x36000000 | (distance & 0x3fff) << 5 | sf | r.getrandbits(5) << 19
            | r.getrandbits(1) << 24 | n))  # TBZ, TBNZ

    def skip(self, inside):
        return [self.condition(len(inside) + 1)] + inside

    def loop(self, inside, depth):
        counter = COUNTERS[depth]
        turns = self.r.randrange(1, 5)
        back = -len(inside) - 1
        if self.r.randrange(2):
            end = [0xd1000400 | counter << 5 | counter,  # SUB
                   0xb5000000 | (back & 0x7ffff) << 5 | counter]  # CBNZ
        else:
            end = [0xf1000400 | counter << 5 | counter, 0x54000001 | (back & 0x7ffff) << 5]
        return constant(counter, turns)[:1] + inside + end

    def call(self, inside):
        """A function, which is jumped over, and its call; the way back is one of three."""
        leave = self.r.choice(([register_branch(RET, LINK)],
                               [mov(POINTER, LINK), register_branch(RET, POINTER)],
                               [mov(POINTER, LINK), register_branch(BR, POINTER)]))
        function = inside + leave
        over = [b(len(function) + 1)] + function
        if self.r.randrange(2):
            return over + [bl(-len(function))]
        return over + [adr(POINTER, -len(function)), register_branch(BLR, POINTER)]

    def choice(self, one, other):
        """Goes to one of two places by a register."""
        c = self.r.getrandbits(4)
        head = [adr(POINTER, 4), adr(SAVED, 4 + len(one)),
                0x9a800000 | SAVED << 16 | c << 12 | POINTER << 5 | POINTER,  # CSEL
                register_branch(self.r.choice((BR, RET)), POINTER)]
        return head + one + [b(len(other) + 1)] + other

    def system(self):
        """A register of the system is written, and read again."""
        number = self.r.choice((NZCV, FPCR, FPSR, TPIDR))
        n, m = self.register(), self.register()
        before = []
        if number in WRITABLE:
            before = constant(n, self.r.getrandbits(32) & WRITABLE[number])
        return before + [system(number, True, n), system(number, False, m)]

    def written_code(self):
        """A loop whose second turn runs an instruction that the first has written."""
        old, new = self.integers.instruction()[-1], self.integers.instruction()[-1]
        spot = [old]
        write = [adr(POINTER, -1)] + constant(SAVED, new)
        write += [0xb9000000 | POINTER << 5 | SAVED,  # STR
                  0xd50b7b20 | POINTER, 0xd5033b9f,  # DC CVAU; DSB ISH
                  0xd50b7520 | POINTER, 0xd5033b9f, 0xd5033fdf]  # IC IVAU; DSB ISH; ISB
        first = [constant(LINK, 2)[0]]
        back = -(len(spot) + len(write) + 1)
        return first + spot + write + [0xd1000400 | LINK << 5 | LINK,
                                       0xb5000000 | (back & 0x7ffff) << 5 | LINK]
