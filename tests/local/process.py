"""Servers as processes: started with a record of who they are, ended only if they still are that process."""

import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Callable, List, Optional

import place


class ServerFailed(Exception):
    """A server that did not come up; the text ends with its log's tail."""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on at this moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def identity(pid: int) -> Optional[dict]:
    """What tells process `pid` from a later one with the same number; None if it has ended."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field is the program's name in brackets, and may itself hold blanks and brackets.
    fields = stat.rpartition(")")[2].split()
    # A zombie has ended, unless threads of it still run.
    if fields[0] in "ZX" and int(fields[17]) <= 1:
        return None
    return {"pid": pid, "started": int(fields[19]), "boot": boot}


def is_alive(record: dict) -> bool:
    return identity(record["pid"]) == {key: record[key] for key in ("pid", "started", "boot")}


def descendants(pid: int) -> List[dict]:
    """Identities of every process below `pid`."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found, edge = [], {pid}
    while edge:
        edge = {child for child, parent in parents.items() if parent in edge}
        found += [who for who in map(identity, edge) if who]
    return found


def record_path(name: str) -> Path:
    return place.run_dir() / f"{name}.json"


def write_private(path: Path, text: str) -> None:
    """Replaces the file at once, readable by its owner only."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    os.replace(draft, path)


def read_record(name: str) -> Optional[dict]:
    """The record of a server, if it is that very process that runs."""
    try:
        record = json.loads(record_path(name).read_text())
    except FileNotFoundError:
        return None
    return record if is_alive(record) else None


def records() -> dict:
    """Every recorded server by name, running or not."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(place.run_dir().glob("[!.]*.json"))}


def tail(log: Path, lines: int = 30) -> str:
    try:
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(no log)"


def start(name: str, argv: list, facts: dict, ready: Callable[[], bool], *, env: dict, cwd: Path,
          timeout: float = 90, stop_signal: int = signal.SIGTERM) -> dict:
    """Starts a server in its own session, and returns its record when `ready` says so.

    A server that exits, or isn't ready in `timeout` seconds, is ended and raises `ServerFailed` with its log's tail.
    """
    log = place.log_dir() / f"{name}.log"
    with open(log, "wb") as out:
        child = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out,
                                 stderr=subprocess.STDOUT, start_new_session=True)
    record = {**(identity(child.pid) or {"pid": child.pid, "started": 0, "boot": ""}),
              "stop_signal": int(stop_signal), "log": str(log), **facts}
    try:
        write_private(record_path(name), json.dumps(record))
        give_up = time.monotonic() + timeout
        while not ready():
            if child.poll() is not None:
                raise ServerFailed(f"{name} ended with status {child.returncode}\n{tail(log)}")
            if time.monotonic() > give_up:
                raise ServerFailed(f"{name} is not ready after {timeout:.0f} seconds\n{tail(log)}")
            time.sleep(0.1)
    except BaseException:
        end(name, record)
        raise
    return record


def reap(pid: int) -> None:
    """Takes the status of a child of ours, which is a zombie until then."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass


def end(name: str, record: dict, patience: float = 15) -> None:
    """Ends the recorded process and all that it started, and forgets it. A stranger with its number is left alone."""
    if is_alive(record):
        family = [record, *descendants(record["pid"])]
        for number, wait in ((record["stop_signal"], patience), (signal.SIGKILL, 5)):
            for member in family if number == signal.SIGKILL else family[:1]:
                if is_alive(member):
                    os.kill(member["pid"], number)
            give_up = time.monotonic() + wait
            while any(map(is_alive, family)) and time.monotonic() < give_up:
                reap(record["pid"])
                if not is_alive(record):
                    # Its orphans get no second chance to end by themselves.
                    give_up = min(give_up, time.monotonic() + 1)
                time.sleep(0.05)
        left = [member["pid"] for member in family if is_alive(member)]
        if left:
            raise ServerFailed(f"{name} survives SIGKILL, processes {left}")
    record_path(name).unlink(missing_ok=True)
