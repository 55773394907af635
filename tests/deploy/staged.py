"""A folder as `sam build` leaves it, whose functions run what `cargo build` made: so a test deploys in seconds."""

import re
import shutil
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def programs() -> Path:
    """Where `cargo build --workspace` puts the functions' programs."""
    return CHECKOUT / "target/debug"


def say_as_known_here(vault: Path) -> None:
    """The local CloudFormation knows no AWS::IAM::RolePolicy. An AWS::IAM::Policy of one role is the same."""
    text = vault.read_text()
    for known, here in (("    Type: AWS::IAM::RolePolicy\n", "    Type: AWS::IAM::Policy\n"),
                        ("      RoleName: !Ref BreakGlass\n", "      Roles: [!Ref BreakGlass]\n")):
        if text.count(known) != 1:
            raise ValueError(f"{vault} has another shape than is known here: {known.strip()}")
        text = text.replace(known, here)
    vault.write_text(text)


def stage(folder: Path, variables: dict) -> Path:
    """Copies the templates, and puts `variables` beside the functions' own; the template to deploy."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHECKOUT / "infra", folder / "infra")
    say_as_known_here(folder / "infra/vault.yaml")
    template = (CHECKOUT / "template.yaml").read_text()
    binaries = re.findall(r"^ +Binary: (\S+)$", template, re.M)
    for binary in binaries:
        program = programs() / binary
        if not program.is_file():
            raise FileNotFoundError(f"{program} HINT: Run cargo build --workspace.")
        bootstrap = folder / binary / "bootstrap"
        bootstrap.parent.mkdir()
        bootstrap.write_text(f"#!/bin/sh\nexec '{program}'\n")
        bootstrap.chmod(0o755)
        template = template.replace("CodeUri: .\n", f"CodeUri: ./{binary}\n", 1)
    mark = "    Environment:\n      Variables:\n"
    if template.count(mark) != 1 or "CodeUri: .\n" in template:
        raise ValueError("template.yaml has another shape than is known here")
    added = "".join(f"        {name}: '{value}'\n" for name, value in variables.items())
    (folder / "template.yaml").write_text(template.replace(mark, mark + added))
    return folder / "template.yaml"
