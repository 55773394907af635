"""Where the steps run: a vault of their own in the user's accounts, and a role that writes to it."""

import json
import re
import secrets
import sys
import time

import boto3
import botocore.exceptions

from steps import DEPLOYED, KMS, LOCK, PERSON, POLICIES, STACK, NotAsPromised

PREFIX = "offsite"


class Refused(Exception):
    """The run does not begin, and why."""


class Accounts:
    """The two accounts, by profiles of the AWS CLI, and what is made in them."""

    def __init__(self, chosen, checkout):
        self.chosen, self.checkout = chosen, checkout
        self.region, self.email, self.stack = chosen.region, chosen.email, chosen.stack
        self.environment = f"smoke-{secrets.token_hex(3)}"
        self.vault_stack, self.writer_role = f"{PREFIX}-{self.environment}", f"{PREFIX}-{self.environment}-backup-database"
        self.has = {LOCK, POLICIES, KMS, DEPLOYED} | ({STACK} if self.stack else set()) | ({PERSON} if self.email else set())
        self.left, self.bucket, self.written = [], None, None
        self.sessions = {side: boto3.Session(profile_name=getattr(chosen, f"{side}_profile"), region_name=self.region)
                         for side in ("vault", "application")}

    def vault(self, service: str, **options):
        return self.sessions["vault"].client(service, **options)

    def application(self, service: str, **options):
        return self.sessions["application"].client(service, **options)

    def writer(self, service: str, **options):
        return self.sessions["writer"].client(service, **options)

    def say(self, text: str) -> None:
        print(f"      {text}", flush=True)

    def ask(self, question: str) -> None:
        if input(f"      {question} [yes/no] ").strip().lower() != "yes":
            raise NotAsPromised("it has not come")

    def leaves(self, what: str) -> None:
        self.left.append(what)

    def check(self) -> None:
        """Refuses accounts other than those that were named."""
        if self.chosen.vault_account == self.chosen.application_account:
            raise Refused("both accounts are the same: the vault's must be another one")
        for side in ("vault", "application"):
            named, found = getattr(self.chosen, f"{side}_account"), self.sessions[side].client("sts").get_caller_identity()
            if found["Account"] != named:
                raise Refused(f"the profile of the {side} is of account {found['Account']}, and {named} was named")
            if side == "vault":
                self.caller = self.role_of(found["Arn"])

    def role_of(self, arn: str) -> str:
        """The ARN of the role behind a session, with its path; a user's own."""
        assumed = re.fullmatch(r"arn:[^:]+:sts::\d+:assumed-role/([^/]+)/.*", arn)
        if arn.endswith(":root"):
            raise Refused("the vault's profile is the root user's: take a role")
        return self.vault("iam").get_role(RoleName=assumed[1])["Role"]["Arn"] if assumed else arn

    def make(self) -> None:
        """The vault, by the template as it is, and the role that its policies know as the writer's."""
        formation = self.vault("cloudformation")
        values = {"Environment": self.environment, "ApplicationAccount": self.chosen.application_account, "RolePrefix": PREFIX, "LockDays": "1",
                  "DeployingRole": self.caller, "BreakGlassPrincipal": self.caller, "Trail": self.chosen.trail, "AlarmEmail": self.email or ""}
        self.say(f"making the stack {self.vault_stack}")
        self.leaves(f"account {self.chosen.vault_account}: what the stack {self.vault_stack} had made, if it could not be deleted")
        formation.create_stack(StackName=self.vault_stack, TemplateBody=(self.checkout / "infra/vault.yaml").read_text(),
                               Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in values.items()],
                               Capabilities=["CAPABILITY_NAMED_IAM"])
        formation.get_waiter("stack_create_complete").wait(StackName=self.vault_stack, WaiterConfig={"Delay": 5, "MaxAttempts": 60})
        outputs = {output["OutputKey"]: output["OutputValue"] for output in formation.describe_stacks(StackName=self.vault_stack)["Stacks"][0]["Outputs"]}
        self.bucket, self.key, self.break_glass = outputs["VaultBucket"], outputs["KmsKey"], outputs["BreakGlassRole"]
        self.sessions["writer"] = self.make_writer()
        if self.email:
            self.ask(f"AWS has sent a mail to {self.email} to confirm the alarms of this vault. Is it confirmed?")

    def make_writer(self):
        """A role under the writer's name that its own account allows all of S3 and KMS: what holds it back is the vault."""
        identity = self.application("iam")
        trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole",
                                                         "Principal": {"AWS": f"arn:aws:iam::{self.chosen.application_account}:root"}}]}
        everything = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}]}
        role = identity.create_role(RoleName=self.writer_role, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
        identity.put_role_policy(RoleName=self.writer_role, PolicyName="everything", PolicyDocument=json.dumps(everything))
        self.say("waiting until the role can be used")
        time.sleep(15)
        return self.assumed(self.application("sts"), role)

    def assumed(self, service, role: str):
        """A session of a role; a new one takes a while to be known everywhere."""
        for attempt in range(12):
            try:
                given = service.assume_role(RoleArn=role, RoleSessionName="smoke")["Credentials"]
                return boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"], region_name=self.region)
            except botocore.exceptions.ClientError:
                if attempt == 11:
                    raise
                time.sleep(5)

    def end(self) -> None:
        """Deletes what can be deleted; what can't is in `left`."""
        for what, act in (("the role", self.end_writer), ("the key", self.end_key), ("the stack", self.end_stack)):
            try:
                act()
            except (botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError) as error:
                print(f"      {what} stays: {error}", file=sys.stderr, flush=True)

    def end_writer(self) -> None:
        identity = self.application("iam")
        try:
            identity.delete_role_policy(RoleName=self.writer_role, PolicyName="everything")
            identity.delete_role(RoleName=self.writer_role)
        except identity.exceptions.NoSuchEntityException:
            pass

    def end_key(self) -> None:
        """Only the break-glass role may."""
        if self.bucket:
            self.leaves(f"account {self.chosen.vault_account}: the key {self.key}. It is gone after 7 days, unless you read above that it stays")
            session = self.assumed(self.vault("sts"), self.break_glass)
            session.client("kms").schedule_key_deletion(KeyId=self.key, PendingWindowInDays=7)

    def end_stack(self) -> None:
        formation = self.vault("cloudformation")
        logs = [resource["PhysicalResourceId"] for resource in formation.list_stack_resources(StackName=self.vault_stack)["StackResourceSummaries"]
                if resource["LogicalResourceId"] == "Logs"]
        formation.delete_stack(StackName=self.vault_stack)
        formation.get_waiter("stack_delete_complete").wait(StackName=self.vault_stack, WaiterConfig={"Delay": 5, "MaxAttempts": 60})
        del self.left[:1]
        buckets = [*([self.bucket] if self.bucket else []), *logs]
        self.leaves(f"account {self.chosen.vault_account}: the buckets {', '.join(buckets)}. The lock ends in a day, and the lifecycle empties the first within 3 days. "
                    f"Then: make smoke-aws ARGUMENTS='… --finish {','.join(buckets)}'")


def finish(accounts: Accounts, buckets: list) -> None:
    """Days later: the lifecycle must have emptied the vault. Deletes the buckets."""
    vault, *logs = buckets
    s3 = accounts.vault("s3")
    for name in buckets:
        if not name.startswith(f"{PREFIX}-smoke-"):
            raise Refused(f"the bucket {name} is none of a smoke test's")
    found = s3.list_object_versions(Bucket=vault)
    still = len(found.get("Versions", [])), len(found.get("DeleteMarkers", []))
    if still[0]:
        raise NotAsPromised(f"the lifecycle has left {still[0]} versions and {still[1]} markers in {vault}; rules run once a day: come back after 3 days")
    for name in buckets:
        bucket = accounts.sessions["vault"].resource("s3").Bucket(name)
        bucket.object_versions.delete()
        bucket.delete()
        print(f"deleted {name}", flush=True)
