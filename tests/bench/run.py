#!/usr/bin/env python3
"""Speed and memory of the backups, against what does the same without us, on one machine in one run.

    run.py [speed] [memory] [schema] [partitions] [dump] [restore] [widerestore] [drill] [files] [objects] [large]
           [localstack] [check] [tamper]      all without a word

speed   ours and two pipelines in turn, over the same database (pgbench and a text-heavy table) into the same vault, as
        medians and as ratios of each turn: wall time, CPU time of the clients, memory of the largest process.
memory  the peak of the function over databases that are hard on it: its bound is 256 MiB and three times the largest row.
schema  `offsite dump --schema-only` of 10,000 tables, and pg_dump, in turn: wall time, CPU time of the client, its memory.
partitions  the same of 50,000 partitions, which take long to make.
dump    `offsite dump` by one job and by as many as there are processors, and pg_dump, in turn: the same.
restore the restore of a database of 1 GiB (or BENCH_RESTORE_GIB) with indexes and foreign keys, restoring by hand, and pg_restore by
        as many jobs, in turn, each with ANALYZE at its end: wall time, CPU time of the client, memory.
widerestore  the peak of the restore's memory over rows of 16 and of 100 MiB as text.
drill   the drill of the database of `restore`: the time of reading back and comparing as a part of the time to recover; its memory.
files   the backup of 2,000 files (1 GiB), the older way in Python, and the least that has to be done (the same GETs, and as many
        bytes put), in turn: wall time, CPU time, memory. Their server is 30 ms away, as S3 is, and as fast as memory: there
        processors bound a backup. Then once more without the older way, with the bandwidth that AWS Lambda gives to a function.
objects the same without the older way, over 100,000 objects of 1 KiB (or BENCH_OBJECTS of them).
large   the peak of memory over one object of 5 GiB.
localstack  the 2,000 files in the local stack's S3 server, without the older way.
check   the check of a backup of a database and of one of files on one processor, out of a server that sends 70 MB a second, beside the least
        that it has to do, which is to get the same bytes: wall time, CPU time, memory.
tamper  10,000 mutations of real backups (or BENCH_MUTATIONS of them), of which a check, and at times a restore, may take none for sound.
"""

import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local")]
import check  # noqa: E402
import drill  # noqa: E402
import dump  # noqa: E402
import files  # noqa: E402
import function  # noqa: E402
import place  # noqa: E402
import process  # noqa: E402
import restore  # noqa: E402
import stage  # noqa: E402
import tamper  # noqa: E402
import turns  # noqa: E402

MIB = 1 << 20
# The bounds that the project sets itself.
FASTER_THAN = {"zstd": 1.2, "gzip": 4.0}
MEMORY_BASE, MEMORY_ROWS = 256 * MIB, 3


def say(text=""):
    print(text, flush=True)


def speed(stack):
    say("speed: making a database of pgbench's tables and a text-heavy one")
    database = stage.database(stack, "bench_speed")
    stage.pgbench(stack, database, scale=60)
    stage.text_heavy(stack, database, rows=400_000)
    size = stage.size(stack, database)
    say(f"speed: {size / MIB:.0f} MiB in PostgreSQL {stack.server['version']}, on {os.cpu_count()} processors")
    url = stack.url(database)
    key = "pass:bench"

    def piped(compress, name):
        target = f"s3://{stack.bucket}/pipeline/{name}-{time.time_ns()}"
        return turns.pipeline([f"{stack.pg_dump} {shlex.quote(url)}", compress, f"openssl enc -aes-256-cbc -pbkdf2 -pass {key}",
                         f"{stack.aws} s3 cp --only-show-errors --expected-size {size} - {target}"], stack.variables)

    contenders = {
        "ours": lambda: function.invoke(stack.bootstrap, stack.function_variables(database), {})[1],
        "zstd": lambda: piped("zstd -q -3", "zstd"),
        "gzip": lambda: piped("gzip", "gzip"),
    }
    costs = turns.take("speed", contenders)
    say()
    say(f"{'':6}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'ours is faster by':>20}{'CPU of ours':>14}")
    missed = []
    for name, cost in costs.items():
        faster, cpu = turns.ratio(cost, costs["ours"], "wall"), turns.ratio(costs["ours"], cost, "cpu")
        wall, seconds, memory = (turns.middle(cost, kind) for kind in ("wall", "cpu", "memory"))
        say(f"{name:6}{wall:9.2f}{seconds:9.2f}{memory / MIB:10.0f}" + ("" if name == "ours" else f"{faster:19.2f}x{cpu:13.2f}x"))
        if name in FASTER_THAN and faster < FASTER_THAN[name]:
            missed.append(f"{faster:.2f} times as fast as {name}, not {FASTER_THAN[name]}")
        if name != "ours" and cpu >= 1:
            missed.append(f"{cpu:.2f} times the CPU of {name}, not less")
    stage.drop(stack, database)
    return missed


def memory(stack):
    missed = []

    def peak(what, make, largest_row, settings=None, refused=None):
        database = stage.database(stack, "bench_memory")
        make(database)
        size = stage.size(stack, database)
        try:
            _, cost = function.invoke(stack.bootstrap, {**stack.function_variables(database), **(settings or {})}, {})
            bound = MEMORY_BASE + MEMORY_ROWS * largest_row
            say(f"memory: {what}: {size / MIB:.0f} MiB, peak {cost['memory'] / MIB:.0f} MiB of {bound / MIB:.0f}, {cost['wall']:.0f} s")
            if refused:
                missed.append(f"{what}: was not refused")
            elif cost["memory"] > bound:
                missed.append(f"{what}: {cost['memory'] / MIB:.0f} MiB")
        except function.Failed as failure:
            say(f"memory: {what}: {failure}")
            if not refused or refused not in str(failure):
                missed.append(f"{what}: failed")
        stage.drop(stack, database)

    peak("8 MiB of random bytea in every row, on all workers", lambda d: stage.wide_rows(stack, d, 8, tables=4, rows=24), 16 * MIB)
    peak("a field of 200 MiB, allowed", lambda d: stage.wide_rows(stack, d, 200, tables=1, rows=1), 400 * MIB,
         {"OFFSITE_MAX_ROW_BYTES": str(410 * MIB)})
    peak("a field of 200 MiB, not allowed", lambda d: stage.wide_rows(stack, d, 200, tables=1, rows=1), 400 * MIB, refused="wide_0")
    peak("4 GiB and more, a table above 2 GiB", lambda d: stage.large(stack, d), MIB)
    return missed


def main():
    parts = {"speed": speed, "memory": memory, "schema": dump.schema, "partitions": dump.partitions, "dump": dump.dump,
             "restore": restore.restore, "widerestore": restore.restore_memory, "drill": drill.drill,
             "files": files.files, "objects": files.objects, "large": files.large, "localstack": files.localstack,
             "check": check.check, "tamper": tamper.tamper}
    chosen = sys.argv[1:] or list(parts)
    if set(chosen) - set(parts):
        sys.exit(__doc__)
    ran = {name for name, record in process.records().items() if process.is_alive(record)}
    missed = []
    try:
        stack = stage.Stack()
        for part in parts:
            if part in chosen:
                missed += parts[part](stack)
    finally:
        ours = [name.replace("postgres-", "postgres=") for name in process.records() if name not in ran]
        if ours:
            subprocess.run([sys.executable, str(place.HERE / "stack.py"), "down", *ours], check=False)
    say()
    for miss in missed:
        say(f"bound missed: {miss}")
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
