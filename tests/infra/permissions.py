"""Who may do what: the rows of `permissions.txt`, put to a simulator of IAM with the policies of a deployment."""

import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import deployment
from deployment import APPLICATION, BUCKET, DATABASE_SECRET, ENVIRONMENT, FILES, KEY, OLDER, QUEUE, REGION, STRANGER, TOPIC, VAULT, VAULT_TOPIC

HERE = Path(__file__).resolve().parent
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Sid": "Everything", "Effect": "Allow", "Action": "*", "Resource": "*"}]}
SECRET_KEY = f"arn:aws:kms:{REGION}:{APPLICATION}:key/22222222-2222-2222-2222-222222222222"
RESTORE_KEY = f"arn:aws:kms:{REGION}:{APPLICATION}:key/33333333-3333-3333-3333-333333333333"
RESTORE_SECRET = f"arn:aws:secretsmanager:{REGION}:{APPLICATION}:secret:shop-master-AbCdEf"
WRAPPING_KEYS = f"arn:aws:secretsmanager:{REGION}:{APPLICATION}:secret:offsite-wrapping-keys-AbCdEf"
OLDER_PASSWORDS = f"arn:aws:secretsmanager:{REGION}:{APPLICATION}:secret:older-passwords-AbCdEf"
DRILL_SECRET = f"arn:aws:secretsmanager:{REGION}:{VAULT}:secret:drill-server-AbCdEf"
DRILL_KEY = f"arn:aws:kms:{REGION}:{VAULT}:key/44444444-4444-4444-4444-444444444444"
OTHER_SECRET = f"arn:aws:secretsmanager:{REGION}:{APPLICATION}:secret:payments-AbCdEf"
# All that the application's template can give its roles.
GIVEN = {"DatabaseSecretKey": SECRET_KEY, "RestoreSecret": RESTORE_SECRET, "RestoreSecretKey": RESTORE_KEY, "WrappingKeysSecret": WRAPPING_KEYS,
         "OlderBackupsBucket": OLDER, "OlderPasswordsSecret": OLDER_PASSWORDS, "AlarmTopic": TOPIC, "Vpc": "vpc-0a", "Subnets": "subnet-0a", "RouteTables": "rtb-0a"}
# And all that the watch's can.
GIVEN_TO_WATCH = {"DrillDatabaseSecret": DRILL_SECRET, "DrillDatabaseSecretKey": DRILL_KEY, "DrillSubnets": "subnet-0b", "DrillSecurityGroups": "sg-0b"}
PLACES = {"vault": (VAULT, f"arn:aws:s3:::{BUCKET}"), "files": (APPLICATION, f"arn:aws:s3:::{FILES}"), "key": (VAULT, KEY),
          "secret-key": (APPLICATION, SECRET_KEY), "database-secret": (APPLICATION, DATABASE_SECRET),
          "restore-key": (APPLICATION, RESTORE_KEY), "restore-secret": (APPLICATION, RESTORE_SECRET),
          "login": (APPLICATION, f"arn:aws:rds-db:{REGION}:{APPLICATION}:dbuser:db-ABCDEFGHIJKL01234"),
          "log": (APPLICATION, f"arn:aws:logs:{REGION}:{APPLICATION}:log-group:/aws/lambda"),
          **{f"function-{name}": (APPLICATION, f"arn:aws:lambda:{REGION}:{APPLICATION}:function:offsite-{name}")
             for name in ("backup-database", "backup-files", "restore")},
          "network": (APPLICATION, f"arn:aws:ec2:{REGION}:{APPLICATION}:network-interface"),
          "vault-log": (VAULT, f"arn:aws:logs:{REGION}:{VAULT}:log-group:/aws/lambda"), "vault-topic": (VAULT, VAULT_TOPIC),
          "function-verify": (VAULT, f"arn:aws:lambda:{REGION}:{VAULT}:function:offsite-{ENVIRONMENT}-verify"),
          "function-drill": (VAULT, f"arn:aws:lambda:{REGION}:{VAULT}:function:offsite-{ENVIRONMENT}-drill"),
          "drill-secret": (VAULT, DRILL_SECRET), "drill-key": (VAULT, DRILL_KEY), "vault-network": (VAULT, f"arn:aws:ec2:{REGION}:{VAULT}:network-interface"),
          "topic": (APPLICATION, TOPIC), "queue": (APPLICATION, QUEUE),
          "wrapping-keys": (APPLICATION, WRAPPING_KEYS), "other-secret": (APPLICATION, OTHER_SECRET),
          "older": (APPLICATION, f"arn:aws:s3:::{OLDER}"), "older-passwords": (APPLICATION, OLDER_PASSWORDS)}
ACCOUNTS = {"backup-database": APPLICATION, "backup-files": APPLICATION, "restore": APPLICATION, "schedules": APPLICATION,
            "application-admin": APPLICATION,
            "vault-admin": VAULT, "deployer": VAULT, "break-glass": VAULT, "recovery": VAULT, "verify": VAULT, "drill": VAULT,
            "verify-schedule": VAULT, "stranger": STRANGER}
# The roles of the application's stack, and the services that they are allowed something of.
ROLES = ("backup-database", "backup-files", "restore", "schedules")
# Those of the watch, in the vault's account.
WATCHERS = ("verify", "drill", "verify-schedule")
SERVICES = ("ec2", "kms", "lambda", "logs", "rds-db", "s3", "secretsmanager", "sns", "sqs")
# Words of the column `how`, and the keys of the request that they set. None takes a key away.
CIRCUMSTANCES = {
    "if-none-match": {"s3:if-none-match": "*"}, "if-match": {"s3:if-match": "etag"}, "part": {"s3:ObjectCreationOperation": "false"},
    "http": {"aws:SecureTransport": "false", "s3:TlsVersion": None}, "tls": "s3:TlsVersion", "prefix": "s3:prefix",
    "sse-c": {"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"}, "sse": "s3:x-amz-server-side-encryption",
    "class": "s3:x-amz-storage-class", "mode": "s3:object-lock-mode", "days": "s3:object-lock-remaining-retention-days",
    "environment": "kms:EncryptionContext:offsite-environment", "via": "kms:ViaService",
    "program": {"lambda:SourceFunctionArn": f"arn:aws:lambda:{REGION}:{APPLICATION}:function:offsite-restore"},
    "drill-program": {"lambda:SourceFunctionArn": f"arn:aws:lambda:{REGION}:{VAULT}:function:offsite-{ENVIRONMENT}-drill"}}


@dataclass(frozen=True)
class Row:
    who: str
    action: str
    to: str
    how: str
    may: bool

    def __str__(self):
        return f"{self.who} {self.action} {self.to} {self.how} {'yes' if self.may else 'no'}"


def table(*, patterns: bool = False) -> list:
    """The rows that are asked; those that only stand for others if `patterns`."""
    rows = []
    for line in (HERE / "permissions.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            who, action, to, how, may = re.split(r"\s{2,}", line.strip())
            if patterns == (may == "any"):
                rows.append(Row(who, action, to, how, {"yes": True, "no": False, "any": True}[may]))
    return rows


def place(to: str) -> tuple:
    """The account and ARN of a word of the column `to`."""
    name, slash, key = to.partition("/")
    account, arn = PLACES[name]
    return account, arn + slash + key


class Policies:
    """All policies of a deployment, and what a request meets of them."""

    def __init__(self, *, vault: dict = None, application: dict = None, change_vault=None, change_roles=None):
        deployed = deployment.vault(vault, change=change_vault)
        made = deployed.resources()
        self.bucket, self.key = made["VaultPolicy"]["PolicyDocument"], made["Key"]["KeyPolicy"]
        roles = deployment.application({**GIVEN, **(application or {})}, change=change_roles).child("Roles")
        self.own = {role: deployment.role_policies(roles, role) for role in ROLES}
        watch = deployment.verify(GIVEN_TO_WATCH)
        self.own.update({role: deployment.role_policies(watch, role) for role in WATCHERS})
        self.own["break-glass"] = [made["BreakGlassPolicy"]["PolicyDocument"]]
        self.own["recovery"] = [made["RecoveryPolicy"]["PolicyDocument"]]

    def of_resource(self, to: str):
        name = to.partition("/")[0]
        if name in ("secret-key", "restore-key", "drill-key"):
            # As KMS makes a key that its account's policies decide on.
            return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{PLACES[name][0]}:root"},
                                                           "Action": "kms:*", "Resource": "*"}]}
        return {"vault": self.bucket, "key": self.key}.get(name)

    def simulation(self, who: str, action: str, to: str, how: str) -> dict:
        name = who.rstrip("*")
        account = ACCOUNTS[name]
        # The stranger has taken a name that the vault knows.
        role = "deployer" if name == "deployer" else f"offsite-{ENVIRONMENT}-{'backup-database' if name == 'stranger' else name}"
        owner, resource = place(to) if to != "*" else (account, "*")
        policies = [EVERYTHING] if who.endswith("*") else self.own[name]
        return {
            "request": {"principal": f"arn:aws:sts::{account}:assumed-role/{role}/session", "action": action,
                        "resource": {"accountId": owner, "resource": resource},
                        "contextVariables": circumstances(action, how, account, f"arn:aws:iam::{account}:role/{role}")},
            "identityPolicies": [{"name": str(number), "policy": policy} for number, policy in enumerate(policies)],
            "resourcePolicy": self.of_resource(to), "serviceControlPolicies": [], "resourceControlPolicies": []}


def circumstances(action: str, how: str, account: str, principal: str) -> dict:
    context = {"aws:PrincipalArn": principal, "aws:PrincipalAccount": account, "aws:SecureTransport": "true"}
    if action.startswith("s3:"):
        context["s3:TlsVersion"] = "1.3"
    if action == "s3:PutObject":
        context["s3:ObjectCreationOperation"] = "true"
    for word in how.split(",") if how != "-" else []:
        name, _, value = word.partition("=")
        value = f"secretsmanager.{REGION}.amazonaws.com" if name == "via" else value
        meant = CIRCUMSTANCES[name]
        context.update(meant if isinstance(meant, dict) else {meant: value})
    return {name: value for name, value in context.items() if value is not None}


class NotSimulated(Exception):
    """A request that the simulator does not understand as it was meant."""


def ask(packages: Path, simulations: list, *, some_ignored: bool = False) -> tuple:
    """Whether each is allowed, and what the simulator knows of the services' actions: `{NAME: {level, resources}}`.

    A circumstance that the simulator does not apply to the action is an error, unless `some_ignored`.
    """
    done = subprocess.run(["node", str(HERE / "simulate.mjs"), str(packages)], check=False, text=True, capture_output=True,
                          input=json.dumps({"services": SERVICES, "simulations": simulations}))
    if done.returncode != 0:
        raise NotSimulated(done.stderr)
    said = json.loads(done.stdout)
    for simulation, answer in zip(simulations, said["answers"], strict=True):
        if "error" in answer or (answer["ignored"] and not some_ignored):
            raise NotSimulated(f"{simulation['request']}: {answer}")
    return [answer["allowed"] for answer in said["answers"]], said["actions"]
