"""The restore of a database, against restoring by hand and against pg_restore; memory over wide rows.

All three fill a new database on one server with the same data, indexes, constraints and foreign keys, and end with ANALYZE, without
which nobody would let an application in. What only ours does counts against it: its bytes come out of the vault, where the others
begin with a file on the disk, and every row is read back and compared with the backup.

- by hand: `offsite decrypt` to a file, `zstd -d`, `psql`, as docs/format.md says; then ANALYZE.
- pg_restore: of a custom-format dump, by as many jobs as ours; then `vacuumdb --analyze-only` by as many.
"""

import contextlib
import json
import os
import secrets
import shlex
import subprocess
import tempfile
from pathlib import Path

import function
import shop
import stage
import turns

MIB = 1 << 20
SCALE = float(os.environ.get("BENCH_RESTORE_GIB", "1"))
# As many as the function takes, and the command.
JOBS = 4
# The bounds that the project sets itself: of the wall time of the others, and of memory.
OF_BY_HAND, OF_PG_RESTORE = 0.7, 1.0
MEMORY_BASE, MEMORY_ROWS = 256 * MIB, 3


def say(text=""):
    print(text, flush=True)


class Backup:
    """One backup of a database, in a vault that locks nothing: gigabytes that nobody can delete would stay on the disk."""

    def __init__(self, stack, database, folder, settings=None):
        self.stack, self.folder = stack, folder
        self.environment, self.bucket = f"restore-{secrets.token_hex(4)}", f"{stack.bucket}-unlocked"
        self.keys = stack.wrapping_keys_file(folder)
        if settings is None:
            self.command("backup database --without-lock", database)
            return
        # Only the function can be told of longer rows.
        function.invoke(stack.bootstrap, {
            **stack.function_variables(database), "OFFSITE_ENVIRONMENT": self.environment, "OFFSITE_VAULT_BUCKET": self.bucket,
            "OFFSITE_REQUIRE_LOCK": "false", **settings}, {})

    def command(self, text, database="postgres"):
        """The cost of a command on this backup."""
        variables = {**self.stack.variables, "DATABASE_URL": self.stack.url(database) + "?sslmode=disable"}
        place = f"--vault {self.bucket} --environment {self.environment} --wrapping-keys {shlex.quote(str(self.keys))}"
        return turns.pipeline([f"{self.stack.offsite} --quiet {text} {place} > {self.folder}/output"], variables)

    def restore(self):
        """Into a new database, which is dropped. Returns (report, cost)."""
        name = f"bench_restored_{secrets.token_hex(4)}"
        cost = self.command(f"restore database latest --into {name} --json")
        stage.drop(self.stack, name)
        report = json.loads((self.folder / "output").read_text())
        assert report["equal"], report
        return report, cost


@contextlib.contextmanager
def unlocked(stack):
    """The bucket of [`Backup`], and a folder."""
    bucket = f"{stack.bucket}-unlocked"
    stack.run_aws("s3api", "create-bucket", "--bucket", bucket)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-restore-") as folder:
            yield Path(folder)
    finally:
        stack.run_aws("s3", "rb", "--force", f"s3://{bucket}")


def restore(stack):
    """Wall time against the two others."""
    say("restore: making a shop's database")
    database = stage.database(stack, "bench_shop")
    shop.make(stack, database, SCALE)
    size = stage.size(stack, database)
    say(f"restore: {size / MIB:.0f} MiB in PostgreSQL {stack.server['version']}, on {os.cpu_count()} processors")
    with unlocked(stack) as folder:
        backup = Backup(stack, database, folder)
        contenders, reports = Contenders(stack, backup, database, folder), []

        def ours():
            report, cost = backup.restore()
            reports.append(report)
            return cost

        costs = turns.take("restore", {"ours": ours, "by hand": contenders.by_hand, "pg_restore": contenders.pg_restore})
    stage.drop(stack, database)
    say()
    say(f"{'':11}{'wall s':>9}{'client CPU s':>14}{'peak MiB':>10}{'wall of ours':>15}")
    for name, cost in costs.items():
        wall, cpu, memory = (turns.middle(cost, kind) for kind in ("wall", "cpu", "memory"))
        say(f"{name:11}{wall:9.2f}{cpu:14.2f}{memory / MIB:10.0f}" + ("" if name == "ours" else f"{turns.ratio(costs['ours'], cost, 'wall'):14.2f}x"))
    spent = [f"{phase} {sorted(report['durations'][phase] for report in reports)[len(reports) // 2]:.1f} s" for phase in ("apply", "compare", "analyze")]
    say(f"of ours: {', '.join(spent)}")
    missed = []
    for name, bound in (("by hand", OF_BY_HAND), ("pg_restore", OF_PG_RESTORE)):
        wall = turns.ratio(costs["ours"], costs[name], "wall")
        if wall > bound:
            missed.append(f"restore: {wall:.2f} times the wall time of {name}, not at most {bound}")
    memory = max(cost["memory"] for cost in costs["ours"])
    if memory > MEMORY_BASE + MIB:
        missed.append(f"restore: {memory / MIB:.0f} MiB of memory")
    return missed


class Contenders:
    """Both begin with a file on the disk."""

    def __init__(self, stack, backup, database, folder):
        server = stack.server
        self.stack, self.folder = stack, folder
        self.programs = Path(stack.psql).parent
        self.variables = {**stack.variables, "PGHOST": server["host"], "PGPORT": str(server["port"]), "PGUSER": server["user"], "PGPASSWORD": server["password"]}
        self.keys = backup.keys
        stack.run_aws("s3", "sync", "--only-show-errors", f"s3://{backup.bucket}", str(folder / "vault"))
        self.volumes = sorted((folder / "vault").rglob("volume-*.sql.zst.enc"))
        command = [stack.pg_dump, "-Fc", "-f", str(folder / "custom.dump"), "-d", database]
        subprocess.run(command, env=self.variables, check=True)

    def run(self, commands):
        name = f"bench_restored_{secrets.token_hex(4)}"
        create = f"{self.programs}/psql -X -q -d postgres -c 'CREATE DATABASE {name} TEMPLATE template0'"
        cost = turns.pipeline([" && ".join([create, *(command.format(name=name) for command in commands)])], self.variables)
        stage.drop(self.stack, name)
        return cost

    def by_hand(self):
        plain = [self.folder / f"{number}.sql.zst" for number in range(len(self.volumes))]
        decrypt = [f"{self.stack.offsite} decrypt --wrapping-keys {shlex.quote(str(self.keys))} {volume} {file} 2> /dev/null"
                   for volume, file in zip(self.volumes, plain)]
        psql = f"{self.programs}/psql -X -q -v ON_ERROR_STOP=1 -d {{name}}"
        cost = self.run([*decrypt, f"zstd -dc {' '.join(map(str, plain))} | {psql} -1 > /dev/null", f"{psql} -c ANALYZE"])
        for file in plain:
            file.unlink()
        return cost

    def pg_restore(self):
        return self.run([f"{self.programs}/pg_restore -j {JOBS} -d {{name}} {self.folder}/custom.dump",
                         f"{self.programs}/vacuumdb --analyze-only -q -j {JOBS} -d {{name}}"])


def restore_memory(stack):
    """The peak over rows that are long."""
    missed = []
    with unlocked(stack) as folder:
        for mib, tables, rows in ((8, 4, 24), (50, 2, 4)):
            database = stage.database(stack, "bench_wide")
            stage.wide_rows(stack, database, mib, tables=tables, rows=rows)
            # As text, a byte is two digits.
            row = 2 * mib * MIB
            backup = Backup(stack, database, folder, {"OFFSITE_MAX_ROW_BYTES": str(row + MIB)})
            _, cost = backup.restore()
            bound = MEMORY_BASE + MEMORY_ROWS * row
            say(f"memory of a restore: {tables} tables of {rows} rows of {row // MIB} MiB as text: peak {cost['memory'] / MIB:.0f} MiB of {bound / MIB:.0f}, {cost['wall']:.0f} s")
            if cost["memory"] > bound:
                missed.append(f"restore of rows of {row // MIB} MiB: {cost['memory'] / MIB:.0f} MiB of memory")
            stage.drop(stack, database)
    return missed
