#!/usr/bin/env python3
"""Builds the functions for Lambda as `make deploy` does, by zig, but not optimised, and refuses what Lambda's glibc could not start."""

import platform
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local"), str(HERE.parents[1] / "infra")]

import deploy  # noqa: E402
import place  # noqa: E402

# Of the machine that the tests run on: another's are built in the same way.
ARCHITECTURE = {"x86_64": "--x86-64", "aarch64": "--arm64"}
FUNCTIONS = ("backup-database", "backup-files", "restore", "verify")


def main() -> int:
    folder = place.local_dir() / "zig"
    env = {**deploy.environment(builds=True), "CARGO_TARGET_DIR": str(folder), "CARGO_PROFILE_DEV_DEBUG": "0"}
    env.pop("CARGO_LAMBDA_COMPILER", None)
    built = folder / "lambda"
    shutil.rmtree(built, ignore_errors=True)
    argv = ["cargo", "lambda", "build", ARCHITECTURE[platform.machine()], "--quiet"]
    for function in FUNCTIONS:
        argv += ["--bin", function]
    if subprocess.run(argv, env=env, cwd=place.CHECKOUT, check=False).returncode != 0:
        return 1
    missing = [function for function in FUNCTIONS if not (built / function / "bootstrap").is_file()]
    if missing:
        print(f"build: {', '.join(missing)} were not built", file=sys.stderr)
        return 1
    try:
        deploy.judge(built)
    except deploy.Failed as failure:
        print(f"build: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
