#!/usr/bin/env python3
"""Whether programs run on Lambda's provided.al2023, which has glibc 2.34.

    glibc.py FILE…    names each program that needs a newer one, and for what
"""

import re
import sys
from pathlib import Path

# https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2-glibc-gcc-and-binutils.html
NEWEST = (2, 34)


class NotAProgram(Exception):
    """A file that is no ELF program, of which nothing can be told."""


def too_new(program: Path) -> list:
    """Versions of glibc's symbols that the program needs and Lambda hasn't."""
    content = program.read_bytes()
    if not content.startswith(b"\x7fELF"):
        raise NotAProgram(f"{program} is no ELF program")
    versions = {tuple(map(int, found.split(b"."))) for found in re.findall(rb"GLIBC_(\d+(?:\.\d+)+)\0", content)}
    if not versions:
        raise NotAProgram(f"{program} names no version of glibc: it is not linked as functions are")
    return [".".join(map(str, version)) for version in sorted(versions) if version[:2] > NEWEST]


def main() -> int:
    wrong = [f"{name} needs glibc {', '.join(found)}" for name in sys.argv[1:] if (found := too_new(Path(name)))]
    for line in wrong:
        print(f"{line} HINT: Lambda has {'.'.join(map(str, NEWEST))}: build with cargo-lambda's zig, not with CARGO_LAMBDA_COMPILER=cargo.", file=sys.stderr)
    return 1 if wrong or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
