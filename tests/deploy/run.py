#!/usr/bin/env python3
"""Deploys Offsite to the local AWS, and checks what it does there. Needs `make stack-up` and `cargo build --workspace`."""

import os
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local")]

import pinned  # noqa: E402


def main() -> int:
    python = pinned.venv("sam", lambda text: print(text, flush=True)) / "bin/python"
    if Path(sys.prefix) != python.parents[1]:
        os.execv(python, [str(python), "-W", "ignore::ResourceWarning", __file__, *sys.argv[1:]])
    loader = unittest.defaultTestLoader
    loader.testNamePatterns = [f"*{word}*" for word in sys.argv[1:]] or None
    found = loader.discover(str(HERE), pattern="check_*.py")
    return 0 if unittest.TextTestRunner(verbosity=2).run(found).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
