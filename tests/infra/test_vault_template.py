import unittest

import event_pattern
from deployment import BUCKET, ENVIRONMENT, VAULT, template, vault
from intrinsics import Unresolved

# Days of the lock, and of the deletion after it.
PAIRS = {"1": 3, "7": 12, "35": 40, "90": 95, "365": 370}


def bucket(days: str) -> dict:
    return vault({"LockDays": days}).resources()["Vault"]


class LockAndExpiry(unittest.TestCase):
    def test_only_the_known_pairs_can_be_chosen(self):
        self.assertEqual(list(PAIRS), template("infra/vault.yaml")["Parameters"]["LockDays"]["AllowedValues"])
        with self.assertRaises(Unresolved):
            vault({"LockDays": "30"})

    def test_each_choice_locks_in_compliance_mode_for_its_days(self):
        for days in PAIRS:
            lock = bucket(days)["ObjectLockConfiguration"]
            self.assertEqual(("Enabled", {"Mode": "COMPLIANCE", "Days": days}), (lock["ObjectLockEnabled"], lock["Rule"]["DefaultRetention"]))

    def test_each_choice_deletes_on_its_day_and_never_while_locked(self):
        for days, deleted in PAIRS.items():
            database, files, drills = (rule for rule in bucket(days)["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in rule)
            for expire in (database, files):
                noncurrent = expire["NoncurrentVersionExpiration"]["NoncurrentDays"]
                self.assertEqual(deleted, expire["ExpirationInDays"] + noncurrent, days)
                self.assertGreater(expire["ExpirationInDays"], int(days))
            # The watch may be told to ask for a drill every 730 days, and is to see the last one until then.
            longest = template("infra/verify.yaml")["Parameters"]["RecoveryDrillDays"]["MaxValue"]
            self.assertGreater(drills["ExpirationInDays"], max(longest, int(days)))

    def test_the_lifecycle_reaches_every_object_that_may_be_written_its_markers_and_unfinished_uploads(self):
        *expiring, sweep = bucket("35")["LifecycleConfiguration"]["Rules"]
        self.assertEqual([f"{ENVIRONMENT}/{area}/" for area in ("database", "files", "drills")], [rule["Prefix"] for rule in expiring])
        self.assertNotIn("Prefix", sweep)
        for rule in (*expiring, sweep):
            self.assertEqual("Enabled", rule["Status"])
            self.assertFalse({"TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan"} & rule.keys())
        self.assertTrue(sweep["ExpiredObjectDeleteMarker"])
        self.assertEqual({"DaysAfterInitiation": 1}, sweep["AbortIncompleteMultipartUpload"])
        # S3 refuses a rule that has days and removes markers.
        self.assertNotIn("ExpirationInDays", sweep)

    def test_the_description_names_the_days_of_each_choice(self):
        days = "3, 12, 40, 95 or 370 days"
        self.assertEqual(days, f"{', '.join(map(str, list(PAIRS.values())[:-1]))} or {PAIRS['365']} days")
        self.assertIn(days, " ".join(template("infra/vault.yaml")["Parameters"]["LockDays"]["Description"].split()))


class Bucket(unittest.TestCase):
    def test_what_protects_it_is_on(self):
        made = bucket("35")
        self.assertTrue(made["ObjectLockEnabled"])
        self.assertEqual({"Status": "Enabled"}, made["VersioningConfiguration"])
        self.assertEqual({"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"},
                         {name for name, on in made["PublicAccessBlockConfiguration"].items() if on is True})
        self.assertEqual([{"ObjectOwnership": "BucketOwnerEnforced"}], made["OwnershipControls"]["Rules"])
        default, = made["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        self.assertEqual({"SSEAlgorithm": "AES256"}, default["ServerSideEncryptionByDefault"])

    def test_nobody_can_know_its_name_before(self):
        self.assertNotIn("BucketName", bucket("35"))

    def test_bucket_and_key_outlive_the_stack(self):
        resources = template("infra/vault.yaml")["Resources"]
        for name in ("Vault", "VaultPolicy", "Key"):
            self.assertEqual("Retain", resources[name]["UpdateReplacePolicy"], name)
            self.assertIn(resources[name]["DeletionPolicy"], ("Retain", "RetainExceptOnCreate"), name)


class Alarms(unittest.TestCase):
    def setUp(self):
        self.stack = vault()

    def heard(self, source: str, name: str, parameters: dict = None) -> list:
        """The rules that hear of a call."""
        event = {"source": f"aws.{source}", "detail-type": "AWS API Call via CloudTrail",
                 "detail": {"eventSource": f"{source}.amazonaws.com", "eventName": name, "requestParameters": parameters or {}}}
        return [rule for rule, properties in self.stack.resources("AWS::Events::Rule").items() if event_pattern.matches(properties["EventPattern"], event)]

    def test_whatever_can_end_the_key_or_open_it_to_others_is_told(self):
        for name in ("ScheduleKeyDeletion", "DisableKey", "PutKeyPolicy"):
            self.assertEqual(["TellOfTheKey"], self.heard("kms", name), name)
        self.assertEqual([], self.heard("kms", "Decrypt"))

    def test_a_refused_call_is_told_too(self):
        # It says which key was meant, or it doesn't.
        self.assertEqual(["TellOfTheKey"], self.heard("kms", "ScheduleKeyDeletion", {}))

    def test_changes_of_the_vaults_settings_are_told_and_those_of_other_buckets_are_not(self):
        for name in ("PutBucketPolicy", "DeleteBucketPolicy", "PutBucketVersioning", "PutBucketLifecycle", "PutBucketObjectLockConfiguration",
                     "PutObjectLockConfiguration", "PutBucketPublicAccessBlock", "DeleteBucket"):
            self.assertEqual(["TellOfTheVault"], self.heard("s3", name, {"bucketName": BUCKET}), name)
            self.assertEqual([], self.heard("s3", name, {"bucketName": "another"}), name)

    def test_switching_the_alarms_off_is_told(self):
        for source, name in (("cloudtrail", "StopLogging"), ("cloudtrail", "DeleteTrail"), ("events", "DisableRule"), ("events", "RemoveTargets"),
                             ("sns", "DeleteTopic"), ("sns", "Unsubscribe"), ("monitoring", "DeleteAlarms"), ("scheduler", "UpdateSchedule")):
            self.assertEqual(["TellOfTheWatch"], self.heard(source, name), name)

    def test_every_rule_tells_the_topic_and_the_topic_lets_it(self):
        rules = self.stack.resources("AWS::Events::Rule")
        topic = self.stack.value("Alarms")
        statement = self.stack.resources()["AlarmsPolicy"]["PolicyDocument"]["Statement"][0]
        self.assertEqual({self.stack.value(f"{name}.Arn") for name in rules}, set(statement["Condition"]["ArnEquals"]["aws:SourceArn"]))
        for properties in rules.values():
            target, = properties["Targets"]
            self.assertEqual(topic, target["Arn"])
            transformer = target["InputTransformer"]
            self.assertEqual(set(transformer["InputPathsMap"]), names_in(transformer["InputTemplate"]))
            self.assertTrue(transformer["InputTemplate"].startswith('"') and transformer["InputTemplate"].endswith('"'))
            self.assertIn(ENVIRONMENT, transformer["InputTemplate"])

    def test_an_address_gets_mail_and_none_gets_none(self):
        self.assertNotIn("AlarmsByEmail", self.stack.resources())
        told = vault({"AlarmEmail": "somebody@example.com"}).resources()["AlarmsByEmail"]
        self.assertEqual(("email", "somebody@example.com"), (told["Protocol"], told["Endpoint"]))

    def test_a_trail_is_made_unless_there_is_one(self):
        trail = self.stack.resources()["CallTrail"]
        self.assertTrue(trail["IsLogging"])
        self.assertNotIn("CallTrail", vault({"Trail": "existing"}).resources())


def names_in(text: str) -> set:
    return {part.partition(">")[0] for part in text.split("<")[1:]}


class BreakGlass(unittest.TestCase):
    def trust(self, role: str, **parameters) -> dict:
        statement, = vault(parameters).resources()[role]["AssumeRolePolicyDocument"]["Statement"]
        return statement

    def test_it_asks_for_mfa_unless_somebody_is_named_and_so_does_the_recovery(self):
        for role in ("BreakGlass", "Recovery"):
            anyone = self.trust(role)
            self.assertEqual({"AWS": f"arn:aws:iam::{VAULT}:root"}, anyone["Principal"])
            self.assertEqual({"Bool": {"aws:MultiFactorAuthPresent": "true"}}, anyone["Condition"])

    def test_only_who_is_named_may_take_them(self):
        named = f"arn:aws:iam::{VAULT}:role/security"
        for role in ("BreakGlass", "Recovery"):
            self.assertEqual({"AWS": named}, self.trust(role, BreakGlassPrincipal=named)["Principal"])

    def test_the_policies_know_it_by_its_name(self):
        stack = vault()
        name = stack.resources()["BreakGlass"]["RoleName"]
        for policy in (stack.resources()["VaultPolicy"]["PolicyDocument"], stack.resources()["Key"]["KeyPolicy"]):
            self.assertTrue(any(statement.get("Condition", {}).get("ArnNotEquals", {}).get("aws:PrincipalArn") == f"arn:aws:iam::{VAULT}:role/{name}"
                                for statement in policy["Statement"]))


class Names(unittest.TestCase):
    def test_the_longest_names_fit(self):
        prefix, environment = "a" * 15, "b" * 32
        made = vault({"RolePrefix": prefix, "Environment": environment}).resources()["BreakGlass"]["RoleName"]
        self.assertLessEqual(max(len(made), len(f"{prefix}-{environment}-backup-database")), 64)


if __name__ == "__main__":
    unittest.main()
