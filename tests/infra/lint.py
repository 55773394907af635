#!/usr/bin/env python3
"""Judges the templates by three linters: SAM's, cfn-lint, checkov. What one of them is told to overlook stands in the template, with its reason."""

import os
import subprocess
import sys

import packages
from packages import pinned, place


def run(argv: list) -> bool:
    environment = {**os.environ, "SAM_CLI_TELEMETRY": "0", "SAM_CLI_CHECK_VERSION": "0", "AWS_EC2_METADATA_DISABLED": "true"}
    return subprocess.run(argv, cwd=place.CHECKOUT, env=environment, check=False).returncode == 0


def main() -> int:
    sam, checkov = (pinned.venv(purpose, packages.say) / "bin" for purpose in ("sam", "checkov"))
    nested = sorted(str(file.relative_to(place.CHECKOUT)) for file in (place.CHECKOUT / "infra").glob("*.yaml"))
    passed = [
        run([sam / "sam", "validate", "--lint", "--region", "eu-west-1", "--template", "template.yaml"]),
        run([sam / "cfn-lint", "template.yaml", *nested]),
        run([checkov / "checkov", "--skip-download", "--framework", "cloudformation", "--compact", "--quiet", "--file", "template.yaml", *nested]),
    ]
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
