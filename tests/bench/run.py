#!/usr/bin/env python3
"""Speed and memory of the backup, against pg_dump pipelines, on one machine in one run.

    run.py [speed] [memory]      both without a word

speed   ours and two pipelines in turn, over the same database (pgbench and a text-heavy table) into the same vault, as
        medians and as ratios of each turn: wall time, CPU time of the clients, memory of the largest process.
memory  the peak of the function over databases that are hard on it: its bound is 256 MiB and three times the largest row.
"""

import os
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local")]
import function  # noqa: E402
import place  # noqa: E402
import process  # noqa: E402
import stage  # noqa: E402

MIB = 1 << 20
TURNS = 3
# The bounds that the project sets itself.
FASTER_THAN = {"zstd": 1.2, "gzip": 4.0}
MEMORY_BASE, MEMORY_ROWS = 256 * MIB, 3


def say(text=""):
    print(text, flush=True)


def pipeline(commands, variables):
    """Runs a shell pipeline, all of whose parts must succeed; its cost as in function.invoke."""
    begun = time.monotonic()
    script = subprocess.Popen(["bash", "-o", "pipefail", "-c", " | ".join(commands)], env=variables)
    _, status, usage = os.wait4(script.pid, 0)
    script.returncode = os.waitstatus_to_exitcode(status)
    if script.returncode:
        raise SystemExit(f"a pipeline failed: {' | '.join(commands)}")
    return {"wall": time.monotonic() - begun, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}


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
        return pipeline([f"{stack.pg_dump} {shlex.quote(url)}", compress, f"openssl enc -aes-256-cbc -pbkdf2 -pass {key}",
                         f"{stack.aws} s3 cp --only-show-errors --expected-size {size} - {target}"], stack.variables)

    contenders = {
        "ours": lambda: function.invoke(stack.bootstrap, stack.function_variables(database), {})[1],
        "zstd": lambda: piped("zstd -q -3", "zstd"),
        "gzip": lambda: piped("gzip", "gzip"),
    }
    costs = {name: [] for name in contenders}
    for turn in range(TURNS):
        for name, run in contenders.items():
            costs[name].append(run())
            say(f"speed: turn {turn + 1}, {name:5} {costs[name][-1]['wall']:6.1f} s")
    say()
    say(f"{'':6}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'ours is faster by':>20}{'CPU of ours':>14}")
    middle = {name: {kind: statistics.median(cost[kind] for cost in turns) for kind in turns[0]} for name, turns in costs.items()}
    missed = []
    for name, cost in middle.items():
        # Turn by turn, as the machine's speed drifts.
        faster = statistics.median(theirs["wall"] / ours["wall"] for theirs, ours in zip(costs[name], costs["ours"]))
        cpu = statistics.median(ours["cpu"] / theirs["cpu"] for theirs, ours in zip(costs[name], costs["ours"]))
        say(f"{name:6}{cost['wall']:9.2f}{cost['cpu']:9.2f}{cost['memory'] / MIB:10.0f}" + ("" if name == "ours" else f"{faster:19.2f}x{cpu:13.2f}x"))
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
    chosen = sys.argv[1:] or ["speed", "memory"]
    unknown = set(chosen) - {"speed", "memory"}
    if unknown:
        sys.exit(__doc__)
    ran = {name for name, record in process.records().items() if process.is_alive(record)}
    missed = []
    try:
        stack = stage.Stack()
        if "speed" in chosen:
            missed += speed(stack)
        if "memory" in chosen:
            missed += memory(stack)
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
