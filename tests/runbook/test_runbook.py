"""The runbook says what the templates and the programs have."""

import json
import re
import sys
import unittest
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent)]

import costs  # noqa: E402
import pages  # noqa: E402


class Alarms(unittest.TestCase):
    def setUp(self):
        self.there = set().union(*(pages.alarms(template.read_text()) for template in pages.TEMPLATES))

    def test_every_alarm_is_explained(self):
        self.assertGreater(len(self.there), 10)
        self.assertEqual(self.there, pages.alarm_table(pages.RUNBOOK.read_text()))

    def test_alarm_that_nobody_explained_is_noticed(self):
        changed = "Resources:\n  Surprise:\n    Type: AWS::CloudWatch::Alarm\n  Told:\n    # why\n    Type: AWS::Events::Rule\n"
        self.assertEqual({"Surprise", "Told"}, pages.alarms(changed))
        self.assertFalse(pages.alarms(changed) & pages.alarm_table(pages.RUNBOOK.read_text()))


class Parameters(unittest.TestCase):
    def test_every_parameter_in_a_command_is_one_of_the_vault_s(self):
        known = pages.parameters(pages.CHECKOUT / "infra/vault.yaml")
        page = pages.RUNBOOK.read_text()
        used = [name for command in pages.commands(page, "aws") if "infra/vault.yaml" in command
                for name in re.findall(r"\b([A-Z]\w+)=", command.split("--parameter-overrides")[1])]
        self.assertIn("AcceptBackups", used)
        self.assertEqual(set(), set(used) - known)

    def test_every_parameter_in_the_example_is_one_of_the_application_s(self):
        known = pages.parameters(pages.CHECKOUT / "template.yaml")
        example, = pages.blocks(pages.RUNBOOK.read_text(), "yaml")
        used = set(re.findall(r"^(\w+):", example, flags=re.M))
        self.assertIn("VaultBucket", used)
        self.assertEqual(set(), used - known)

    def test_every_parameter_of_the_watch_s_file_is_one_of_the_watch_s(self):
        known = pages.parameters(pages.CHECKOUT / "infra/verify.yaml")
        example, = (block for block in pages.blocks(pages.RUNBOOK.read_text(), "text") if "AlarmTopic" in block)
        used = set(re.findall(r"^(\w+):", example, flags=re.M))
        self.assertIn("VaultBucket", used)
        self.assertEqual(set(), used - known)

    def test_every_output_that_the_page_names_is_there(self):
        text = "".join(template.read_text().partition("\nOutputs:\n")[2] for template in pages.TEMPLATES)
        named = set(re.findall(r"(?:outputs?|Run the outputs?) `(\w+)`(?:, which[^`]*`(\w+)`)?", pages.RUNBOOK.read_text()))
        names = {name for pair in named for name in pair if name}
        self.assertGreaterEqual(names, {"BackUpDatabase", "RestoreDatabase"})
        for name in names:
            self.assertRegex(text, rf"(?m)^  {name}:$")


class Links(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        for page in pages.all_pages():
            text = page.read_text()
            for link in pages.links(text):
                path, _, place = link.partition("#")
                target = (page.parent / path).resolve() if path else page
                with self.subTest(page=page.name, link=link):
                    self.assertTrue(target.exists())
                    if place:
                        self.assertIn(place, pages.anchors(target.read_text()))


class Costs(unittest.TestCase):
    def test_page_holds_what_the_prices_come_to(self):
        page = costs.PAGE.read_text()
        self.assertEqual(page, costs.filled(page, costs.tables(costs.read())))

    def test_another_price_makes_another_page(self):
        read = json.loads((costs.HERE / "prices.json").read_text())
        read["prices"]["put"]["each"] *= 2
        page = costs.PAGE.read_text()
        self.assertNotEqual(page, costs.filled(page, costs.tables(costs.Prices(read))))

    def test_tiers_count_each_for_what_lies_in_it(self):
        prices = costs.Prices({"region": "x", "prices": {"storage": {"tiers": [{"up_to_gib": 10, "each": 3}, {"up_to_gib": 20, "each": 2}, {"each": 1}]}}})
        self.assertEqual([3, 30, 32, 50, 51], [prices.of("storage", count) for count in (1, 10, 11, 20, 21)])

    def test_kept_days_are_the_templates(self):
        vault = (pages.CHECKOUT / "infra/vault.yaml").read_text()
        current = dict(re.findall(r'^    "(\d+)": \{Current: (\d+)\}', vault, flags=re.M))
        # The current version goes after so many days, and is deleted a day later.
        self.assertEqual({lock: str(days - 1) for lock, days in costs.KEPT.items()}, current)

    def test_parts_and_rate_are_the_programs(self):
        upload = (pages.CHECKOUT / "shared/vault/src/upload.rs").read_text()
        deadline = (pages.CHECKOUT / "shared/pipeline/src/deadline.rs").read_text()
        self.assertIn("PART_BYTES: usize = 8 << 20;", upload)
        self.assertIn("MOST_BYTES_PER_SECOND: u64 = 70_000_000;", deadline)
        self.assertIn("STOP_READING: Duration = Duration::from_secs(90);", deadline)
        self.assertEqual((8 << 20, 70_000_000, 810), (costs.PART_BYTES, costs.BYTES_PER_SECOND, costs.SECONDS))


if __name__ == "__main__":
    unittest.main()
