"""Contenders in turn: as a shared machine's speed drifts, only what ran side by side is compared."""

import os
import statistics
import subprocess
import time

TURNS = 3
MIB = 1 << 20


def pipeline(commands, variables):
    """Runs a shell pipeline, all of whose parts must succeed; its cost as in function.invoke."""
    begun = time.monotonic()
    script = subprocess.Popen(["bash", "-o", "pipefail", "-c", " | ".join(commands)], env=variables)
    _, status, usage = os.wait4(script.pid, 0)
    script.returncode = os.waitstatus_to_exitcode(status)
    if script.returncode:
        raise SystemExit(f"a pipeline failed: {' | '.join(commands)}")
    return {"wall": time.monotonic() - begun, "cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}


def take(part, contenders, once=()):
    """Runs each contender once per turn, some only in the first. Returns the costs by name, a list of turns each."""
    costs = {name: [] for name in contenders}
    for turn in range(TURNS):
        for name, run in contenders.items():
            if turn and name in once:
                continue
            # What another one left to be written to the disk is not this one's.
            os.sync()
            costs[name].append(run())
            print(f"{part}: turn {turn + 1}, {name:9} {costs[name][-1]['wall']:6.1f} s", flush=True)
    return costs


def middle(turns, kind):
    return statistics.median(cost[kind] for cost in turns)


def ratio(of, to, kind):
    """The median of the turns' ratios; of the medians, if one took fewer turns."""
    if len(of) != len(to):
        return middle(of, kind) / middle(to, kind)
    return statistics.median(one[kind] / other[kind] for one, other in zip(of, to))
