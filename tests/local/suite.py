#!/usr/bin/env python3
"""Every check of the project, set-up included. Ends what it started, also when interrupted; says at the end what failed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pinned
import place
import process

CARGO_DENY = "0.20.2"
# What the property tests draw is the same in every run of the suite, so that a change is judged by itself. Without a suite,
# `cargo test` draws anew each time; PROPTEST_RNG_SEED draws as it says.
SEED = "20"


def cargo_deny() -> Path:
    """The program, built once: no package registry has a newer one ready-made than 0.14, which can't read today's lock file."""
    root = place.local_dir() / "tools" / f"cargo-deny-{CARGO_DENY}"
    program = root / "bin/cargo-deny"
    if not program.exists():
        print(f"building cargo-deny {CARGO_DENY}, once", flush=True)
        # It runs for a second and is built for a minute: so not optimised.
        quick = {f"CARGO_PROFILE_RELEASE_{name}": value for name, value in {
            "OPT_LEVEL": "0", "LTO": "off", "CODEGEN_UNITS": "256", "DEBUG": "0"}.items()}
        pinned.run(["cargo", "install", "--quiet", "--locked", "--no-default-features", "--version", CARGO_DENY,
                    "--root", str(root), "cargo-deny"],
                   env={**os.environ, **quick, "CARGO_TARGET_DIR": str(root / "target")}, cwd=place.local_dir())
        subprocess.run(["rm", "-rf", str(root / "target")], check=False)
    return program


def python_tests() -> list:
    """Folders with unit tests in Python."""
    return sorted({file.parent for file in (place.CHECKOUT / "tests").rglob("test_*.py")})


def steps() -> dict:
    """What is run, by name; each one starts whatever went before."""
    unit = [sys.executable, "-W", "ignore::ResourceWarning", "-m", "unittest", "discover", "-q", "-s"]
    return {
        "format": lambda: ["cargo", "fmt", "--all", "--check"],
        "dependencies": lambda: [str(cargo_deny()), "check", "bans", "licenses", "sources"],
        "lint": lambda: ["cargo", "clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"],
        "templates": lambda: [sys.executable, str(place.CHECKOUT / "tests/infra/lint.py")],
        **{f"python {folder.relative_to(place.CHECKOUT)}": lambda folder=folder: [*unit, str(folder)] for folder in python_tests()},
        "archivers": lambda: [sys.executable, str(place.HERE / "debian.py")],
        "local stack": lambda: [sys.executable, str(place.HERE / "stack.py"), "up", "all"],
        "build": lambda: ["cargo", "build", "--workspace", "--quiet"],  # the tests start the functions' programs
        "build for lambda": lambda: [sys.executable, str(place.CHECKOUT / "tests/deploy/build.py")],
        "rust": lambda: ["cargo", "test", "--workspace", "--no-fail-fast"],
        "deployment": lambda: [sys.executable, str(place.CHECKOUT / "tests/deploy/run.py")],
        "regression": lambda: [sys.executable, str(place.CHECKOUT / "tests/regression/run.py")],
        "demo": lambda: [sys.executable, str(place.CHECKOUT / "tests/demo/demo.py")],
    }


def run(name: str, argv) -> bool:
    print(f"\n== {name}", flush=True)
    try:
        return subprocess.run(argv(), cwd=place.CHECKOUT, check=False).returncode == 0
    except pinned.InstallFailed as failure:
        print(failure, flush=True)
        return False


def main() -> int:
    os.umask(0o022)
    os.environ.setdefault("PROPTEST_RNG_SEED", SEED)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("suite: ended by SIGTERM"))
    before = {name for name, record in process.records().items() if process.is_alive(record)}
    outcome = {}
    try:
        for name, argv in steps().items():
            began = time.monotonic()
            outcome[name] = (run(name, argv), time.monotonic() - began)
    except KeyboardInterrupt:
        print("\nsuite: interrupted", flush=True)
        return 130
    finally:
        ours = [name.replace("postgres-", "postgres=") for name in process.records() if name not in before]
        if ours:
            subprocess.run([sys.executable, str(place.HERE / "stack.py"), "down", *ours], check=False)
    print()
    for name, (passed, took) in outcome.items():
        print(f"{'passed' if passed else 'FAILED'}  {took:6.1f} s  {name}", flush=True)
    return 0 if all(passed for passed, _ in outcome.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
