"""The backup of files, against the older way and against the least that any backup has to do.

The objects are in a server of the benchmark's own, which answers every request after a while, as S3 does, and then as fast as
memory is: there a backup is bound by its processors. In the local stack's server bytes take their time.
"""

import contextlib
import functools
import os
import re
import secrets
import subprocess
from pathlib import Path

import function
import pinned
import place
import stage
import turns

HERE = Path(__file__).resolve().parent
MIB, GIB = 1 << 20, 1 << 30
FILES = 2_000
OBJECTS, OBJECT_BYTES = int(os.environ.get("BENCH_OBJECTS", "100000")), 1 << 10
CONCURRENCY = 64
# To the first byte. An assumption: where S3 takes longer, the older way loses more.
LATENCY_MS = 30
# The bounds that the project sets itself.
FASTER_THAN_OLDER, MEMORY_OF_OLDER, WALL_OF_LIMIT, MEMORY = 20, 0.1, 1.3, 256 * MIB


def say(text=""):
    print(text, flush=True)


@functools.cache
def build():
    """The function's program, and what it is measured with, from one set of dependencies."""
    what = ["-p", "backup-files", "-p", "file-archive", "--bin", "backup-files", "--example", "bucket_bench"]
    subprocess.run(["cargo", "build", "--release", *what], cwd=place.CHECKOUT, check=True)
    return str(place.CHECKOUT / "target/release/backup-files"), str(place.CHECKOUT / "target/release/examples/bucket_bench")


@contextlib.contextmanager
def served(count, sizes, milliseconds=LATENCY_MS):
    """The address of a server with so many objects."""
    _, bench = build()
    server = subprocess.Popen([bench, "serve", str(count), str(sizes), str(milliseconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait()


class Contenders:
    """All of them read one bucket of one server, and write into the vault there."""

    def __init__(self, stack, endpoint, bucket="files", vault="vault"):
        self.program, self.bench = build()
        self.variables = {**stack.variables, "AWS_ENDPOINT_URL_S3": endpoint}
        # What of the C library's memory the template sets is part of what is measured.
        malloc = re.findall(r"^ *(MALLOC_\w+): \"?(\w+)", (place.CHECKOUT / "template.yaml").read_text(), re.MULTILINE)
        self.settings = {**self.variables, **dict(malloc), "OFFSITE_ENVIRONMENT": "bench", "OFFSITE_VAULT_BUCKET": vault, "OFFSITE_LOCK_DAYS": "1",
                         "OFFSITE_FILES_BUCKET": bucket, "OFFSITE_WRAPPING_KEYS_SECRET": stack.wrapping_keys}
        self.bucket, self.vault, self.stored, self.report = bucket, vault, 0, None

    def ours(self):
        self.report, cost = function.invoke(self.program, self.settings, {})
        self.stored = self.report["stored_bytes"]
        return cost

    def limit(self):
        command = f"{self.bench} limit {self.bucket} {self.vault} {self.stored} {CONCURRENCY} > /dev/null"
        return turns.pipeline([command], self.variables)

    def older(self):
        python = pinned.venv("older-files", stage.say) / "bin/python"
        variables = {**self.variables, "OLDER_PASSWORD": secrets.token_hex(16)}
        return turns.pipeline([f"{python} {HERE / 'older_files.py'} {self.bucket} {self.vault} older/{secrets.token_hex(4)}"], variables)


def table(costs, count):
    say()
    say(f"{'':6}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'files/s':>10}{'wall of ours':>15}{'CPU of ours':>14}")
    for name, cost in costs.items():
        wall, cpu, memory = (turns.middle(cost, kind) for kind in ("wall", "cpu", "memory"))
        line = f"{name:6}{wall:9.2f}{cpu:9.2f}{memory / MIB:10.0f}{count / wall:10.0f}"
        if name != "ours":
            line += f"{turns.ratio(costs['ours'], cost, 'wall'):14.2f}x{turns.ratio(costs['ours'], cost, 'cpu'):13.2f}x"
        say(line)
    say()


def judge(what, costs):
    """The bounds that were missed."""
    missed = []

    def at_most(value, bound, text):
        if value > bound:
            missed.append(f"{what}: {text.format(value)}, not {bound}")

    ours = max(cost["memory"] for cost in costs["ours"])
    at_most(turns.ratio(costs["ours"], costs["limit"], "wall"), WALL_OF_LIMIT, "{:.2f} times the wall time of the limit")
    at_most(ours / MIB, MEMORY / MIB, "{:.0f} MiB of memory")
    if "older" in costs:
        at_most(turns.ratio(costs["ours"], costs["older"], "memory"), MEMORY_OF_OLDER, "{:.2f} times the memory of the older way")
        faster = turns.ratio(costs["older"], costs["ours"], "wall")
        if faster < FASTER_THAN_OLDER:
            missed.append(f"{what}: {faster:.1f} times as fast as the older way, not {FASTER_THAN_OLDER}")
    return missed


def compare(part, contenders, count, names=("ours", "limit", "older")):
    costs = turns.take(part, {name: getattr(contenders, name) for name in names})
    assert contenders.report["files"] == count, contenders.report
    table(costs, count)
    return costs


def files(stack):
    with served(FILES, "mixed") as endpoint:
        say(f"files: {FILES} of mixed sizes, 1 GiB in all, {LATENCY_MS} ms away, on {os.cpu_count()} processors")
        return judge("files", compare("files", Contenders(stack, endpoint), FILES))


def objects(stack):
    with served(OBJECTS, OBJECT_BYTES) as endpoint:
        say(f"objects: {OBJECTS} of {OBJECT_BYTES} bytes, {LATENCY_MS} ms away, on {os.cpu_count()} processors")
        return judge("objects", compare("objects", Contenders(stack, endpoint), OBJECTS, ("ours", "limit")))


def large(stack):
    with served(1, 5 * GIB) as endpoint:
        cost = Contenders(stack, endpoint).ours()
    say(f"large: one object of 5 GiB: peak {cost['memory'] / MIB:.0f} MiB of {MEMORY / MIB:.0f}, {cost['wall']:.0f} s")
    return [] if cost["memory"] <= MEMORY else [f"large: {cost['memory'] / MIB:.0f} MiB of memory"]


def localstack(stack):
    # Not in the locked vault: gigabytes that nobody can delete would stay on the disk.
    buckets = [f"{stack.bucket}-files", f"{stack.bucket}-unlocked"]
    python = pinned.venv("older-files", stage.say) / "bin/python"
    try:
        for bucket in buckets:
            stack.run_aws("s3api", "create-bucket", "--bucket", bucket)
        say("localstack: copying the files")
        with served(FILES, "mixed", 0) as endpoint:
            subprocess.run([str(python), str(HERE / "copy_files.py"), endpoint, "files", stack.facts["s3_endpoint"], buckets[0]],
                           env=stack.variables, check=True)
        contenders = Contenders(stack, stack.facts["s3_endpoint"], *buckets)
        contenders.settings["OFFSITE_REQUIRE_LOCK"] = "false"
        return judge("localstack", compare("localstack", contenders, FILES, ("ours", "limit")))
    finally:
        for bucket in buckets:
            stack.run_aws("s3", "rb", "--force", f"s3://{bucket}")
