"""The check of backups on one processor, out of a server that sends what AWS documents for a function: 70 MB a second.

The least that a check has to do is to get the same bytes: so it is judged by how much longer it takes than that, measured in turn.
"""

import concurrent.futures
import http.client
import os
import re
import subprocess
import time
import urllib.parse
from pathlib import Path

import files
import function
import pinned
import place
import restore
import stage
import turns

HERE = Path(__file__).resolve().parent
MB, MIB = 1_000_000, 1 << 20
RATE, LATENCY_MS = 70 * MB, 30
# Rows of a thousand random bytes, of which zstd makes no less.
ROWS = int(os.environ.get("BENCH_CHECK_ROWS", "750000"))
RANGE, CONNECTIONS = 8 * MIB, 8
# The bounds that the project sets itself.
OF_DOWNLOAD, MEMORY = 1.1, 256 * MIB


def say(text=""):
    print(text, flush=True)


def download(endpoint, folder):
    """Gets every byte of it, and keeps none."""
    address = urllib.parse.urlparse(endpoint).netloc
    ranges = [(file.relative_to(folder), start, min(start + RANGE, file.stat().st_size) - 1)
              for file in folder.rglob("*") if file.is_file() for start in range(0, file.stat().st_size, RANGE)]

    def get(key, start, end):
        connection = http.client.HTTPConnection(address)
        connection.request("GET", f"/vault/{key}", headers={"Range": f"bytes={start}-{end}"})
        answer = connection.getresponse()
        while answer.read(MIB):
            pass
        connection.close()

    begun = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(CONNECTIONS) as threads:
        list(threads.map(get, *zip(*ranges)))
    return {"wall": time.monotonic() - begun, "cpu": 0, "memory": 0}


def measure(stack, kind, environment, folder):
    """The bounds that were missed by the check of a backup in a folder."""
    stored = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    malloc = re.findall(r"^ *(MALLOC_\w+): \"?(\w+)", (place.CHECKOUT / "infra/verify.yaml").read_text(), re.MULTILINE)
    settings = {**stack.variables, **dict(malloc), "OFFSITE_ENVIRONMENT": environment, "OFFSITE_VAULT_BUCKET": "vault", "OFFSITE_LOCK_DAYS": "1",
                "OFFSITE_WRAPPING_KEYS_SECRET": stack.wrapping_keys}

    with files.serving("vault", folder, LATENCY_MS, RATE) as endpoint:
        def ours():
            variables = {**settings, "AWS_ENDPOINT_URL_S3": endpoint}
            report, cost = function.invoke(str(files.build() / "verify"), variables, {"mode": "check", "kind": kind}, under=("taskset", "-c", "0"))
            [checked] = report["checks"]
            assert checked["whole"], report
            return cost

        costs = turns.take(f"check {kind}", {"ours": ours, "download": lambda: download(endpoint, folder)})
    longer, memory = turns.ratio(costs["ours"], costs["download"], "wall"), max(cost["memory"] for cost in costs["ours"])
    wall, alone, cpu = turns.middle(costs["ours"], "wall"), turns.middle(costs["download"], "wall"), turns.middle(costs["ours"], "cpu")
    say(f"check {kind}: {stored / MB:.0f} MB stored, in {wall:.1f} s, and {alone:.1f} s for the download alone ({stored / MB / alone:.0f} MB/s): "
        f"{longer:.2f} times; {cpu:.1f} s of one processor, {memory / MIB:.0f} MiB")
    missed = []
    if longer > OF_DOWNLOAD:
        missed.append(f"check {kind}: {longer:.2f} times the download alone, not {OF_DOWNLOAD}")
    if memory > MEMORY:
        missed.append(f"check {kind}: {memory / MIB:.0f} MiB of memory, not {MEMORY / MIB:.0f}")
    return missed


def fetched(stack, bucket, environment, kind, folder):
    """The backups of an environment and a kind, out of the vault into a folder."""
    folder.mkdir()
    stack.run_aws("s3", "cp", "--only-show-errors", "--recursive", f"s3://{bucket}/{environment}/{kind}", str(folder / environment / kind))
    return folder


def check(stack):
    missed = []
    files.build()
    with restore.unlocked(stack) as folder:
        say(f"check: making a database of {ROWS} rows of a thousand random bytes")
        database = stage.database(stack, "bench_check")
        stack.sql(database, f"CREATE EXTENSION pgcrypto; CREATE TABLE noise (id int, body bytea); ALTER TABLE noise ALTER body SET STORAGE EXTERNAL; "
                            f"INSERT INTO noise SELECT n, gen_random_bytes(1000) FROM generate_series(1, {ROWS}) AS n")
        backup = restore.Backup(stack, database, folder)
        stage.drop(stack, database)
        stored = fetched(stack, backup.bucket, backup.environment, "database", folder / "database")
        missed += measure(stack, "database", backup.environment, stored)

        bucket = f"{stack.bucket}-check"
        python = pinned.venv("older-files", stage.say) / "bin/python"
        stack.run_aws("s3api", "create-bucket", "--bucket", bucket)
        try:
            say(f"check: copying {files.FILES} files of mixed sizes, 1 GiB in all")
            with files.served(files.FILES, "mixed", 0) as endpoint:
                subprocess.run([str(python), str(HERE / "copy_files.py"), endpoint, "files", stack.facts["s3_endpoint"], bucket],
                               env=stack.variables, check=True)
            backup.command(f"backup files --bucket {bucket} --without-lock")
        finally:
            stack.run_aws("s3", "rb", "--force", f"s3://{bucket}")
        stored = fetched(stack, backup.bucket, backup.environment, "files", folder / "files")
        missed += measure(stack, "files", backup.environment, stored)
    return missed
