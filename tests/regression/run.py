#!/usr/bin/env python3
"""Dumps what PostgreSQL's own regression tests leave behind, as stock pg_dump does, and brings it back.

    run.py [MAJOR]…    all majors without a word

Each major runs on a server of its own, which is gone afterwards. Our dump must equal pg_dump's, schema and rows; load with
psql into an empty database; and be said again of that one, by pg_dump and by us. What differs is printed, and the files of
a major that failed are kept."""

import concurrent.futures
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "local")]

import corpus  # noqa: E402
import pinned  # noqa: E402
import place  # noqa: E402
import postgres  # noqa: E402
import process  # noqa: E402

JUDGE = place.CHECKOUT / "tests/judges/dumpcmp.py"
# Fewer say that the tests did not run as they should: a server ended, or a file was not there.
ENTRIES = 2200
SETTINGS = "-c intervalstyle=postgres_verbose -c statement_timeout=60s -c lc_monetary=C -c client_min_messages=error"


class Different(Exception):
    """What is not as it should be; the text shows it."""


def say(text: str) -> None:
    print(f"regression: {text}", flush=True)


def offsite() -> Path:
    subprocess.run(["cargo", "build", "--quiet", "-p", "offsite-cli", "--bin", "offsite"], cwd=place.CHECKOUT, check=True)
    target = os.environ.get("CARGO_TARGET_DIR")
    return (Path(target) if target else place.CHECKOUT / "target") / "debug/offsite"


class Server:
    """A cluster that nobody else uses: the tests make roles, and a statement may end it."""

    def __init__(self, major: str):
        self.major, self.name, self.clients = major, f"regression-{major}", postgres.clients(say)
        self.port, password = process.free_port(), secrets.token_hex(16)
        binaries = postgres.programs(major, say)
        self.data = postgres.new_cluster(place.postgres_dir() / self.name, binaries, password, self.port)
        self.library = corpus.library(major, place.postgres_dir() / f"{self.name}-library")
        self.ca = postgres.certificate.folder() / "ca.crt"
        self.env = {**postgres.environment(), "PGPASSWORD": password, "PGHOST": "127.0.0.1", "PGPORT": str(self.port),
                    "PGUSER": "postgres"}
        argv = place.as_unprivileged([str(binaries / "postgres"), "-D", str(self.data)])
        facts = {"data": str(self.data), "endpoint": f"127.0.0.1:{self.port}"}
        self.record = process.start(self.name, argv, facts, self.ready, cwd=self.data.parent, env=postgres.environment(),
                                    stop_signal=signal.SIGINT)

    def end(self) -> None:
        process.end(self.name, self.record)
        for folder in (self.data, self.library):
            shutil.rmtree(folder, ignore_errors=True)

    def psql(self, database: str, *arguments: str, **options) -> subprocess.CompletedProcess:
        options.setdefault("env", self.env)
        return subprocess.run([self.clients["psql"], "-XqAt", "-d", database, *arguments], capture_output=True, check=False, **options)

    def ready(self) -> bool:
        return self.psql("postgres", "-c", "SELECT 1").returncode == 0

    def wait(self) -> None:
        """A statement may have ended all sessions."""
        give_up = time.monotonic() + 60
        while not self.ready():
            if time.monotonic() > give_up:
                raise Different(f"the server is gone\n{process.tail(place.log_dir() / f'{self.name}.log')}")
            time.sleep(0.2)

    def create(self, database: str) -> None:
        made = self.psql("postgres", "-c", f"CREATE DATABASE {database} TEMPLATE template0")
        if made.returncode != 0:
            raise Different(made.stderr.decode())

    def run_tests(self, database: str, tests: list, folder: Path) -> None:
        """Statements that fail are part of the tests."""
        env = {**self.env, "PGDATESTYLE": "Postgres, MDY", "PGTZ": "America/Los_Angeles", "PGOPTIONS": SETTINGS,
               "PG_ABS_SRCDIR": str(folder), "PG_ABS_BUILDDIR": str(folder), "PG_LIBDIR": str(self.library), "PG_DLSUFFIX": ".so"}
        for name, text in tests:
            try:
                done = self.psql(database, "-f", "-", input=text, env=env, cwd=folder, timeout=300)
            except subprocess.TimeoutExpired as late:
                raise Different(f"{name} takes too long") from late
            (folder / f"{name}.err").write_bytes(done.stderr)
            if done.returncode == 2:
                self.wait()

    def pg_dump(self, database: str, to: Path) -> None:
        succeed([self.clients["pg_dump"], "-d", database, "-f", str(to)], env={**self.env, "PGTZ": "UTC"})

    def offsite(self, program: Path, database: str, to: Path) -> None:
        url = f"postgresql://postgres@127.0.0.1:{self.port}/{database}?sslrootcert={self.ca}"
        with open(to, "wb") as out:
            succeed([str(program), "dump", url], env=self.env, stdout=out, stderr=subprocess.PIPE)


def succeed(argv: list, **options) -> None:
    if "stdout" not in options:
        options.update(stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    done = subprocess.run(argv, check=False, **options)
    if done.returncode != 0:
        said = done.stderr if done.stderr is not None else done.stdout
        raise Different(f"{Path(argv[0]).name} ended with status {done.returncode}\n{said.decode(errors='replace')[-4000:]}")


def compare(what: str, a: Path, b: Path, *arguments: str) -> int:
    """How many entries `a` has, if `b` says the same."""
    done = subprocess.run([sys.executable, str(JUDGE), str(a), str(b), "--order", *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Different(f"{what}\n{done.stdout[:6000]}{done.stderr[-2000:]}")
    return int(done.stdout.splitlines()[-1].split(" ", 1)[0])


def check(major: str, program: Path) -> str:
    """What came of a major, in words."""
    began = time.monotonic()
    folder = place.local_dir() / "regression" / f"run-{major}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    server = Server(major)
    try:
        server.create("regression")
        server.run_tests("regression", corpus.scripts(corpus.folder(major, say)), folder)
        made = time.monotonic() - began
        ours, stock, restored, again = (folder / f"{name}.sql" for name in ("ours", "stock", "restored", "again"))
        server.offsite(program, "regression", ours)
        server.pg_dump("regression", stock)
        entries = compare("our dump and pg_dump's differ:", ours, stock)
        if entries < ENTRIES:
            raise Different(f"only {entries} entries: the tests did not run as they should")
        server.create("restored")
        loaded = server.psql("restored", "-v", "ON_ERROR_STOP=1", "-f", str(ours))
        if loaded.returncode != 0:
            raise Different(f"psql does not load our dump\n{loaded.stderr.decode(errors='replace')[-4000:]}")
        server.pg_dump("restored", restored)
        compare("the restored database differs by pg_dump:", stock, restored)
        server.offsite(program, "restored", again)
        compare("the restored database differs by our dump:", ours, again, "--ours")
    finally:
        server.end()
    shutil.rmtree(folder)
    return f"{entries} entries equal to pg_dump's, restored and dumped again equal, {made:.0f} + {time.monotonic() - began - made:.0f} s"


def main() -> int:
    os.umask(0o022)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("regression: ended by SIGTERM"))
    majors = sys.argv[1:] or postgres.MAJORS
    if unknown := [major for major in majors if major not in postgres.MAJORS]:
        sys.exit(f"regression: no PostgreSQL {', '.join(unknown)} here, only {', '.join(postgres.MAJORS)}")
    try:
        program = offsite()
        for major in majors:  # Once, before several threads want it.
            postgres.clients(say), postgres.programs(major, say), corpus.folder(major, say)
    except (pinned.InstallFailed, subprocess.CalledProcessError) as failure:
        sys.exit(f"regression: {failure}")
    failed = False
    with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
        running = {major: pool.submit(check, major, program) for major in majors}
        for major, result in running.items():
            try:
                say(f"PostgreSQL {major}: {result.result()}")
            except (Different, pinned.InstallFailed, process.ServerFailed) as failure:
                failed = True
                say(f"PostgreSQL {major}: FAILED\n{failure}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
