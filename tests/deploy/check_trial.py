"""A trial in one account: the stack makes a vault of its own, which locks for a day, and watches it."""

import copy
import io
import json
import time
import unittest

from deployment import Deployment, client


def setUpModule():
    global site
    site = Deployment(VaultBucket="", VaultOwner="", LockDays="35", KmsKey="", WrappingKeysSecret="",
                      DeployingRole="arn:aws:iam::000000000000:role/deployer")
    unittest.addModuleCleanup(site.end)
    site.make()


def variables(function: str) -> dict:
    return site.aws["lambda"].get_function_configuration(FunctionName=function)["Environment"]["Variables"]


class Trial(unittest.TestCase):
    def test_functions_and_roles_know_the_vault_and_the_key_that_the_stack_made(self):
        known = variables(f"{site.name}-backup-database")
        vault, key = known["OFFSITE_VAULT_BUCKET"], known["OFFSITE_KMS_KEY"]
        self.assertIn(vault, [bucket["Name"] for bucket in site.aws["s3"].list_buckets()["Buckets"]])
        self.assertTrue(site.aws["kms"].describe_key(KeyId=key)["KeyMetadata"]["Enabled"])
        # A trial is over the next day, whatever LockDays says.
        self.assertEqual(known["OFFSITE_LOCK_DAYS"], "1")
        schedule = site.aws["scheduler"].get_schedule(Name=f"{site.name}-backup-database")
        self.assertIn("locked for 1 days and deleted after 3", schedule["Description"])
        for function, prefix in (("backup-database", "database/*"), ("backup-files", "files/*"), ("restore", "*")):
            policy = site.aws["iam"].get_role_policy(RoleName=f"offsite-{site.environment}-{function}", PolicyName=function)["PolicyDocument"]
            resources = {statement["Resource"] for statement in policy["Statement"] if isinstance(statement["Resource"], str)}
            self.assertLessEqual({f"arn:aws:s3:::{vault}/{site.environment}/{prefix}", key}, resources)
        # The vault knows the roles by the same names.
        allowed = json.dumps(json.loads(site.aws["s3"].get_bucket_policy(Bucket=vault)["Policy"]))
        for function in ("backup-database", "backup-files", "restore"):
            self.assertIn(f"role/offsite-{site.environment}-{function}", allowed)


class Watch(unittest.TestCase):
    """The watch of the trial's vault, which is the one of two accounts."""

    @classmethod
    def setUpClass(cls):
        cls.name, cls.driller = f"offsite-{site.environment}-verify", f"offsite-{site.environment}-drill"
        cls.vault = variables(cls.name)["OFFSITE_VAULT_BUCKET"]
        # The vault's policy refuses connections without TLS, of which there is none here.
        policy = site.aws["s3"].get_bucket_policy(Bucket=cls.vault)["Policy"]
        site.aws["s3"].delete_bucket_policy(Bucket=cls.vault)
        cls.addClassCleanup(site.aws["s3"].put_bucket_policy, Bucket=cls.vault, Policy=policy)
        # The local CloudFormation makes neither of these.
        lock = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}}
        site.aws["s3"].put_object_lock_configuration(Bucket=cls.vault, ObjectLockConfiguration=lock)
        expire = {"ID": "Expire", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 2}, "NoncurrentVersionExpiration": {"NoncurrentDays": 1}}
        site.aws["s3"].put_bucket_lifecycle_configuration(Bucket=cls.vault, LifecycleConfiguration={"Rules": [expire]})

    def run_as(self, event: dict, function: str = "") -> dict:
        answer = site.aws["lambda"].invoke(FunctionName=function or self.name, Payload=json.dumps(event))
        return json.load(io.TextIOWrapper(answer["Payload"]))

    def look(self) -> dict:
        report = self.run_as({"mode": "watch"})
        self.assertIn("status", report)
        return report

    def test_it_needs_all_that_its_role_may_do(self):
        # A summary to read.
        backup = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-shop-0123456789abcdef"
        key = f"{site.environment}/database/{backup[:4]}/{backup[4:6]}/{backup[6:8]}/{backup}/summary.json"
        site.aws["s3"].put_object(Bucket=self.vault, Key=key, Body=b"{}")
        seen = self.look()
        self.assertEqual({"late": 2, "summary_disagrees": 1}, seen["counts"], seen)
        self.assertEqual(1, seen["locks_read"])
        self.assertNotIn("alarms", seen)
        document = site.aws["iam"].get_role_policy(RoleName=self.name, PolicyName="verify")["PolicyDocument"]
        # Lambda writes the log and tells of failures by these. And to look, nothing is opened.
        for number, statement in enumerate(document["Statement"]):
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            for action in actions if statement["Sid"] not in ("WriteLog", "TellOfFailure", "OpenDataKeys") else []:
                lacking = copy.deepcopy(document)
                lacking["Statement"][number]["Action"] = [other for other in actions if other != action]
                lacking["Statement"] = [left for left in lacking["Statement"] if left["Action"]]
                with self.subTest(action):
                    site.aws["iam"].put_role_policy(RoleName=self.name, PolicyName="verify", PolicyDocument=json.dumps(lacking))
                    try:
                        seen = self.look()
                    finally:
                        site.aws["iam"].put_role_policy(RoleName=self.name, PolicyName="verify", PolicyDocument=json.dumps(document))
                    if action == "sns:GetTopicAttributes":
                        self.assertIn("not checked whether anybody hears an alarm", seen["alarms"])
                    else:
                        self.assertTrue([one for one in seen["wrong"] if one["name"] == "not_read" and "AccessDenied" in one["what"]], seen)

    def test_every_metric_of_its_alarms_is_emitted_with_these_dimensions(self):
        self.look()
        for kind in ("database", "files"):
            self.assertIn("has no backup", self.run_as({"mode": "check", "kind": kind})["errorMessage"])
        events = site.aws["logs"].filter_log_events(logGroupName=f"/aws/lambda/{self.name}")["events"]
        lines = [json.loads(line) for event in events for line in event["message"].splitlines() if line.startswith('{"')]
        measured = {line["Function"]: line for line in lines if "_aws" in line}
        self.assertEqual({"watch", "check-database", "check-files"}, set(measured))
        alarms = [alarm for page in client("cloudwatch").get_paginator("describe_alarms").paginate() for alarm in page["MetricAlarms"]
                  if alarm["AlarmName"].startswith(f"offsite-{site.environment}-")]
        self.assertEqual(12, len(alarms))
        for alarm in alarms:
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
            if alarm["Namespace"] == "Offsite":
                line = measured[dimensions["Function"]]
                self.assertIn(alarm["MetricName"], line)
                self.assertEqual(dimensions, {name: line[name] for name in dimensions}, alarm["AlarmName"])
            else:
                self.assertIn(dimensions, [{"FunctionName": name} for name in (self.name, self.driller)])

    def test_drill_looks_for_backups_with_a_role_of_its_own(self):
        # The local IAM knows no conditions on KMS, so there is no backup that it could open.
        drill = {"mode": "drill", "kind": "files"}
        self.assertIn("has no backup", self.run_as(drill, self.driller)["errorMessage"])
        document = site.aws["iam"].get_role_policy(RoleName=self.driller, PolicyName="drill")["PolicyDocument"]
        lacking = copy.deepcopy(document)
        lacking["Statement"] = [left for left in lacking["Statement"] if left["Sid"] != "FindBackups"]
        site.aws["iam"].put_role_policy(RoleName=self.driller, PolicyName="drill", PolicyDocument=json.dumps(lacking))
        try:
            self.assertIn("AccessDenied", self.run_as(drill, self.driller)["errorMessage"])
        finally:
            site.aws["iam"].put_role_policy(RoleName=self.driller, PolicyName="drill", PolicyDocument=json.dumps(document))


if __name__ == "__main__":
    unittest.main()
