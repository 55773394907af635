"""What the stack installs: virtual environments and npm packages, each at pinned versions, once."""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import place


# The oldest for which the pinned versions exist.
OLDEST_PYTHON = (3, 11)
# Says which packages that oldest one couldn't have: whoever pins by a newer one would not notice.
TOO_NEW = """
import importlib.metadata, sys
from pip._vendor.packaging.specifiers import SpecifierSet
for found in importlib.metadata.distributions():
    if not SpecifierSet(found.metadata["Requires-Python"] or "").contains(sys.argv[1]):
        print(found.metadata["Name"], found.version, "needs Python", found.metadata["Requires-Python"])
"""


class InstallFailed(Exception):
    """A package that could not be had; the text holds the installer's own words."""


def run(argv: list, **options) -> subprocess.CompletedProcess:
    done = subprocess.run(argv, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options)
    if done.returncode != 0:
        raise InstallFailed(f"{' '.join(map(str, argv))} ended with status {done.returncode}\n{done.stdout[-4000:]}")
    return done


def venv(purpose: str, say, *, dependencies: bool = True) -> Path:
    """The folder of the virtual environment for `requirements-{purpose}.txt`; made anew when the file has changed.

    Without `dependencies`, nothing but what the file lists is installed.
    """
    if sys.version_info < OLDEST_PYTHON:
        raise InstallFailed(f"python {sys.version.split()[0]} is too old for {purpose} HINT: Use Python 3.11 or newer: make PYTHON=python3.12 …")
    requirements = place.HERE / f"requirements-{purpose}.txt"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    folder = place.local_dir() / f"venv-{purpose}"
    mark = folder / ".requirements-sha256"
    if mark.is_file() and mark.read_text() == wanted:
        return folder
    say(f"installing {requirements.name}")
    shutil.rmtree(folder, ignore_errors=True)
    run([sys.executable, "-m", "venv", str(folder)])
    run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
         "--no-input", *([] if dependencies else ["--no-deps"]), "-r", str(requirements)])
    oldest = ".".join(map(str, OLDEST_PYTHON))
    if too_new := run([str(folder / "bin/python"), "-c", TOO_NEW, oldest]).stdout:
        raise InstallFailed(f"{requirements.name} is not for Python {oldest}:\n{too_new}HINT: Pin older versions.")
    mark.write_text(wanted)
    return folder


def npm_packages(purpose: str, source: Path, say) -> Path:
    """The folder that holds `node_modules` for the `package.json` and `package-lock.json` in `source`; made anew when these have changed."""
    files = [source / "package.json", source / "package-lock.json"]
    wanted = hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()
    folder = place.local_dir() / f"npm-{purpose}"
    mark = folder / ".packages-sha256"
    if mark.is_file() and mark.read_text() == wanted:
        return folder
    say(f"installing what {files[1].relative_to(place.CHECKOUT)} lists")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for file in files:
        shutil.copy(file, folder)
    # The lock file holds each package's digest, which npm compares.
    run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=folder)
    mark.write_text(wanted)
    return folder


def npm_package(name: str, version: str, integrity: str, folder: Path, say) -> Path:
    """Unpacks an npm package, if it is the one that `integrity` (`sha512-…`, as in a lock file) describes."""
    mark = folder / ".integrity"
    if mark.is_file() and mark.read_text() == integrity:
        return folder / "package"
    say(f"installing {name} {version}")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packed = run(["npm", "pack", "--json", "--silent", f"{name}@{version}"], cwd=folder).stdout
    # npm may print warnings of its own before the list.
    archive = folder / json.loads(packed[packed.index("["):])[0]["filename"]
    method, _, digest = integrity.partition("-")
    found = base64.b64encode(hashlib.new(method, archive.read_bytes()).digest()).decode()
    if found != digest:
        raise InstallFailed(f"{name} {version} is not the pinned one: {method}-{found} instead of {integrity}")
    with tarfile.open(archive) as members:
        members.extractall(folder, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    archive.unlink()
    mark.write_text(integrity)
    return folder / "package"
