"""What the demo shows while it works: numbered steps, the commands as one would type them, and signs of life."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

STARTED = time.monotonic()
WIDTH = 118


class Broken(Exception):
    """Something is not as promised; the text says what."""


def paint(code: str, text: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if sys.stdout.isatty() else text


def step(number: int, title: str) -> None:
    print(f"\n{paint('1', f'{number}. {title}')}  [{time.monotonic() - STARTED:.0f} s]", flush=True)


def command(argv: list, settings: str = "") -> None:
    """Shows a command as one would type it."""
    words = " ".join(shlex.quote(str(word)) for word in argv)
    print(paint("36", f"   $ {settings + ' ' if settings else ''}{words}"), flush=True)


def say(text: str) -> None:
    for line in text.splitlines():
        print(f"     {line}", flush=True)


def holds(what: str) -> None:
    """Shows a promise that was just checked."""
    print(paint("32", f"   ✓ {what}"), flush=True)


def size(count: int) -> str:
    """`count` bytes as a person reads them: 1.2 MiB."""
    value, unit = float(count), "B"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if value < 1024:
            break
        value /= 1024
    return f"{value:.1f} {unit}" if unit != "B" else f"{count} B"


def run(argv: list, *, env: dict, cwd: Path = None, refused: bool = False, stdin: str = None) -> str:
    """Runs a short command and gives its output; one that fails ends the demo, unless it was to be `refused`."""
    done = subprocess.run([str(word) for word in argv], env=env, cwd=cwd, input=stdin, text=True, capture_output=True, check=False)
    if (done.returncode != 0) != refused:
        words = " ".join(str(word) for word in argv)
        raise Broken(f"{words} ended with status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stderr if refused else done.stdout


def run_shown(argv: list, log: Path, *, env: dict, cwd: Path) -> None:
    """Runs a long command, shows the line that it is at, and its log's tail if it fails."""
    began, last, done = time.monotonic(), [""], threading.Event()

    def show() -> None:
        pause = 0.5 if sys.stdout.isatty() else 10
        while not done.wait(pause):
            line = f"     {time.monotonic() - began:4.0f} s  {last[0]}"[:WIDTH]
            print(f"\r{line:{WIDTH}}" if sys.stdout.isatty() else line, end="" if sys.stdout.isatty() else "\n", flush=True)

    watcher = threading.Thread(target=show, daemon=True)
    watcher.start()
    with open(log, "w") as out, subprocess.Popen([str(word) for word in argv], env=env, cwd=cwd, text=True, errors="replace",
                                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                                 stderr=subprocess.STDOUT, start_new_session=True) as child:
        try:
            for line in child.stdout:
                out.write(line)
                out.flush()
                last[0] = line.strip() or last[0]
        except BaseException:
            # The whole group: sam does not end the compiler that it started.
            os.killpg(child.pid, signal.SIGTERM)
            raise
        finally:
            done.set()
            watcher.join()
            if sys.stdout.isatty():
                print(f"\r{'':{WIDTH}}\r", end="", flush=True)
    if child.returncode != 0:
        tail = "\n".join(log.read_text().splitlines()[-40:])
        raise Broken(f"{argv[0]} ended with status {child.returncode}; {log} ends with\n{tail}")
    say(f"done in {time.monotonic() - began:.0f} s")
