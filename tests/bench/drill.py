"""What proving costs a drill: the function that drills restores the same backup as `restore`, reads everything back, and tells the two apart."""

import os
import statistics
from pathlib import Path

import function
import restore
import shop
import stage
import turns

MIB = 1 << 20
# The bounds that the project sets itself: of the time of the restore, and of memory.
PROVING_OF_RESTORE = 0.1
MEMORY = 256 * MIB


def say(text=""):
    print(text, flush=True)


def drill(stack):
    say("drill: making a shop's database")
    database = stage.database(stack, "bench_drill")
    shop.make(stack, database, restore.SCALE)
    say(f"drill: {stage.size(stack, database) / MIB:.0f} MiB in PostgreSQL {stack.server['version']}, on {os.cpu_count()} processors")
    program = Path(stack.bootstrap).parents[1] / "verify/bootstrap"
    reports, peaks = [], []
    with restore.unlocked(stack) as folder:
        backup = restore.Backup(stack, database, folder)
        variables = {**stack.function_variables("postgres"), "OFFSITE_ENVIRONMENT": backup.environment, "OFFSITE_VAULT_BUCKET": backup.bucket,
                     "OFFSITE_DRILL_ON_SOURCE_SERVER": "true", "OFFSITE_REQUIRE_LOCK": "false"}
        for turn in range(turns.TURNS):
            report, cost = function.invoke(str(program), variables, {"mode": "drill", "kind": "database", "ignore_estimate": True})
            assert report["restore"]["equal"], report
            reports.append(report)
            peaks.append(cost["memory"])
            say(f"drill: turn {turn + 1}, {report['recovery_seconds']:6.1f} s to recover, {report['proving_seconds']:6.1f} s to prove it")
    stage.drop(stack, database)
    overhead = statistics.median(report["proving_seconds"] / report["recovery_seconds"] for report in reports)
    say(f"drill: proving takes {overhead:.0%} of the restore; peak {max(peaks) / MIB:.0f} MiB")
    missed = []
    if overhead > PROVING_OF_RESTORE:
        missed.append(f"drill: proving takes {overhead:.0%} of the restore, not at most {PROVING_OF_RESTORE:.0%}")
    if max(peaks) > MEMORY + MIB:
        missed.append(f"drill: {max(peaks) / MIB:.0f} MiB of memory")
    return missed
