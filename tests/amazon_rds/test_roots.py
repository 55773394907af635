import re
import sys
import unittest
from datetime import datetime, timezone
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import roots  # noqa: E402


class Roots(unittest.TestCase):
    def test_roots_are_those_that_amazon_publishes_and_none_ends_soon(self):
        kept = roots.FILE.read_text()
        self.assertEqual(kept, roots.wanted(lambda told: None), "HINT: Run tests/amazon_rds/roots.py --write.")
        for pem in roots.certificates(kept):
            self.assertTrue(roots.lasting(pem, datetime.now(timezone.utc)), roots.described(pem))

    def test_every_region_has_a_root_of_each_algorithm(self):
        names = [roots.described(pem)[0] for pem in roots.certificates(roots.FILE.read_text())]
        found = {}
        for region, algorithm in re.findall(r"CN=Amazon RDS (\S+) Root CA (\S+) G1", "\n".join(names)):
            found.setdefault(region, set()).add(algorithm)
        self.assertIn("eu-central-1", found)
        self.assertIn("us-east-1", found)
        self.assertEqual({frozenset(algorithms) for algorithms in found.values()}, {frozenset({"RSA2048", "RSA4096", "ECC384"})})

    def test_root_that_ends_soon_is_not_kept(self):
        pem = roots.certificates(roots.FILE.read_text())[0]
        end = roots.described(pem)[2]
        self.assertTrue(roots.lasting(pem, end - 2 * roots.VALID_FOR))
        self.assertFalse(roots.lasting(pem, end - roots.VALID_FOR))


if __name__ == "__main__":
    unittest.main()
