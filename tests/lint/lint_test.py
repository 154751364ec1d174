#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests tools/lint with small trees that it must refuse, and such that it must pass.

    lint_test.py LINT COMPILER...

A tree is a dictionary of files. With "build" in a case's name its C files are compiled, too, into
the libraries that lint looks at. Prints TAP."""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

LICENCE = "// SPDX-License-Identifier: MIT\n"
PYTHON = "# SPDX-License-Identifier: MIT\n"


def c(text=""):
    return LICENCE + text


# name: (files, what lint must say; None: nothing special, and it passes)
CASES = {
    # The walls.
    "accept-use-below": (
        {"src/core/a.c": c("#include <vm/mem/m.h>\n#include <vm/ir/i.h>\n")}, None),
    "accept-use-of-itself": (
        {"src/core/a.c": c('#include <vm/core/m.h>\n#include "a.h"\n')}, None),
    "accept-frontends-for-board": (
        {"src/board/virt-riscv64/a.c": c("#include <vm/frontend-riscv64/f.h>\n")}, None),
    "accept-a-guest-for-its-interrupt-controller": (
        {"src/device/irq/a.c": c("#include <vm/core/arch/arm64/gic.h>\n")}, None),
    "accept-guests-for-the-list-of-them": (
        {"src/libvm/select.c": c("#include <vm/frontend-arm64/f.h>\n")}, None),
    "refuse-a-guest-for-core": (
        {"src/core/run.c": c("#include <vm/core/arch/arm64/state.h>\n")},
        "src/core/run.c:2: guest: src/core/run.c need not know of arm64"),
    "refuse-a-guest-for-the-rest-of-libvm": (
        {"src/libvm/vm.c": c("#include <vm/frontend-arm64/f.h>\n")}, "need not know of arm64"),
    "refuse-a-guest-for-another-one's-board": (
        {"src/board/virt-arm64/a.c": c("#include <vm/core/arch/riscv64/state.h>\n")},
        "need not know of riscv64"),
    "accept-osal-for-backends-of-device": (
        {"src/device/backend/a.c": c("#include <vm/osal/o.h>\n"),
         "src/device/include/vm/device/backend/a.h": c("#include <vm/osal/o.h>\n")}, None),
    "accept-own-header-in-folder-above": (
        {"src/board/virt/a.c": c('#include "../board.h"\n')}, None),
    "refuse-use-above": ({"src/mem/a.c": c("#include <vm/core/c.h>\n")},
                         "src/mem/a.c:2: wall: mem may not use core"),
    "refuse-use-beside": ({"src/loader/a.c": c("#include <vm/osal/o.h>\n")},
                          "loader may not use osal"),
    "refuse-osal-for-other-devices": ({"src/device/serial/a.c": c("#include <vm/osal/o.h>\n")},
                                      "device/serial may not use osal"),
    "refuse-in-a-public-header": (
        {"src/base/include/vm/base/a.h": c("#include <vm/osal/o.h>\n")}, "base may not use osal"),
    "refuse-quoted-include": ({"src/cli/a.c": c('  #  include "vm/loader/l.h"\n')},
                              "cli may not use loader"),
    "refuse-path-to-another-module": ({"src/cli/a.c": c('#include "../libvm/hosted.h"\n')},
                                      "hosted.h is outside of src/cli"),
    "refuse-private-header-of-another-frontend": (
        {"src/engine-interpreter/a.c": c("#include <vm/frontend-riscv64/f.h>\n")},
        "engine-interpreter may not use frontend-riscv64"),
    "refuse-module-without-row": ({"src/novelty/a.c": c()}, "src/novelty: table: .*no row"),
    "refuse-module-without-row-in-the-documentation": (
        {"src/base/a.c": c(), "src/osal/a.c": c(),
         "docs/architecture.md": "| module | may use |\n| --- | --- |\n| base | nothing |\n"},
        "docs/architecture.md: table: no row for src/osal"),
    "accept-rows-in-the-documentation": (
        {"src/base/a.c": c(), "src/frontend-riscv64/a.c": c(),
         "docs/architecture.md": "| module | may use |\n| --- | --- |\n| base | nothing |\n"
                                 "| ir, frontend-* | base |\n"}, None),
    # The host.
    "accept-os-in-osal": ({"src/osal/a.c": c("#ifdef __linux__\n#endif\n")}, None),
    "accept-os-in-a-text": ({"src/core/a.c": c('const char *const a = "__linux__";\n')}, None),
    "accept-feature-macros": ({"src/core/a.c": c("#ifdef VM_GUEST_RISCV64\n#endif\n")}, None),
    "refuse-os-in-core": ({"src/core/a.c": c("#ifdef __linux__\n#endif\n")},
                          "src/core/a.c:2: host: __linux__"),
    "refuse-os-in-elif": ({"src/cli/a.c": c("#if 0\n#elif defined(_WIN32)\n#endif\n")},
                          "src/cli/a.c:3: host: _WIN32"),
    "refuse-isa-in-base": ({"src/base/a.h": c("#  if defined(__x86_64__)\n#endif\n")},
                           "host: __x86_64__"),
    # Form.
    "refuse-missing-licence": ({"src/core/a.c": "// Nothing.\n"}, "a.c:1: licence"),
    "refuse-missing-licence-in-a-script": ({"tools/a": "#!/bin/sh\ntrue\n"}, "tools/a:1: licence"),
    "accept-licence-behind-the-interpreter": ({"tools/a": "#!/bin/sh\n" + PYTHON}, None),
    "refuse-unfinished": ({"tests/unit/a.c": c("// TO" "DO: test\n")}, "a.c:2: unfinished"),
    "accept-words-like-unfinished": ({"src/core/a.c": c("// XXXX, TODOS and FIXMEs.\n")}, None),
    "refuse-blanks-at-the-end": ({"tools/a.py": PYTHON + "a = 1 \n"}, "a.py:2: blanks"),
    "refuse-wide-line": ({"src/core/a.c": c("// " + "x" * 98 + "\n")}, "a.c:2: width: 101 columns"),
    "accept-line-of-100-columns": ({"src/core/a.c": c("// " + "x" * 97 + "\n")}, None),
    "refuse-long-file": ({"src/core/a.c": c("//\n" * 700)}, "a.c: length: 701 lines"),
    "accept-file-of-700-lines": ({"src/core/a.c": c("//\n" * 699)}, None),
    "refuse-other-encoding": ({"src/core/a.c": LICENCE.encode() + b"// \xe4\n"}, "not UTF-8"),
    "accept-long-function-with-a-warning": (
        {"src/core/a.c": c("int f(int a,\n      int b)\n{\n" + "    a++;\n" * 81 + "}\n")},
        r"a.c:4: warning: function: f has 81 lines"),
    "refuse-layout": ({".clang-format": "BasedOnStyle: LLVM\nIndentWidth: 4\n",
                       "src/core/a.c": c("int  a ( void ) ;\n")}, "a.c:2: layout"),
    # The libraries.
    "accept-build-with-constants": (
        {"src/core/a.c": c('static const char *const t[] = {"a", "b"};\n'
                           "const char *const *a(void);\n"
                           "const char *const *a(void)\n{\n    return t;\n}\n")}, None),
    "refuse-build-with-a-global": ({"src/core/a.c": c("int counter;\n")},
                                   r"src/core \(a.c.o\): global: counter"),
    "refuse-build-with-a-static-variable": (
        {"src/libvm/a.c": c("int a(void);\nint a(void)\n{\n    static int n = 1;\n"
                            "    return n++;\n}\n")}, r"src/libvm .*global: (a\.n|n\.\d+) is"),
    "refuse-build-with-a-thread-variable": (
        {"src/core/a.c": c("_Thread_local int mine;\n")}, "global: mine"),
    "refuse-build-with-pointers-that-change": (
        {"src/core/a.c": c('const char *name = "a";\n')}, "global: name"),
    "accept-build-with-the-state-of-a-process": (
        {"src/osal/posix_process_state.c": c("int state;\n")}, None),
    "refuse-build-with-exit": (
        {"src/device/a.c": c("void exit(int);\nvoid a(void);\nvoid a(void)\n{\n    exit(1);\n}\n")},
        r"src/device \(a.c.o\): exit: exit is"),
    "refuse-build-with-assert": (
        {"src/loader/a.c": c("#include <assert.h>\nvoid a(int);\n"
                             "void a(int n)\n{\n    assert(n);\n}\n")}, "exit: __assert_fail"),
    "accept-build-with-exit-in-cli": (
        {"src/cli/a.c": c("void exit(int);\nvoid a(void);\nvoid a(void)\n{\n    exit(1);\n}\n")},
        None),
    "refuse-build-with-libc-in-core": (
        {"src/core/a.c": c("void *malloc(unsigned long);\nvoid *a(void);\n"
                           "void *a(void)\n{\n    return malloc(1);\n}\n")},
        "freestanding: malloc"),
    "refuse-build-with-osal-in-core": (
        {"src/core/a.c": c("int vm_osal_clock(void);\nint a(void);\n"
                           "int a(void)\n{\n    return vm_osal_clock();\n}\n"),
         "src/osal/b.c": c("int vm_osal_clock(void);\n"
                           "int vm_osal_clock(void)\n{\n    return 0;\n}\n")},
        "freestanding: vm_osal_clock"),
    "accept-build-with-one-core-module-calling-another": (
        {"src/core/a.c": c("int vm_base_b(void);\nint a(void);\n"
                           "int a(void)\n{\n    return vm_base_b();\n}\n"),
         "src/base/b.c": c("int vm_base_b(void);\nint vm_base_b(void)\n{\n    return 0;\n}\n")},
        None),
    "accept-build-with-libc-in-osal": (
        {"src/osal/a.c": c("void *malloc(unsigned long);\nvoid *a(void);\n"
                           "void *a(void)\n{\n    return malloc(1);\n}\n")}, None),
    "refuse-build-without-libraries": ({"src/core/a.h": c()}, "error: .*build first"),
}


def write_tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    (root / "src").mkdir(exist_ok=True)


def compile_tree(root, compiler):
    for source in sorted(root.glob("src/*/*.c")):
        module = source.parent.name
        target = root / "build/src" / module
        target.mkdir(parents=True, exist_ok=True)
        member = target / (source.name + ".o")
        subprocess.run([*compiler, "-O1", "-fPIC", "-c", str(source), "-o", str(member)],
                       check=True)
        subprocess.run(["ar", "csr", str(target / f"lib{module}.a"), str(member)], check=True)


def run_case(lint, compiler, name, files, expected):
    """The fault of a case, or nothing."""
    with tempfile.TemporaryDirectory(prefix="trine-lint-") as scratch:
        root = Path(scratch)
        write_tree(root, files)
        command = [sys.executable, lint, "--root", str(root)]
        if "build" in name:
            compile_tree(root, compiler)
            command += ["--build", str(root / "build")]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
    said = result.stdout + result.stderr
    if "layout" in name and "layout is not checked" in said:
        return "", re.search(r"not checked: (.*)", said)[1]
    if name.startswith("accept-"):
        passed = result.returncode == 0 and (not expected or re.search(expected, said))
        return "" if passed else said or "it says nothing", ""
    faults = [line for line in said.splitlines()
              if not re.match(r"lint: \d+ files|.*warning:", line)]
    if result.returncode == 0 or not re.search(expected, said) or len(faults) != 1:
        return f"/{expected}/ alone was expected, with a status that is not 0:\n{said}", ""
    return "", ""


def main():
    lint, compiler = sys.argv[1], sys.argv[2:]
    failed = 0
    print(f"1..{len(CASES)}")
    for number, (name, (files, expected)) in enumerate(CASES.items(), 1):
        fault, skipped = run_case(lint, compiler, name, files, expected)
        skip = f" # SKIP {skipped}" if skipped else ""
        print(f"{'not ok' if fault else 'ok'} {number} {name}{skip}")
        if fault:
            failed += 1
            print("# " + fault.strip().replace("\n", "\n# "))
    return 1 if failed else 0


sys.exit(main())
