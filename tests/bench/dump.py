"""`offsite dump` against a stock pg_dump of the same database, both to /dev/null."""

import os

import stage
import turns

MIB, GIB = 1 << 20, 1 << 30
TABLES, PARTITIONS = 10_000, 50_000
# The bounds that the project sets itself: how many times as fast as pg_dump.
SCHEMA_FASTER, ONE_JOB_FASTER, ALL_JOBS_FASTER = 1.0, 1.0, 1.3
CPU_AT_MOST = 1.0


def say(text=""):
    print(text, flush=True)


def ours(stack, database, arguments):
    variables = {**stack.variables, "DATABASE_URL": stack.url(database) + "?sslmode=disable"}
    return lambda: turns.pipeline([f"{stack.offsite} dump {arguments} > /dev/null"], variables)


def theirs(stack, database, arguments=""):
    server = stack.server
    variables = {**stack.variables, "PGPASSWORD": server["password"]}
    command = f"{stack.pg_dump} -h {server['host']} -p {server['port']} -U {server['user']} -d {database} {arguments} > /dev/null"
    return lambda: turns.pipeline([command], variables)


def table(costs, size=None):
    """A line for each contender, the last of which the others are compared with."""
    *_, reference = costs
    per = "CPU s/GiB" if size else "CPU s"
    say()
    say(f"{'':9}{'wall s':>9}{per:>11}{'peak MiB':>10}{'faster by':>12}{'CPU':>8}")
    for name, cost in costs.items():
        wall, cpu, memory = (turns.middle(cost, kind) for kind in ("wall", "cpu", "memory"))
        line = f"{name:9}{wall:9.2f}{cpu * GIB / size if size else cpu:11.2f}{memory / MIB:10.0f}"
        if name != reference:
            line += f"{turns.ratio(costs[reference], cost, 'wall'):11.2f}x{turns.ratio(cost, costs[reference], 'cpu'):7.2f}x"
        say(line)
    say()


def settle(stack, database):
    """As rows are that weren't made a moment ago: who reads new ones first marks them for all, and autovacuum takes a processor."""
    stack.sql(database, "VACUUM ANALYZE")


def schema(stack):
    return definitions(stack, "tables", stage.many_tables, TABLES, SCHEMA_FASTER)


def partitions(stack):
    return definitions(stack, "partitions", stage.partitions, PARTITIONS)


def definitions(stack, what, make, count, bound=None):
    say(f"schema: making {count} {what}")
    database = stage.database(stack, "bench_schema")
    make(stack, database, count)
    settle(stack, database)
    costs = turns.take("schema", {"ours": ours(stack, database, "--schema-only"), "pg_dump": theirs(stack, database, "--schema-only")})
    table(costs)
    stage.drop(stack, database)
    faster = turns.ratio(costs["pg_dump"], costs["ours"], "wall")
    if bound and faster < bound:
        return [f"the schema of {count} {what}: {faster:.2f} times as fast as pg_dump, not {bound}"]
    return []


def dump(stack):
    missed, cores = [], os.cpu_count()
    for what, make in (
        ("narrow rows", lambda database: stage.pgbench(stack, database, scale=60)),
        ("prose", lambda database: stage.text_heavy(stack, database, rows=600_000)),
        ("wide bytea", lambda database: stage.wide_rows(stack, database, 4, tables=2, rows=64)),
    ):
        database = stage.database(stack, "bench_dump")
        make(database)
        settle(stack, database)
        size = stage.size(stack, database)
        say(f"dump: {what}, {size / MIB:.0f} MiB in PostgreSQL {stack.server['version']}, on {cores} processors")
        costs = turns.take("dump", {
            "one job": ours(stack, database, "--jobs 1"), f"{cores} jobs": ours(stack, database, f"--jobs {cores}"), "pg_dump": theirs(stack, database)})
        table(costs, size)
        for name, bound in (("one job", ONE_JOB_FASTER), (f"{cores} jobs", ALL_JOBS_FASTER)):
            faster, cpu = turns.ratio(costs["pg_dump"], costs[name], "wall"), turns.ratio(costs[name], costs["pg_dump"], "cpu")
            if faster < bound:
                missed.append(f"{what} by {name}: {faster:.2f} times as fast as pg_dump, not {bound}")
            if cpu > CPU_AT_MOST:
                missed.append(f"{what} by {name}: {cpu:.2f} times the CPU of pg_dump, not at most {CPU_AT_MOST}")
        stage.drop(stack, database)
    return missed
