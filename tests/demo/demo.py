#!/usr/bin/env python3
"""Backs up a real database and a bucket with Offsite, loses them, gets them back, and proves that they are equal.

Real PostgreSQL, a vault with Object Lock, and the functions as `sam deploy` installs them, all on this machine.
"""

import argparse
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), *(str(Path(__file__).resolve().parents[1] / part) for part in ("local", "deploy"))]

import console  # noqa: E402
import glibc  # noqa: E402
import dumps  # noqa: E402
import pinned  # noqa: E402
import place  # noqa: E402
import process  # noqa: E402
from console import Broken, command, holds, run, run_shown, say, step  # noqa: E402

STACK = "offsite-demo"
ROWS, TABLES = 100_000, 13
MAJOR = "17"
COUNT = """
SELECT count(*), sum((xpath('/row/n/text()',
    query_to_xml(format('SELECT count(*) AS n FROM %s', c.oid::regclass), false, true, '')))[1]::text::bigint)
FROM pg_class c WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace::regnamespace::text IN ('public', 'audit')
"""


class Demo:
    """What the steps hand on to each other."""

    def __init__(self, built: Path):
        self.built = built
        self.state = place.local_dir() / "demo"
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.vault = f"{STACK}-vault-{secrets.token_hex(3)}"
        self.bucket = f"{STACK}-files-{secrets.token_hex(3)}"
        self.took = {}

    def install(self) -> None:
        step(1, "Installing tools and starting PostgreSQL, the vault and Lambda")
        tools = pinned.venv("sam", say)
        self.boto3 = tools / "bin/python"
        cargo_lambda = pinned.venv("cargo-lambda", say, dependencies=False)
        stack = place.HERE / "stack.py"
        run_shown([sys.executable, stack, "up", "s3", "aws", f"postgres={MAJOR}"], self.state / "stack.log",
                  env=dict(os.environ), cwd=place.CHECKOUT)
        self.stack = json.loads((place.local_dir() / "stack.json").read_text())
        self.server = self.stack["postgres"][MAJOR]
        # Nothing of the user's own AWS set-up may take part.
        self.env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.env.update({
            "PATH": f"{tools / 'bin'}:{cargo_lambda / 'bin'}:{os.environ['PATH']}",
            "AWS_ENDPOINT_URL": self.stack["aws_endpoint"],
            "AWS_ENDPOINT_URL_S3": self.stack["s3_endpoint"],
            "AWS_ACCESS_KEY_ID": self.stack["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": self.stack["secret_access_key"],
            "AWS_DEFAULT_REGION": self.stack["region"],
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_CHECK_VERSION": "0",
            "CARGO_LAMBDA_COMPILER": "cargo",
            "PGPASSWORD": self.server["password"],
        })
        # The deployment's own files go to the local Lambda, not to the vault.
        self.deploy_env = {**self.env, "AWS_ENDPOINT_URL_S3": self.stack["aws_endpoint"]}

    def psql(self, *words: str, database: str = "postgres", refused: bool = False) -> str:
        return run([self.stack["psql"], "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", self.server["port"],
                    "-U", "postgres", "-d", database, *words], env=self.env, refused=refused)

    def aws(self, *words: str, show: bool = True, env: dict = None, refused: bool = False) -> dict:
        """Runs the aws CLI; its JSON, or what it says when it is to be refused."""
        if show:
            command(["aws", *words])
        said = run(["aws", *words, "--output", "json"], env=env or self.env, refused=refused)
        return {"error": said} if refused else json.loads(said or "{}")

    def build(self) -> None:
        step(2, "Building the functions")
        if self.built:
            say(f"taking {self.built}")
            return
        # sam build shows nothing of the compiler's. So this comes first, and sam finds it done.
        argv = ["cargo", "lambda", "build", "--release", "--bin", "backup-database", "--bin", "backup-files", "--bin", "restore"]
        command(argv, "CARGO_LAMBDA_COMPILER=cargo")
        run_shown(argv, self.state / "compile.log", env=self.env, cwd=place.CHECKOUT)
        self.built = place.local_dir() / "aws-sam"
        argv = ["sam", "build", "--beta-features", "--parameter-overrides", "Architecture=x86_64", "--build-dir", self.built]
        command(argv, "CARGO_LAMBDA_COMPILER=cargo")
        run_shown(argv, self.state / "build.log", env=self.env, cwd=place.CHECKOUT)
        newer = sorted({version for program in self.built.glob("*/bootstrap") for version in glibc.too_new(program)})
        if newer:
            say(f"these programs need glibc {', '.join(newer)}: they run here, and not on Lambda. `make deploy` builds with zig")

    def secret(self, name: str, value: dict) -> str:
        """Makes or replaces a secret, by a file so that it never is an argument; its ARN."""
        file = self.state / "secret.json"
        process.write_private(file, json.dumps(value))
        try:
            known = [secret for secret in self.aws("secretsmanager", "list-secrets", show=False).get("SecretList", [])
                     if secret["Name"] == name]
            act = ["put-secret-value", "--secret-id"] if known else ["create-secret", "--name"]
            return self.aws("secretsmanager", act[0], act[1], name, "--secret-string", f"file://{file}", show=False)["ARN"]
        finally:
            file.unlink()

    def recipients(self) -> dict:
        """Who can read the backups: a KMS key, an escrow whose private key AWS never sees, and a wrapping key."""
        private, public = self.state / "escrow.pem", self.state / "escrow-public.pem"
        if not public.exists():
            command(["openssl", "genrsa", "-out", "escrow.pem", "4096"])
            run(["openssl", "genrsa", "-out", private, "4096"], env=self.env)
            private.chmod(0o600)
            run(["openssl", "rsa", "-in", private, "-pubout", "-out", public], env=self.env)
        return {
            "KmsKey": self.aws("kms", "create-key", "--description", "Offsite demo")["KeyMetadata"]["Arn"],
            "RsaRecipients": json.dumps({"escrow": public.read_text()}),
            "WrappingKeysSecret": self.secret(f"{STACK}-wrapping-keys", {"demo-1": secrets.token_hex(32)}),
        }

    def deploy(self) -> None:
        step(3, "Making the vault, the keys and the database's secret, and deploying the functions")
        self.aws("s3api", "create-bucket", "--bucket", self.vault, "--object-lock-enabled-for-bucket")
        lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
        self.aws("s3api", "put-object-lock-configuration", "--bucket", self.vault, "--object-lock-configuration", json.dumps(lock))
        parameters = {
            "Environment": "demo", "VaultBucket": self.vault, "VaultOwner": self.stack["account_id"], "LockDays": "1",
            "DatabaseSecret": self.secret(f"{STACK}-database", {
                "engine": "postgres", "host": "127.0.0.1", "port": self.server["port"], "username": "postgres",
                "password": self.server["password"], "dbname": "shop"}),
            "FilesBucket": self.bucket, "RestoreFunction": "true", "AlarmEmail": "you@example.com", "SslRootCertificate": Path(self.server["ca"]).read_text(), "Architecture": "x86_64", **self.recipients()}
        # JSON is YAML; and sam reads the file, because PEM texts are no words for a command line.
        file = self.state / "parameters.yaml"
        process.write_private(file, json.dumps(parameters, indent=2))
        artifacts = f"{STACK}-artifacts"
        self.aws("s3api", "create-bucket", "--bucket", artifacts, show=False, env=self.deploy_env)
        argv = ["sam", "deploy", "--template-file", self.built / "template.yaml", "--stack-name", STACK, "--s3-bucket", artifacts,
                "--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset", "--no-fail-on-empty-changeset",
                "--parameter-overrides", f"file://{file}"]
        command(argv)
        run_shown(argv, self.state / "deploy.log", env=self.deploy_env, cwd=place.CHECKOUT)

    def load(self) -> None:
        step(4, f"Loading a shop's database into PostgreSQL {self.server['version']}")
        self.psql("-c", "DROP DATABASE IF EXISTS shop WITH (FORCE)", "-c", "CREATE DATABASE shop")
        self.psql("-f", str(Path(__file__).with_name("sample.sql")), database="shop")
        tables, rows = map(int, self.psql("-c", COUNT, database="shop").split("|"))
        if (tables, rows) != (TABLES, ROWS):
            raise Broken(f"the sample has {rows} rows in {tables} tables instead of {ROWS} in {TABLES}")
        self.bytes = int(self.psql("-c", "SELECT pg_database_size('shop')"))
        holds(f"{rows:,} rows in {tables} tables, {console.size(self.bytes)}, with a large object, a materialised view, partitions")
        self.before = self.dump()

    def files(self, act: str) -> str:
        return run([self.boto3, Path(__file__).with_name("bucket.py"), act, self.bucket], env=self.env)

    def load_files(self) -> None:
        step(5, "Filling the shop's bucket")
        self.files("fill")
        self.files_before = json.loads(self.files("describe"))
        self.files_bytes = sum(file["bytes"] for file in self.files_before.values())
        holds(f"{len(self.files_before)} files, {console.size(self.files_bytes)}, with metadata, tags, and keys that are no paths")

    def dump(self) -> str:
        return run([self.stack["pg_dump"], "-h", "127.0.0.1", "-p", self.server["port"], "-U", "postgres", "shop"], env=self.env)

    def invoke(self, function: str, event: dict) -> dict:
        """Invokes a function as its users should: no retry of a call that may have worked, and time to wait for it."""
        answer = self.state / f"{function}.json"
        argv = ["aws", "lambda", "invoke", "--function-name", f"{STACK}-{function}", "--cli-read-timeout", "910",
                "--payload", json.dumps(event), answer]
        command(argv, "AWS_MAX_ATTEMPTS=1")
        if function == "backup-database" and not self.took:
            # The newest that a package registry has is version 1, which refuses the option.
            say("(version 2 of the aws CLI also wants --cli-binary-format raw-in-base64-out)")
        began = time.monotonic()
        said = json.loads(run([*argv, "--output", "json"], env={**self.env, "AWS_MAX_ATTEMPTS": "1"}))
        self.took[function] = time.monotonic() - began
        report = json.loads(answer.read_text())
        say(json.dumps(report, indent=2))
        if "FunctionError" in said or not isinstance(report, dict) or report.get("status") != "ok":
            raise Broken(f"{function} failed: {said}")
        return report

    def backup(self) -> None:
        step(6, "Backing up")
        self.id = self.invoke("backup-database", {})["backup"]
        holds(f"the database, in {self.took['backup-database']:.1f} s")
        report = self.invoke("backup-files", {})
        self.files_id = report["backup"]
        if report["files"] != len(self.files_before):
            raise Broken(f"{report['files']} of {len(self.files_before)} files are in the backup")
        holds(f"the files, in {self.took['backup-files']:.1f} s")

    def look(self) -> None:
        step(7, "Looking into the vault")
        listed = self.aws("s3api", "list-object-versions", "--bucket", self.vault)
        self.objects = listed.get("Versions", [])
        for entry in self.objects:
            kept = self.aws("s3api", "get-object-retention", "--bucket", self.vault, "--key", entry["Key"], "--version-id",
                            entry["VersionId"], show=False)["Retention"]
            entry["Kept"] = kept["RetainUntilDate"]
            say(f"{console.size(entry['Size']):>10}  {kept['Mode']} until {kept['RetainUntilDate'][:19]}  {entry['Key']}")
            if kept["Mode"] != "COMPLIANCE":
                raise Broken(f"{entry['Key']} is not locked")
        if any(self.id not in entry["Key"] and self.files_id not in entry["Key"] for entry in self.objects) or "DeleteMarkers" in listed:
            raise Broken("the vault holds something else than the backups")
        summary = next((entry["Key"] for entry in self.objects if entry["Key"].endswith("/summary.json")), None)
        if not summary:
            raise Broken("the vault holds no summary.json")
        file = self.state / "summary.json"
        self.aws("s3api", "get-object", "--bucket", self.vault, "--key", summary, str(file))
        say(json.dumps(json.loads(file.read_text()), indent=2))

    def attack(self) -> None:
        step(8, "Trying to delete the backup, with all rights on the bucket")
        volume = next(entry for entry in self.objects if "/volume-" in entry["Key"])
        words = ["--bucket", self.vault, "--key", volume["Key"], "--version-id", volume["VersionId"]]
        refusal = self.aws("s3api", "delete-object", *words, refused=True)["error"].strip()
        say(refusal)
        if "AccessDenied" not in refusal:
            raise Broken("the refusal is not an AccessDenied")
        self.aws("s3api", "head-object", *words, show=False)
        holds("AccessDenied, and the volume is still there")

    def lose(self) -> None:
        step(9, "Losing the database, and a third of the files")
        command(["psql", "-c", "DROP DATABASE shop"])
        self.psql("-c", "DROP DATABASE shop WITH (FORCE)")
        say(self.psql("-c", "SELECT 1", database="shop", refused=True).strip())
        self.files("damage")
        left = json.loads(self.files("describe"))
        lost = sum(left.get(key) != file for key, file in self.files_before.items())
        say(f"{len(self.files_before) - len(left)} files are deleted, and {lost - len(self.files_before) + len(left)} overwritten")

    def restore(self) -> None:
        step(10, "Restoring")
        self.invoke("restore", {"kind": "database", "backup": self.id, "into": "shop"})
        self.took["restore-database"] = self.took["restore"]
        holds(f"the database, in {self.took['restore']:.1f} s")
        report = self.invoke("restore", {"kind": "files", "backup": self.files_id, "overwrite": "if-different"})
        if report["selected"] != len(self.files_before) or report["written"] + report["unchanged"] != report["selected"]:
            raise Broken("the counts of the restore do not add up")
        holds(f"the files, in {self.took['restore']:.1f} s: {report['written']} written, {report['unchanged']} found unchanged")

    def compare(self) -> None:
        step(11, "Comparing before and after: what pg_dump says of the database, and S3 of the files")
        tables, rows = map(int, self.psql("-c", COUNT, database="shop").split("|"))
        left = self.psql("-c", "SELECT datname FROM pg_database WHERE datname LIKE '%restoring%'").split()
        found = dumps.difference(self.before, self.dump())
        if found:
            raise Broken(f"the restored database differs\n{found}")
        if (tables, rows) != (TABLES, ROWS) or left:
            raise Broken(f"the restored server has {rows} rows in {tables} tables, and left behind {left}")
        after = json.loads(self.files("describe"))
        differ = [key for key in self.files_before.keys() | after.keys() if self.files_before.get(key) != after.get(key)]
        if differ:
            raise Broken(f"{len(differ)} files differ, such as {differ[:5]}")
        holds(f"equal: the schema, {rows:,} rows in {tables} tables, sequences, grants, the large object")
        holds(f"equal: {len(after)} files, byte for byte, with headers, metadata, tags and storage classes")

    def summarise(self) -> None:
        stored = sum(entry["Size"] for entry in self.objects)
        for name, text in (
                ("", console.paint("1;32", "Everything is as promised.")),
                ("backed up", f"{ROWS:,} rows in {TABLES} tables, {console.size(self.bytes)}, in {self.took['backup-database']:.1f} s"),
                ("and", f"{len(self.files_before)} files, {console.size(self.files_bytes)}, in {self.took['backup-files']:.1f} s"),
                ("stored", f"{console.size(stored)}, compressed and encrypted, in {len(self.objects)} objects"),
                ("where", f"s3://{self.vault}/demo/"),
                ("locked", f"until {self.objects[0]['Kept'][:19]}; deleting it was refused"),
                ("restored", f"{ROWS:,} rows in {self.took['restore-database']:.1f} s, the files in {self.took['restore']:.1f} s"),
                ("proof", "pg_dump says the same before and after, and so does S3 of every file and its metadata"),
                ("whole demo", f"{time.monotonic() - console.STARTED:.0f} s")):
            print(f"   {name:11} {text}" if name else f"\n{text}", flush=True)

    def steps(self) -> list:
        return [self.install, self.build, self.deploy, self.load, self.load_files, self.backup, self.look, self.attack, self.lose, self.restore,
                self.compare, self.summarise]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--built", type=Path, help="deploy what an earlier `sam build` left in this folder")
    arguments.add_argument("--keep", action="store_true", help="leave the servers running, to look around")
    chosen = arguments.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("demo: ended by SIGTERM"))
    before = {name for name, record in process.records().items() if process.is_alive(record)}
    try:
        for act in Demo(chosen.built and chosen.built.resolve()).steps():
            act()
        return 0
    except (Broken, pinned.InstallFailed) as failure:
        print(console.paint("1;31", f"\ndemo: not as promised: {failure}"), file=sys.stderr, flush=True)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted", file=sys.stderr, flush=True)
        return 130
    finally:
        ours = [name for name, record in process.records().items() if name not in before and process.is_alive(record)]
        if ours and not chosen.keep:
            words = [name.replace("postgres-", "postgres=") for name in ours]
            subprocess.run([sys.executable, str(place.HERE / "stack.py"), "down", *words], check=False)


if __name__ == "__main__":
    sys.exit(main())
