"""An application on the local AWS, and Offsite deployed for it: database, bucket, vault, keys, stack."""

import io
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "local"))

import place  # noqa: E402
import process  # noqa: E402
import staged  # noqa: E402

MAJOR = "17"
STACK = json.loads((place.local_dir() / "stack.json").read_text())


class Refused(Exception):
    """A deployment that did not happen; the text is what sam said."""


def client(service: str, **options):
    return boto3.client(
        service, endpoint_url=STACK["aws_endpoint"], region_name=STACK["region"], aws_access_key_id=STACK["access_key_id"],
        aws_secret_access_key=STACK["secret_access_key"],
        config=Config(read_timeout=910, retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}), **options)


def psql(sql: str, database: str = "postgres") -> str:
    server = STACK["postgres"][MAJOR]
    argv = [STACK["psql"], "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", server["host"], "-p", str(server["port"]), "-U", server["user"],
            "-d", database, "-c", sql]
    return subprocess.run(argv, env={**os.environ, "PGPASSWORD": server["password"]}, check=True, capture_output=True, text=True).stdout


class Deployment:
    """Made once, and used by all checks."""

    def __init__(self, **changed):
        self.name = f"offsite-{secrets.token_hex(4)}"
        self.environment = f"test-{secrets.token_hex(4)}"
        self.database = self.name.replace("-", "_")
        self.vault, self.files = f"{self.name}-vault", f"{self.name}-files"
        self.folder = place.local_dir() / "deploy" / self.name
        self.changed = changed
        self.aws = {name: client(name) for name in ("s3", "lambda", "iam", "logs", "cloudformation", "sqs", "sns", "scheduler", "secretsmanager", "kms")}

    def secret(self, name: str, value: dict) -> str:
        return self.aws["secretsmanager"].create_secret(Name=f"{self.name}-{name}", SecretString=json.dumps(value))["ARN"]

    def put_files(self) -> None:
        """One that is read and written in parts, a few that are not, all with tags."""
        for number, size in enumerate((9 << 20, 100, 10, 0)):
            self.aws["s3"].put_object(Bucket=self.files, Key=f"file-{number}", Body=os.urandom(size), Tagging="kind=invoice",
                                      Metadata={"number": str(number)})

    def make_source(self) -> dict:
        """The application, the vault and the keys; the parameters that name them."""
        psql(f'CREATE DATABASE "{self.database}"')
        psql("CREATE TABLE orders AS SELECT n, md5(n::text) AS what FROM generate_series(1, 1000) n", self.database)
        # It backs up, and can't restore.
        reader, password = f"{self.database}_backup", secrets.token_hex(16)
        psql(f"CREATE ROLE {reader} LOGIN PASSWORD '{password}'; GRANT pg_read_all_data TO {reader}")
        s3 = self.aws["s3"]
        s3.create_bucket(Bucket=self.files)
        self.put_files()
        s3.create_bucket(Bucket=self.vault, ObjectLockEnabledForBucket=True)
        s3.put_object_lock_configuration(Bucket=self.vault, ObjectLockConfiguration={
            "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
        server = STACK["postgres"][MAJOR]
        return {
            "Environment": self.environment, "VaultBucket": self.vault, "VaultOwner": STACK["account_id"], "LockDays": "1",
            # As RDS manages it: no more than a login.
            "DatabaseSecret": self.secret("database", {"username": reader, "password": password}),
            "RestoreSecret": self.secret("restore", {"username": server["user"], "password": server["password"]}),
            "DatabaseHost": server["host"], "DatabasePort": str(server["port"]), "DatabaseName": self.database,
            "SslRootCertificate": Path(server["ca"]).read_text(), "FilesBucket": self.files,
            "KmsKey": self.aws["kms"].create_key()["KeyMetadata"]["Arn"],
            "WrappingKeysSecret": self.secret("keys", {"test-1": secrets.token_hex(32)}), "WithoutEscrow": "true",
            "RestoreFunction": "true", "AlarmEmail": "nobody@example.com", "ScheduleState": "DISABLED",
        }

    def deploy(self, parameters: dict) -> None:
        """Runs `sam deploy`, as anyone would."""
        template = staged.stage(self.folder, {"AWS_ENDPOINT_URL_S3": STACK["aws_endpoint"]})
        file = self.folder / "parameters.yaml"
        process.write_private(file, json.dumps(parameters))
        artifacts = "offsite-test-artifacts"
        self.aws["s3"].create_bucket(Bucket=artifacts)
        argv = [str(Path(sys.executable).parent / "sam"), "deploy", "--template-file", str(template), "--stack-name", self.name,
                "--s3-bucket", artifacts, "--capabilities", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset",
                "--no-progressbar", "--parameter-overrides", f"file://{file}"]
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env.update({
            "AWS_ENDPOINT_URL": STACK["aws_endpoint"], "AWS_ACCESS_KEY_ID": STACK["access_key_id"],
            "AWS_SECRET_ACCESS_KEY": STACK["secret_access_key"], "AWS_DEFAULT_REGION": STACK["region"], "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true", "SAM_CLI_TELEMETRY": "0", "SAM_CLI_CHECK_VERSION": "0"})
        done = subprocess.run(argv, env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False)
        if done.returncode != 0:
            raise Refused(done.stdout)

    def make(self) -> "Deployment":
        self.parameters = {**self.make_source(), **self.changed}
        self.deploy(self.parameters)
        return self

    def invoke(self, function: str, event: dict) -> dict:
        """The report, or the error as `errorMessage`."""
        answer = self.aws["lambda"].invoke(FunctionName=f"{self.name}-{function}", Payload=json.dumps(event))
        return json.load(io.TextIOWrapper(answer["Payload"]))

    def log(self, function: str) -> list:
        """The lines of a function's log that are JSON objects."""
        events = self.aws["logs"].filter_log_events(logGroupName=f"/aws/lambda/{self.name}-{function}")["events"]
        lines = [line for event in events for line in event["message"].splitlines()]
        return [json.loads(line) for line in lines if line.startswith("{")]

    def stored(self) -> list:
        return [entry["Key"] for entry in self.aws["s3"].list_objects_v2(Bucket=self.vault).get("Contents", [])]

    def end(self) -> None:
        try:
            self.aws["cloudformation"].delete_stack(StackName=self.name)
            self.aws["cloudformation"].get_waiter("stack_delete_complete").wait(StackName=self.name, WaiterConfig={"Delay": 1})
        except ClientError as error:
            print(f"deployment: {error}", file=sys.stderr)
        psql(f'DROP DATABASE IF EXISTS "{self.database}" WITH (FORCE)')
        psql(f'DROP ROLE IF EXISTS "{self.database}_backup"')


def wait_for(what: str, look, seconds: float = 120):
    """What `look` gives as soon as that is true."""
    give_up = time.monotonic() + seconds
    while time.monotonic() < give_up:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    raise TimeoutError(f"{what} did not happen in {seconds} s")
