"""What the checks of the templates need, at pinned versions: AWS's own reader of templates, and the simulator of IAM for Node.js."""

import logging
import os
import site
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "local")]

import pinned  # noqa: E402
import place  # noqa: E402


def say(text: str) -> None:
    print(f"infrastructure: {text}", file=sys.stderr, flush=True)


def python() -> None:
    """Makes cfn-lint and the SAM translator importable."""
    for packages in (pinned.venv("sam", say) / "lib").glob("python*/site-packages"):
        site.addsitedir(str(packages))
    # The translator looks names of services up by Region, and tells of metrics that nobody asked for.
    os.environ.setdefault("AWS_DEFAULT_REGION", "eu-west-1")
    logging.getLogger("samtranslator").setLevel(logging.ERROR)


def node() -> Path:
    """Where the packages of `package-lock.json` are installed."""
    return pinned.npm_packages("infra", HERE, say)


__all__ = ["node", "pinned", "place", "python", "say"]
