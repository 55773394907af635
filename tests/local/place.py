"""Where the local stack keeps its state: one ignored folder that may be deleted at any time."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent

# PostgreSQL refuses to run as root. `nobody` is in every /etc/passwd, and initdb wants a user that has a name.
UNPRIVILEGED = "nobody"


def local_dir() -> Path:
    """The state folder: `OFFSITE_LOCAL_DIR`, or `.local` in the checkout."""
    chosen = os.environ.get("OFFSITE_LOCAL_DIR")
    folder = Path(chosen).resolve() if chosen else CHECKOUT / ".local"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def run_dir() -> Path:
    """Records of running servers; private, for they hold passwords."""
    folder = local_dir() / "run"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def log_dir() -> Path:
    folder = local_dir() / "log"
    folder.mkdir(exist_ok=True)
    return folder


def as_unprivileged(argv: list) -> list:
    """`argv`, run by a user whom PostgreSQL accepts; unchanged where we are not root."""
    if os.geteuid() != 0:
        return argv
    # The group by number: it is called nogroup, nobody or nfsnobody.
    import pwd

    group = str(pwd.getpwnam(UNPRIVILEGED).pw_gid)
    return ["setpriv", f"--reuid={UNPRIVILEGED}", f"--regid={group}", "--clear-groups", "--", *argv]


def give_to_unprivileged(path: Path) -> None:
    if os.geteuid() == 0:
        shutil.chown(path, user=UNPRIVILEGED)


def elsewhere() -> Path:
    """Stands in for `postgres_dir` when the checkout can't be reached by the unprivileged user."""
    name = hashlib.sha256(str(local_dir()).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"offsite-{name}"


def postgres_dir() -> Path:
    """Where the servers' programs and data lie: the state folder, or a place that the unprivileged user can reach."""
    inside = local_dir() / "postgres"
    inside.mkdir(exist_ok=True)
    if subprocess.run(as_unprivileged(["test", "-x", str(inside)]), check=False).returncode == 0:
        return inside
    outside = elsewhere()
    outside.mkdir(mode=0o755, exist_ok=True)
    if outside.is_symlink() or outside.stat().st_uid != os.geteuid():
        raise RuntimeError(f"{outside} belongs to somebody else")
    return outside
