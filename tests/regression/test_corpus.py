#!/usr/bin/env python3
"""What of the tests is run, and what is left out."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "local")]

import corpus  # noqa: E402


class Corpus(unittest.TestCase):
    def test_lines_that_a_server_takes_badly_are_left_out_and_no_others(self):
        text = b"SELECT 1;\nSELECT 'x'::sqljson_mystr IS JSON;\nALTER RULE a ON b RENAME TO \"_RETURN\";\n\xe9\n"
        self.assertEqual(corpus.without_left_out(text), b"SELECT 1;\n\xe9\n")

    def test_files_run_in_the_written_order_and_one_that_a_major_has_not_is_passed_over(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("rules", "test_setup", "tablespace"):
                (Path(folder) / f"{name}.sql").write_text(name)
            self.assertEqual(corpus.scripts(Path(folder)), [("test_setup", b"test_setup"), ("rules", b"rules")])

    def test_no_file_is_run_twice(self):
        self.assertEqual(len(corpus.FILES), len(set(corpus.FILES)))


if __name__ == "__main__":
    unittest.main()
