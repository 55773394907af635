#!/usr/bin/env python3
"""Programs that ZIPs are checked with: installed from Debian where that is possible."""

import os
import shutil
import subprocess
import sys

import pinned

PACKAGES = {"unzip": "unzip", "7z": "p7zip-full", "bsdtar": "libarchive-tools"}


def missing() -> list:
    """Packages of programs that aren't there."""
    return [package for program, package in PACKAGES.items() if shutil.which(program) is None]


def install() -> None:
    wanted = missing()
    if not wanted:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *wanted]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise pinned.InstallFailed(f"these packages are missing: {' '.join(wanted)} HINT: sudo {' '.join(command)}")
    print(f"installing {', '.join(wanted)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        pinned.run(command, env=environment)
    except pinned.InstallFailed:
        # The list of packages may be missing, or old.
        pinned.run(["apt-get", "update"], env=environment)
        pinned.run(command, env=environment)


if __name__ == "__main__":
    try:
        install()
    except (pinned.InstallFailed, subprocess.SubprocessError) as failure:
        sys.exit(f"debian.py: {failure}")
