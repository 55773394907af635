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
    for known, here, times in (("    Type: AWS::IAM::RolePolicy\n", "    Type: AWS::IAM::Policy\n", 2),
                               ("      RoleName: !Ref BreakGlass\n", "      Roles: [!Ref BreakGlass]\n", 1),
                               ("      RoleName: !Ref Recovery\n", "      Roles: [!Ref Recovery]\n", 1)):
        if text.count(known) != times:
            raise ValueError(f"{vault} has another shape than is known here: {known.strip()}")
        text = text.replace(known, here)
    vault.write_text(text)


def stage(folder: Path, variables: dict) -> Path:
    """Copies the templates, and puts `variables` beside the functions' own; the template to deploy."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHECKOUT / "infra", folder / "infra")
    say_as_known_here(folder / "infra/vault.yaml")
    stage_functions(folder, "template.yaml", "CodeUri: .\n", "CodeUri: ./{}\n", "    Environment:\n      Variables:\n", variables)
    stage_functions(folder, "infra/verify.yaml", "Code: ..\n", "Code: ../{}\n", "      Environment:\n        Variables:\n", variables)
    return folder / "template.yaml"


def stage_functions(folder: Path, name: str, code: str, staged_code: str, mark: str, variables: dict) -> None:
    """Puts the programs of a template's functions where `staged_code` says, and `variables` behind each `mark`."""
    template = (CHECKOUT / name).read_text()
    for binary in re.findall(r"^ +Binary: (\S+)$", template, re.M):
        program = programs() / binary
        if not program.is_file():
            raise FileNotFoundError(f"{program} HINT: Run cargo build --workspace.")
        bootstrap = folder / binary / "bootstrap"
        # Two functions may run one program.
        bootstrap.parent.mkdir(exist_ok=True)
        bootstrap.write_text(f"#!/bin/sh\nexec '{program}'\n")
        bootstrap.chmod(0o755)
        template = template.replace(code, staged_code.format(binary), 1)
    if mark not in template or code in template:
        raise ValueError(f"{name} has another shape than is known here")
    indent = mark[:len(mark) - len(mark.lstrip())] + "    "
    added = "".join(f"{indent}{variable}: '{value}'\n" for variable, value in variables.items())
    (folder / name).write_text(template.replace(mark, mark + added))
