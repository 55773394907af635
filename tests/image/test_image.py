"""The image of the command line, as far as it can be judged without a Docker engine."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "local"))

import pinned  # noqa: E402

DOCKERFILE = CHECKOUT / "Dockerfile"


def instructions(text: str) -> list:
    """Pairs of an instruction and what follows it, without comments."""
    text = re.sub(r"^\s*#.*\n", "", text, flags=re.M).replace("\\\n", " ")
    return [tuple(line.split(maxsplit=1)) for line in text.splitlines() if line.strip()]


def stages(text: str) -> list:
    """Each stage's instructions, its FROM first."""
    found = []
    for instruction in instructions(text):
        if instruction[0] == "FROM":
            found.append([])
        found[-1].append(instruction)
    return found


def lint(text: str) -> str:
    """What hadolint has against it."""
    program = pinned.venv("hadolint", print) / "bin/hadolint"
    return subprocess.run([program, "--no-color", "-"], input=text, text=True, capture_output=True, check=False).stdout


def sent_to_docker() -> list:
    """Files that git knows and `.dockerignore` lets through: its lines are `*` and then exceptions."""
    lines = [line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    everything, *exceptions = lines
    assert everything == "*" and all(line.startswith("!") for line in exceptions), lines
    kept = tuple(line[1:] for line in exceptions)
    known = subprocess.run(["git", "-C", CHECKOUT, "ls-files", "-z"], capture_output=True, check=True).stdout.decode().split("\0")
    return [file for file in known if file in kept or file.startswith(tuple(f"{name}/" for name in kept))]


class Image(unittest.TestCase):
    def setUp(self):
        self.text = DOCKERFILE.read_text()
        self.build, self.last = stages(self.text)

    def test_linter_has_nothing_against_it(self):
        self.assertEqual("", lint(self.text))
        self.assertIn("DL3006", lint(self.text.replace("debian:bookworm-slim", "debian")), "the linter sees nothing")

    def test_image_holds_the_program_alone_and_runs_it_as_nobody(self):
        last = dict(self.last)
        self.assertTrue(last["FROM"].endswith("-slim"))
        self.assertEqual(["FROM", "COPY", "COPY", "USER", "WORKDIR", "ENTRYPOINT"], [name for name, _ in self.last], "a step more than needed")
        user, group = map(int, last["USER"].split(":"))
        self.assertTrue(user > 0 and group > 0)
        program, = json.loads(last["ENTRYPOINT"])
        self.assertEqual(program, last["COPY"].split()[-1])

    def test_compiler_is_the_one_of_the_checkout(self):
        channel = re.search(r'channel = "(.*)"', (CHECKOUT / "rust-toolchain.toml").read_text())[1]
        self.assertTrue(self.build[0][1].startswith(f"rust:{channel}-"), self.build[0])

    def test_both_stages_are_of_one_debian(self):
        of_build, of_last = re.search(r"-(\w+) AS", self.build[0][1])[1], re.search(r"debian:(\w+)-", self.last[0][1])[1]
        self.assertEqual(of_build, of_last)

    def test_what_docker_is_sent_is_what_cargo_needs(self):
        files = sent_to_docker()
        self.assertNotIn("README.md", files)
        with tempfile.TemporaryDirectory() as folder:
            for file in files:
                copy = Path(folder, file)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(CHECKOUT / file, copy)
            done = subprocess.run(["cargo", "metadata", "--locked", "--no-deps", "--format-version", "1"], cwd=folder,
                                  capture_output=True, text=True, check=False)
            self.assertEqual(0, done.returncode, done.stderr)
            self.assertIn('"offsite"', done.stdout)
            # What sources take in from elsewhere must be there too.
            for source in Path(folder).glob("[cs]*/**/src/**/*.rs"):
                for name in re.findall(r'include_(?:str|bytes)!\("([^"]+)"\)', source.read_text()):
                    self.assertTrue((source.parent / name).exists(), f"{source}: {name}")


if __name__ == "__main__":
    unittest.main()
