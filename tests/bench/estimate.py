#!/usr/bin/env python3
"""How far off the estimate of a restore is: databases of different shapes, each backed up, asked about by a dry run, and restored.

Of each: what the estimate counts, the seconds that it says, and those that the restore took. The rates in shared/pg-restore/src/estimate.rs come
from here; a server elsewhere has others, so the estimate is meant to be right within a factor of three, and never to say much less than it takes.
"""

import json
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local")]
import stage  # noqa: E402

KEYS = {"bench": secrets.token_hex(32)}

# Narrow rows, six indexes, and a foreign key.
INDEXED = """
CREATE TABLE kind (id int PRIMARY KEY);
INSERT INTO kind SELECT generate_series(0, 99);
CREATE TABLE entry (id bigint PRIMARY KEY, kind int REFERENCES kind, a int, b int, c text);
INSERT INTO entry SELECT n, n % 100, (n::bigint * 7919) % 1000003, n % 1000, md5(n::text) FROM generate_series(1, 1000000) n;
CREATE INDEX ON entry (kind); CREATE INDEX ON entry (a); CREATE INDEX ON entry (b, a); CREATE INDEX ON entry (c); CREATE INDEX ON entry (c, a);
"""


def bucket(stack):
    """Without lock: gigabytes that nobody can delete would stay on the disk."""
    return f"{stack.bucket}-estimate"


class Shape:
    """One database and its backup in a folder's environment."""

    def __init__(self, stack, offsite, name, make, folder):
        self.stack, self.offsite, self.name = stack, offsite, name
        self.database = stage.database(stack, "bench_estimate")
        make(self.database)
        keys = Path(folder) / "keys.json"
        keys.write_text(json.dumps(KEYS))
        environment = f"estimate-{secrets.token_hex(4)}"
        self.place = ["--vault", bucket(stack), "--environment", environment, "--wrapping-keys", str(keys)]
        self.run("backup", "database", "--without-lock", database=self.database)

    def run(self, *arguments, database="postgres"):
        url = self.stack.url(database) + "?sslmode=disable"
        done = subprocess.run([self.offsite, "--quiet", *arguments, *self.place, "--json"], env={**self.stack.variables, "DATABASE_URL": url},
                              check=True, capture_output=True, text=True)
        return json.loads(done.stdout)

    def measure(self, *more, into=None):
        """What a dry run says and what the restore says, into a new database unless one is given."""
        name = into or f"{self.database}_back"
        arguments = ["restore", "database", "latest", "--into", name, *more]
        said = self.run(*arguments, "--dry-run")
        took = self.run(*arguments)
        assert took["rows_equal"], took
        if not into:
            stage.drop(self.stack, name)
        return said, took

    def tell(self, what, said, took):
        estimated, seconds = said.get("estimated_seconds"), took["durations"]
        counted = f"{took['bytes'] / (1 << 20):9.1f}{took['rows']:10}{took['tables']:8}"
        told = "".join(f"{seconds[phase]:9.1f}" for phase in ("apply", "compare", "analyze", "total"))
        print(f"{what:26}{counted}{told}{estimated or 0:10}{(estimated or 0) / max(seconds['total'], 0.001):8.2f}", flush=True)


def measure(stack, offsite):
    shapes = {
        "pgbench, scale 20": lambda name: stage.pgbench(stack, name, 20),
        "prose": lambda name: stage.text_heavy(stack, name, 150_000),
        "six indexes": lambda name: stack.sql(name, INDEXED),
        "2,000 tables": lambda name: stage.many_tables(stack, name, 2000),
        "nothing": lambda name: None,
    }
    print(f"{'':26}{'MiB':>9}{'rows':>10}{'tables':>8}{'apply':>9}{'compare':>9}{'analyze':>9}{'total s':>9}{'estimate':>10}{'ratio':>8}")
    stack.run_aws("s3api", "create-bucket", "--bucket", bucket(stack))
    try:
        with tempfile.TemporaryDirectory(prefix="bench-estimate-") as folder:
            for name, make in shapes.items():
                shape = Shape(stack, offsite, name, make, folder)
                shape.tell(name, *shape.measure())
                if name in ("pgbench, scale 20", "six indexes"):
                    into_same = ("--existing", "--content", "data", "--on-conflict", "truncate")
                    shape.tell(f"{name}, existing", *shape.measure(*into_same, into=shape.database))
                stage.drop(stack, shape.database)
    finally:
        stack.run_aws("s3", "rb", "--force", f"s3://{bucket(stack)}")


if __name__ == "__main__":
    stack = stage.Stack()
    measure(stack, stack.offsite)
