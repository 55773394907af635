"""The backup of files, against the older way and against the least that any backup has to do.

The objects are in a server of the benchmark's own, which answers every request after a while, as S3 does. It has two speeds:

- As fast as memory is. There nothing but processors bounds a backup, which compresses, encrypts and hashes what the limit only
  moves: so there it is judged against the older way alone, and how far it is from the limit is told.
- With the bandwidth that AWS Lambda gives to a function: 300 MiB in each direction at full speed, then 75 MiB/s, as Bodner et al.
  measured it (https://arxiv.org/abs/2501.07771, section 4.2). There it is judged against the limit.
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
# What a function of AWS Lambda moves in each direction: so many bytes at full speed, then so many a second.
BURST, RATE = 300 * MIB, 75 * MIB
# The bounds that the project sets itself.
FASTER_THAN_OLDER, MEMORY_OF_OLDER, WALL_OF_LIMIT, MEMORY = 20, 0.1, 1.3, 256 * MIB


def say(text=""):
    print(text, flush=True)


@functools.cache
def build():
    """The folder of the functions' programs and of what they are measured with, from one set of dependencies."""
    what = ["-p", "backup-files", "-p", "verify", "-p", "file-archive", "--bin", "backup-files", "--bin", "verify", "--example", "bucket_bench"]
    subprocess.run(["cargo", "build", "--release", *what], cwd=place.CHECKOUT, check=True)
    return place.CHECKOUT / "target/release"


def bench_program():
    """What answers as S3 does, and copies as little as can be."""
    return str(build() / "examples/bucket_bench")


@contextlib.contextmanager
def serving(*arguments):
    """The address of a server of the benchmark's own."""
    server = subprocess.Popen([bench_program(), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield server.stdout.readline().strip()
    finally:
        server.stdin.close()
        server.wait()


def served(count, sizes, milliseconds=LATENCY_MS, bandwidth=()):
    """The address of a server with so many objects."""
    return serving("serve", count, sizes, milliseconds, *bandwidth)


class Contenders:
    """All of them read one bucket of one server, and write into the vault there."""

    def __init__(self, stack, endpoint, bucket="files", vault="vault"):
        self.program, self.bench = str(build() / "backup-files"), bench_program()
        self.variables = {**stack.variables, "AWS_ENDPOINT_URL_S3": endpoint}
        # What of the C library's memory the template sets is part of what is measured.
        malloc = re.findall(r"^ *(MALLOC_\w+): \"?(\w+)", (place.CHECKOUT / "template.yaml").read_text(), re.MULTILINE)
        self.settings = {**self.variables, **dict(malloc), "OFFSITE_ENVIRONMENT": "bench", "OFFSITE_VAULT_BUCKET": vault, "OFFSITE_LOCK_DAYS": "1",
                         "OFFSITE_FILES_BUCKET": bucket, "OFFSITE_WRAPPING_KEYS_SECRET": stack.wrapping_keys}
        self.bucket, self.vault, self.stored, self.report = bucket, vault, 0, None

    def reach(self, endpoint):
        self.variables["AWS_ENDPOINT_URL_S3"] = self.settings["AWS_ENDPOINT_URL_S3"] = endpoint

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


def judge(what, costs, against):
    """The bounds that were missed, of those against one contender."""
    missed = []

    def at_most(value, bound, text):
        if value > bound:
            missed.append(f"{what}: {text.format(value)}, not {bound}")

    ours = max(cost["memory"] for cost in costs["ours"])
    at_most(ours / MIB, MEMORY / MIB, "{:.0f} MiB of memory")
    if against == "limit":
        at_most(turns.ratio(costs["ours"], costs["limit"], "wall"), WALL_OF_LIMIT, "{:.2f} times the wall time of the limit")
    else:
        at_most(turns.ratio(costs["ours"], costs["older"], "memory"), MEMORY_OF_OLDER, "{:.2f} times the memory of the older way")
        faster = turns.ratio(costs["older"], costs["ours"], "wall")
        if faster < FASTER_THAN_OLDER:
            missed.append(f"{what}: {faster:.1f} times as fast as the older way, not {FASTER_THAN_OLDER}")
    return missed


def compare(part, contenders, count, names, around=contextlib.nullcontext):
    def run(name):
        with around():
            return getattr(contenders, name)()

    # The older way takes minutes.
    costs = turns.take(part, {name: functools.partial(run, name) for name in names}, once=("older",))
    assert contenders.report["files"] == count, contenders.report
    table(costs, count)
    return costs


def files(stack):
    said = f"{FILES} of mixed sizes, 1 GiB in all, {LATENCY_MS} ms away"
    with served(FILES, "mixed") as endpoint:
        say(f"files: {said}, on {os.cpu_count()} processors")
        contenders = Contenders(stack, endpoint)
        missed = judge("files", compare("files", contenders, FILES, ("ours", "limit", "older")), "older")

    @contextlib.contextmanager
    def anew():
        # The burst comes once: so everyone has a server of its own.
        with served(FILES, "mixed", bandwidth=(BURST, RATE)) as endpoint:
            contenders.reach(endpoint)
            yield

    say(f"function: {said}, at {BURST // MIB} MiB at once and {RATE // MIB} MiB/s after that")
    return missed + judge("function", compare("function", contenders, FILES, ("ours", "limit"), anew), "limit")


def objects(stack):
    with served(OBJECTS, OBJECT_BYTES) as endpoint:
        say(f"objects: {OBJECTS} of {OBJECT_BYTES} bytes, {LATENCY_MS} ms away, on {os.cpu_count()} processors")
        return judge("objects", compare("objects", Contenders(stack, endpoint), OBJECTS, ("ours", "limit")), "limit")


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
        return judge("localstack", compare("localstack", contenders, FILES, ("ours", "limit")), "limit")
    finally:
        for bucket in buckets:
            stack.run_aws("s3", "rb", "--force", f"s3://{bucket}")
