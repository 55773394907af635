import unittest

import dumps

DUMP = "\\restrict abc\nCREATE TABLE t (a int);\nCOPY public.t (a) FROM stdin;\n1\n2\n\\.\n\\unrestrict abc\n"


class Dumps(unittest.TestCase):
    def test_order_of_rows_and_restrict_token_do_not_count(self):
        other = DUMP.replace("1\n2\n", "2\n1\n").replace("abc", "xyz")
        self.assertEqual(dumps.difference(DUMP, other), "")

    def test_missing_row_is_named(self):
        self.assertIn("\n-2", dumps.difference(DUMP, DUMP.replace("2\n", "")))

    def test_repeated_row_is_named(self):
        self.assertIn("\n+2", dumps.difference(DUMP, DUMP.replace("2\n", "2\n2\n")))

    def test_order_of_statements_counts(self):
        self.assertNotEqual(dumps.difference(DUMP + "A;\nB;\n", DUMP + "B;\nA;\n"), "")

    def test_dump_cut_in_rows_is_refused(self):
        with self.assertRaises(ValueError):
            dumps.difference(DUMP, DUMP[:DUMP.index("2\n")])
