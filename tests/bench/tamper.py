"""Ten thousand mutations of real backups, none of which may be taken for sound: the test of the suite, with more of them."""

import os
import subprocess

import place

MUTATIONS = int(os.environ.get("BENCH_MUTATIONS", "10000"))


def tamper(_):
    command = ["cargo", "test", "--workspace", "--quiet", "--test", "tamper", "--", "--nocapture"]
    done = subprocess.run(command, cwd=place.CHECKOUT, env={**os.environ, "TAMPER_COUNT": str(MUTATIONS)}, check=False)
    return [] if done.returncode == 0 else [f"tamper: of {MUTATIONS} mutations some were taken for sound, or could not be tried"]
