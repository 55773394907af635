"""Offsite deployed on paper: the templates with example parameters, in two accounts, and the policies that come of it."""

import intrinsics
from packages import place

APPLICATION, VAULT, STRANGER = "111111111111", "222222222222", "333333333333"
ENVIRONMENT, REGION = "production", "eu-west-1"
DEPLOYER = f"arn:aws:iam::{VAULT}:role/deployer"
BUCKET, FILES, OLDER = "vault-1", "shop-files", "older-backups"
KEY = f"arn:aws:kms:{REGION}:{VAULT}:key/11111111-1111-1111-1111-111111111111"
TOPIC = f"arn:aws:sns:{REGION}:{APPLICATION}:oncall"
VAULT_TOPIC = f"arn:aws:sns:{REGION}:{VAULT}:vault-alarms"
QUEUE = f"arn:aws:sqs:{REGION}:{APPLICATION}:offsite-Undelivered"
DATABASE_SECRET = f"arn:aws:secretsmanager:{REGION}:{APPLICATION}:secret:shop-database-AbCdEf"


def template(name: str) -> dict:
    return intrinsics.read(place.CHECKOUT / name)


def vault(parameters: dict = None, *, change=None, account: str = VAULT) -> intrinsics.Stack:
    """`infra/vault.yaml`. `change` may alter the template first, to show that it is noticed."""
    read = template("infra/vault.yaml")
    if change:
        change(read)
    given = {"Environment": ENVIRONMENT, "ApplicationAccount": APPLICATION, "DeployingRole": DEPLOYER, **(parameters or {})}
    return intrinsics.Stack(read, given, account, REGION, names={"Vault": BUCKET, "Alarms": VAULT_TOPIC, "Vault.Arn": f"arn:aws:s3:::{BUCKET}", "Key.Arn": KEY})


def verify(parameters: dict = None, *, change=None) -> intrinsics.Stack:
    """`infra/verify.yaml` beside the vault."""
    read = template("infra/verify.yaml")
    if change:
        change(read)
    given = {"Environment": ENVIRONMENT, "VaultBucket": BUCKET, "KmsKey": KEY, "AlarmTopic": VAULT_TOPIC, **(parameters or {})}
    return intrinsics.Stack(read, given, VAULT, REGION)


def application(parameters: dict = None, *, change=None) -> intrinsics.Stack:
    """`template.yaml` with all that it can have, and what it nests. `change` may alter the template of the roles."""
    given = {
        "Environment": ENVIRONMENT, "VaultBucket": BUCKET, "VaultOwner": VAULT, "KmsKey": KEY, "DatabaseSecret": DATABASE_SECRET,
        "FilesBucket": FILES, "WithoutEscrow": "true", "RestoreFunction": "true", "AlarmEmail": "somebody@example.com", **(parameters or {})}

    def nested(parent: intrinsics.Stack, name: str, path: str, inner: dict) -> intrinsics.Stack:
        if path == "infra/vault.yaml":
            return vault(inner, account=APPLICATION)
        read = template(path)
        if change and name == "Roles":
            change(read)
        return intrinsics.Stack(read, inner, parent.account, parent.region, nested=nested)

    return intrinsics.Stack(intrinsics.without_sam(template("template.yaml"), given), given, APPLICATION, REGION, names={"Undelivered.Arn": QUEUE}, nested=nested)


def role_policies(roles: intrinsics.Stack, role: str) -> list:
    """The policies of the role `offsite-production-ROLE` among a stack's, those that it shares with others too."""
    name = f"offsite-{ENVIRONMENT}-{role}"
    (logical, found), = ((logical, properties) for logical, properties in roles.resources("AWS::IAM::Role").items() if properties["RoleName"] == name)
    shared = [policy for policy in roles.resources("AWS::IAM::Policy").values() if roles.value(logical) in policy["Roles"]]
    return [policy["PolicyDocument"] for policy in [*found["Policies"], *shared]]
