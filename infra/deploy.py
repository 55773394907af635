#!/usr/bin/env python3
"""Builds the functions for Lambda and deploys template.yaml, or infra/verify.yaml, into the account and Region that the AWS CLI would use.

With a file of parameters it asks nothing. Without one, `sam deploy --guided` asks for each, and remembers the answers in samconfig.toml.
"""

import argparse
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CHECKOUT / "tests/local"), str(CHECKOUT / "tests/deploy")]

import glibc  # noqa: E402
import pinned  # noqa: E402

TARGETS = {"arm64": "aarch64-unknown-linux-gnu", "x86_64": "x86_64-unknown-linux-gnu"}
TEMPLATES = ("template.yaml", "infra/verify.yaml")
CAPABILITIES = ["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]


class Failed(Exception):
    """What was not done, and what to do."""


def say(text: str) -> None:
    print(text, flush=True)


def run(argv: list, env: dict) -> None:
    say("$ " + " ".join(map(str, argv)))
    status = subprocess.run([str(word) for word in argv], env=env, cwd=CHECKOUT, check=False).returncode
    if status != 0:
        raise Failed(f"{argv[0]} {argv[1]} ended with status {status}")


def environment(*, builds: bool) -> dict:
    """Ours, with the pinned programs. cargo-lambda asks the first Python on the path for zig."""
    tools = [*([pinned.venv("cross-build", say)] if builds else []), pinned.venv("sam", say)]
    return {**os.environ, "PATH": os.pathsep.join([*(str(folder / "bin") for folder in tools), os.environ["PATH"]]), "SAM_CLI_TELEMETRY": "0", "AWS_PAGER": ""}


def build(template: str, architecture: str, env: dict) -> Path:
    """Builds by zig, whose programs need no newer glibc than Lambda has; the folder with the template."""
    run(["rustup", "target", "add", TARGETS[architecture]], env)
    run(["sam", "build", "--template", template, "--beta-features", "--parameter-overrides", f"Architecture={architecture}"], env)
    return CHECKOUT / ".aws-sam/build"


def judge(built: Path) -> None:
    """Refuses programs that Lambda could not start."""
    programs = sorted(built.rglob("bootstrap"))
    if not programs:
        raise Failed(f"{built} holds no programs HINT: See what sam build said.")
    for program in programs:
        found = glibc.too_new(program)
        if found:
            raise Failed(f"{program} needs glibc {', '.join(found)}, and Lambda has 2.34 HINT: Unset CARGO_LAMBDA_COMPILER, so that zig builds it.")
    say(f"{len(programs)} programs that Lambda's glibc 2.34 can start")


def deployed_name(chosen: str, guided: bool) -> str:
    """The stack's name: who is asked may choose another."""
    remembered = CHECKOUT / "samconfig.toml"
    if not guided or not remembered.is_file():
        return chosen
    return tomllib.loads(remembered.read_text()).get("default", {}).get("deploy", {}).get("parameters", {}).get("stack_name", chosen)


def outputs(name: str, env: dict) -> dict:
    said = subprocess.run(["aws", "cloudformation", "describe-stacks", "--stack-name", name, "--output", "json"],
                          env=env, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {entry["OutputKey"]: entry["OutputValue"] for entry in json.loads(said)["Stacks"][0]["Outputs"]}


def somebody_is_told(command: str, env: dict) -> None:
    """The functions can't see who listens: from a VPC they don't reach SNS. So whoever deploys looks."""
    said = subprocess.run(command.split(), env=env, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if not said.isdigit() or int(said) == 0:
        raise Failed("the stack is deployed, and nobody is told when a backup fails HINT: Confirm the mail that AWS sent to AlarmEmail, then run this again.")
    say(f"{said} confirmed subscriptions of the alarms")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--template", choices=TEMPLATES, default=TEMPLATES[0], help="what to deploy: the backups, or the watch over the vault")
    arguments.add_argument("--stack", default="offsite", help="name of the stack")
    arguments.add_argument("--parameters", type=Path, help="YAML file of parameters; asks for each without")
    arguments.add_argument("--architecture", choices=TARGETS, default="arm64")
    arguments.add_argument("--built", type=Path, help="deploy what an earlier `sam build` left in this folder")
    chosen = arguments.parse_args()
    try:
        env = environment(builds=not chosen.built)
        built = chosen.built or build(chosen.template, chosen.architecture, env)
        judge(built)
        asked = ["--parameter-overrides", f"file://{chosen.parameters.resolve()}", "--no-confirm-changeset", "--no-fail-on-empty-changeset"]
        run(["sam", "deploy", "--template-file", built / "template.yaml", "--stack-name", chosen.stack, "--resolve-s3", "--capabilities", *CAPABILITIES,
             *(asked if chosen.parameters else ["--guided"])], env)
        made = outputs(deployed_name(chosen.stack, not chosen.parameters), env)
        somebody_is_told(made["ConfirmedSubscriptions"], env)
        for name, value in sorted(made.items()):
            say(f"\n{name}\n  {value}")
        return 0
    except (Failed, pinned.InstallFailed, glibc.NotAProgram, subprocess.CalledProcessError) as failure:
        print(f"deploy: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
