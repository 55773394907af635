"""A trial in one account: the stack makes a vault of its own, which locks for a day."""

import json
import unittest

from deployment import Deployment


class Trial(unittest.TestCase):
    def test_functions_and_roles_know_the_vault_and_the_key_that_the_stack_made(self):
        site = Deployment(VaultBucket="", VaultOwner="", LockDays="35", KmsKey="", WrappingKeysSecret="",
                          DeployingRole="arn:aws:iam::000000000000:role/deployer")
        self.addCleanup(site.end)
        site.make()
        known = site.aws["lambda"].get_function_configuration(FunctionName=f"{site.name}-backup-database")["Environment"]["Variables"]
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


if __name__ == "__main__":
    unittest.main()
