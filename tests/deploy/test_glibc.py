import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import glibc  # noqa: E402


class Glibc(unittest.TestCase):
    def program(self, *names: bytes, head: bytes = b"\x7fELF\x02\x01") -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        file = Path(folder.name) / "bootstrap"
        file.write_bytes(head + b"\0libc.so.6\0" + b"\0".join(names) + b"\0")
        return file

    def test_versions_up_to_lambdas_pass(self):
        self.assertEqual(glibc.too_new(self.program(b"GLIBC_2.2.5", b"GLIBC_2.17", b"GLIBC_2.34")), [])

    def test_newer_versions_are_named(self):
        self.assertEqual(glibc.too_new(self.program(b"GLIBC_2.34", b"GLIBC_2.35", b"GLIBC_2.100", b"GLIBC_3.0")), ["2.35", "2.100", "3.0"])

    def test_what_is_no_program_is_refused(self):
        with self.assertRaises(glibc.NotAProgram):
            glibc.too_new(self.program(b"GLIBC_2.17", head=b"#!/bin/sh\n"))
        with self.assertRaises(glibc.NotAProgram):
            glibc.too_new(self.program(b"musl"))


if __name__ == "__main__":
    unittest.main()
