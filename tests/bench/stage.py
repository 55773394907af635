"""What the benchmark runs on: the local stack's servers, databases of its own, a vault, a secret."""

import functools
import json
import os
import secrets
import subprocess
import sys
import urllib.request
from pathlib import Path

import pinned
import place

MAJOR = "17"


def say(text):
    print(f"bench: {text}", flush=True)


def build():
    """The function's program, as it is deployed."""
    folder = pinned.venv("cargo-lambda", say)
    environment = {**os.environ, "PATH": f"{folder / 'bin'}:{os.environ['PATH']}", "CARGO_LAMBDA_COMPILER": "cargo"}
    subprocess.run(["cargo", "lambda", "build", "--release", "--bin", "backup-database", "--bin", "restore", "--bin", "verify"],
                   cwd=place.CHECKOUT, env=environment, check=True)
    return str(place.CHECKOUT / "target/lambda/backup-database/bootstrap")


def build_command_line():
    """The program `offsite`."""
    subprocess.run(["cargo", "build", "--release", "-p", "offsite-cli"], cwd=place.CHECKOUT, check=True)
    return str(place.CHECKOUT / "target/release/offsite")


class Stack:
    """`stack.json`, and what the benchmark adds to it."""

    bootstrap = functools.cached_property(lambda self: build())
    offsite = functools.cached_property(lambda self: build_command_line())

    def __init__(self):
        subprocess.run([sys.executable, str(place.HERE / "stack.py"), "up", "s3", "aws", f"postgres={MAJOR}"], check=True)
        facts = json.loads((place.local_dir() / "stack.json").read_text())
        self.facts, self.server = facts, facts["postgres"][MAJOR]
        self.psql, self.pg_dump = facts["psql"], facts["pg_dump"]
        self.pgbench_program = str(Path(self.psql).with_name("pgbench"))
        self.aws = str(pinned.venv("sam", say) / "bin/aws")
        self.variables = {
            "PATH": os.environ["PATH"], "AWS_ENDPOINT_URL": facts["aws_endpoint"], "AWS_ENDPOINT_URL_S3": facts["s3_endpoint"],
            "AWS_REGION": facts["region"], "AWS_DEFAULT_REGION": facts["region"], "PGTZ": "UTC",
            "AWS_ACCESS_KEY_ID": facts["access_key_id"], "AWS_SECRET_ACCESS_KEY": facts["secret_access_key"],
        }
        self.bucket = f"bench-{secrets.token_hex(6)}"
        self.run_aws("s3api", "create-bucket", "--bucket", self.bucket, "--object-lock-enabled-for-bucket")
        rule = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
        self.run_aws("s3api", "put-object-lock-configuration", "--bucket", self.bucket, "--object-lock-configuration", json.dumps(rule))
        self.wrapping_key = {"bench": secrets.token_hex(32)}
        self.wrapping_keys = self.secret("keys", self.wrapping_key)

    def wrapping_keys_file(self, folder):
        """The same keys for the command."""
        path = folder / "keys.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.wrapping_key))
        return path

    def run_aws(self, *arguments):
        subprocess.run([self.aws, *arguments], env=self.variables, check=True, stdout=subprocess.DEVNULL)

    def secret(self, name, value):
        """Puts a secret into the local Secrets Manager over its API, so that it stands in no command line."""
        name = f"{self.bucket}-{name}"
        body = json.dumps({"Name": name, "SecretString": json.dumps(value)}).encode()
        credential = f"{self.facts['access_key_id']}/20260101/{self.facts['region']}/secretsmanager/aws4_request"
        request = urllib.request.Request(self.facts["aws_endpoint"], body, {
            "Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": "secretsmanager.CreateSecret",
            "Authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)["ARN"]

    def url(self, database):
        server = self.server
        return f"postgresql://{server['user']}:{server['password']}@{server['host']}:{server['port']}/{database}"

    def function_variables(self, database):
        server = self.server
        secret = self.secret(f"database-{secrets.token_hex(4)}", {
            "username": server["user"], "password": server["password"], "host": server["host"], "port": server["port"], "dbname": database})
        return {**self.variables, "OFFSITE_ENVIRONMENT": "bench", "OFFSITE_VAULT_BUCKET": self.bucket, "OFFSITE_LOCK_DAYS": "1",
                "OFFSITE_DATABASE_SECRET": secret, "OFFSITE_SSLMODE": "disable", "OFFSITE_WRAPPING_KEYS_SECRET": self.wrapping_keys}

    def sql(self, database, text):
        done = subprocess.run([self.psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.url(database)], input=text,
                              check=True, capture_output=True, text=True)
        return done.stdout.strip()


def database(stack, prefix):
    name = f"{prefix}_{secrets.token_hex(4)}"
    stack.sql("postgres", f"CREATE DATABASE {name} TEMPLATE template0")
    return name


def drop(stack, name):
    stack.sql("postgres", f"DROP DATABASE {name} WITH (FORCE)")


def size(stack, name):
    return int(stack.sql("postgres", f"SELECT pg_database_size('{name}')"))


def pgbench(stack, name, scale):
    subprocess.run([stack.pgbench_program, "-i", "-q", "-s", str(scale), stack.url(name)], check=True, capture_output=True)


# 64 words make prose that compresses about as prose does.
TEXT = """
CREATE TABLE {table} (id bigint PRIMARY KEY, title text NOT NULL, body text NOT NULL, tags text[], created timestamptz);
SELECT setseed(0.5);
INSERT INTO {table}
SELECT n, 'Entry ' || n, (SELECT string_agg((ARRAY['the','order','was','shipped','to','customer','invoice','payment','received','late',
  'warehouse','returned','item','refund','account','please','contact','support','regarding','delivery','address','changed','and','on',
  'behalf','of','our','team','we','confirm','your','request','number'])[1 + floor(random() * 33)::int] || CASE WHEN random() < 0.1
  THEN floor(random() * 100000)::text ELSE '' END, ' ') FROM generate_series(1, 150 + n - n)),
  ARRAY['a' || n % 7, 'b' || n % 11], '2026-01-01'::timestamptz + n * interval '1 minute'
FROM generate_series(1, {rows}) n;
"""


def text_heavy(stack, name, rows, table="article"):
    stack.sql(name, TEXT.format(table=table, rows=rows))


def wide_rows(stack, name, mib, tables, rows):
    """Random bytes that nothing compresses, `mib` MiB of them in a field."""
    for number in range(tables):
        stack.sql(name, f"""CREATE TABLE wide_{number} (id int, body bytea);
            ALTER TABLE wide_{number} ALTER body SET STORAGE EXTERNAL;
            CREATE EXTENSION IF NOT EXISTS pgcrypto;
            INSERT INTO wide_{number} SELECT n, (SELECT string_agg(gen_random_bytes(1024), ''::bytea) FROM generate_series(1, {mib} * 1024 + n - n))
            FROM generate_series(1, {rows}) n;""")


def large(stack, name):
    """More than 4 GiB, with one table above 2 GiB."""
    stack.sql(name, "CREATE TABLE ledger (id bigint, account int, amount numeric(12,2), note text); "
                    "INSERT INTO ledger SELECT n, n % 1000, n / 100.0, md5(n::text) || md5((n + 1)::text) FROM generate_series(1, 22000000) n;")
    pgbench(stack, name, scale=150)


# Each with what an application's table has: a serial key, defaults, a check, a reference, an index.
MANY_TABLES = """
CREATE TABLE part_0 (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL);
DO $$ BEGIN FOR n IN 1..{count} - 1 LOOP
  EXECUTE format('CREATE TABLE part_%s (id bigserial PRIMARY KEY, parent bigint REFERENCES part_%s, name text NOT NULL,
    state text DEFAULT ''new'' CHECK (state <> ''''), created timestamptz DEFAULT now(), amount numeric(12,2))', n, n - 1);
  EXECUTE format('CREATE INDEX ON part_%s (name)', n);
  IF n % 10 = 0 THEN
    EXECUTE format('COMMENT ON TABLE part_%s IS ''The part %s''', n, n);
    EXECUTE format('GRANT SELECT ON part_%s TO PUBLIC', n);
  END IF;
  IF n % 500 = 0 THEN COMMIT; END IF;
END LOOP; END $$;
"""


def many_tables(stack, name, count):
    stack.sql(name, MANY_TABLES.format(count=count))


# On two levels: attaching to one parent takes the longer the more partitions it has.
PARTITIONS = """
CREATE TABLE reading (id bigint NOT NULL, day int NOT NULL, value numeric CHECK (value >= 0), note text DEFAULT '',
  PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE INDEX ON reading (note);
DO $$ BEGIN FOR year IN 0..{count} / 500 - 1 LOOP
  EXECUTE format('CREATE TABLE reading_%s PARTITION OF reading FOR VALUES FROM (%s) TO (%s) PARTITION BY RANGE (day)',
    year, year * 500, year * 500 + 500);
  FOR day IN year * 500 .. year * 500 + 499 LOOP
    EXECUTE format('CREATE TABLE reading_%s_%s PARTITION OF reading_%s FOR VALUES FROM (%s) TO (%s)', year, day, year, day, day + 1);
  END LOOP;
  COMMIT;
END LOOP; END $$;
"""


def partitions(stack, name, count):
    stack.sql(name, PARTITIONS.format(count=count))
