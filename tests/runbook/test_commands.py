"""Every command of the AWS CLI in the documentation is one that it has, with options that it has, and none missing."""

import re
import shlex
import site
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local")]

import pages  # noqa: E402
import pinned  # noqa: E402

for packages in (pinned.venv("smoke-aws", print) / "lib").glob("python*/site-packages"):
    site.addsitedir(str(packages))

import botocore.session  # noqa: E402
from botocore import xform_name  # noqa: E402

EVERYWHERE = {"profile", "region", "query", "output", "cli-read-timeout", "cli-binary-format"}
# What the CLI has beyond AWS's operations.
OF_ITS_OWN = {
    ("cloudformation", "deploy"): ({"stack-name", "template-file", "capabilities", "parameter-overrides"}, {"stack-name", "template-file"}),
    ("logs", "tail"): ({"since", "follow"}, set()),
    ("s3", "cp"): (set(), set()),
    ("s3", "ls"): ({"recursive"}, set()),
}
SESSION = botocore.session.Session()


def known(service: str, operation: str) -> tuple:
    """Options that a command may have, and those that it must have."""
    if (service, operation) in OF_ITS_OWN:
        return OF_ITS_OWN[service, operation]
    model = SESSION.get_service_model({"s3api": "s3"}.get(service, service))
    names = {xform_name(name, "-"): name for name in model.operation_names}
    shape = model.operation_model(names[operation]).input_shape
    return {xform_name(name, "-") for name in shape.members}, {xform_name(name, "-") for name in shape.required_members}


def wrong(command: str) -> str:
    """What the CLI would say against a command; nothing if it is right."""
    words = shlex.split(command)
    try:
        options, required = known(words[1], words[2])
    except (KeyError, botocore.exceptions.UnknownServiceError) as unknown:
        return f"no such command: {unknown}"
    given = {word[2:] for word in words[3:] if word.startswith("--")}
    return ", ".join([*(f"unknown --{name}" for name in sorted(given - options - EVERYWHERE)),
                      *(f"missing --{name}" for name in sorted(required - given))])


class Commands(unittest.TestCase):
    def test_every_command_is_one_that_the_cli_takes(self):
        found = [(page, command) for page in pages.all_pages() for command in pages.commands(page.read_text(), "aws")]
        self.assertGreater(len(found), 5)
        for page, command in found:
            with self.subTest(page=page.name, command=command):
                self.assertEqual("", wrong(command))

    def test_commands_within_a_sentence_exist(self):
        spans = {span for page in pages.all_pages() for span in re.findall(r"`aws ([a-z0-9-]+ [a-z-]+)", page.read_text())}
        self.assertTrue(spans)
        for span in spans:
            with self.subTest(span):
                known(*span.split())

    def test_wrong_commands_are_noticed(self):
        self.assertIn("no such command", wrong("aws kms end-key"))
        self.assertIn("no such command", wrong("aws kmss disable-key"))
        self.assertEqual("unknown --key, missing --key-id", wrong("aws kms disable-key --profile vault --key 1"))
        self.assertEqual("", wrong("aws kms disable-key --profile vault --key-id 1"))


if __name__ == "__main__":
    unittest.main()
