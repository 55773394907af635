"""What the template of the watch sets, that no local AWS acts upon."""

import unittest

from deployment import APPLICATION, DEPLOYER, ENVIRONMENT, VAULT, VAULT_TOPIC, application, template, vault, verify

# What the watch measures, by the alarm that tells of it.
FOUND = {"BackupsLate": "Late", "BackupsTampered": "Tampered", "BackupsUnlocked": "Unlocked", "BackupsUnusual": "Unusual",
         "BackupsOverdue": "Overdue", "BackupsUnread": "Unread", "DrillsAreDue": "DrillsDue"}
# The server of the drills, and what belongs to it.
DRILLS = {"DrillDatabaseSecret": f"arn:aws:secretsmanager:eu-west-1:{VAULT}:secret:drill-server-AbCdEf"}
WEEK = 7 * 24 * 3600


def function_seconds(function: dict) -> int:
    return function["Timeout"]


class Watch(unittest.TestCase):
    def setUp(self):
        self.stack = verify()
        self.alarms = self.stack.resources("AWS::CloudWatch::Alarm")

    def test_it_looks_every_hour_unless_said(self):
        schedule = self.stack.resources()["WatchSchedule"]
        self.assertEqual(("rate(1 hour)", '{"mode": "watch"}', "ENABLED"), (schedule["ScheduleExpression"], schedule["Target"]["Input"], schedule["State"]))

    def test_every_finding_is_told_and_silence_too(self):
        self.assertEqual({*FOUND, "VerifyFailed", "WatchStopped", "DatabaseUnchecked", "FilesUnchecked", "DrillFailed"}, set(self.alarms))
        for name, metric in FOUND.items():
            alarm = self.alarms[name]
            self.assertEqual((metric, "Maximum", 1, "GreaterThanOrEqualToThreshold", "breaching"), tuple(
                alarm[key] for key in ("MetricName", "Statistic", "Threshold", "ComparisonOperator", "TreatMissingData")), name)
            # Two hours hold a look of every hour, whenever in it that is.
            self.assertEqual((7200, 1), (alarm["Period"], alarm["EvaluationPeriods"]))
        stopped = self.alarms["WatchStopped"]
        self.assertEqual(("Success", "Sum", 1, "LessThanThreshold", "breaching", 3600), tuple(
            stopped[key] for key in ("MetricName", "Statistic", "Threshold", "ComparisonOperator", "TreatMissingData", "Period")))
        self.assertLessEqual(stopped["Period"] * stopped["EvaluationPeriods"], WEEK)
        for name in (*FOUND, "WatchStopped"):
            dimensions = {dimension["Name"]: dimension["Value"] for dimension in self.alarms[name]["Dimensions"]}
            self.assertEqual({"Environment": ENVIRONMENT, "Function": "watch"}, dimensions, name)

    def test_each_kind_is_checked_daily_and_told_of_if_it_is_not(self):
        for kind in ("Database", "Files"):
            schedule, alarm = self.stack.resources()[f"Check{kind}Schedule"], self.alarms[f"{kind}Unchecked"]
            self.assertEqual(("rate(1 day)", f'{{"mode": "check", "kind": "{kind.lower()}"}}'), (schedule["ScheduleExpression"], schedule["Target"]["Input"]))
            self.assertEqual(("Success", "Sum", 1, "LessThanThreshold", "breaching"), tuple(
                alarm[key] for key in ("MetricName", "Statistic", "Threshold", "ComparisonOperator", "TreatMissingData")))
            self.assertTrue(24 * 3600 < alarm["Period"] * alarm["EvaluationPeriods"] <= WEEK)
            self.assertIn({"Name": "Function", "Value": f"check-{kind.lower()}"}, alarm["Dimensions"])

    def test_nothing_is_checked_that_is_not_there_or_cannot_be_opened(self):
        def checked(**given):
            return {name for name in verify(given).resources() if name.startswith("Check") or name.endswith("Unchecked")}

        self.assertEqual({"CheckDatabaseSchedule", "DatabaseUnchecked"}, checked(FilesHours="0"))
        self.assertEqual({"CheckFilesSchedule", "FilesUnchecked"}, checked(DatabaseHours="0"))
        self.assertEqual(set(), checked(KmsKey=""))
        sids = [statement["Sid"] for statement in verify({"KmsKey": ""}).resources()["VerifyRole"]["Policies"][0]["PolicyDocument"]["Statement"]]
        self.assertNotIn("OpenDataKeys", sids)

    def test_every_alarm_and_a_failed_run_tell_the_vaults_topic(self):
        for alarm in self.alarms.values():
            self.assertEqual([VAULT_TOPIC], alarm["AlarmActions"])
        on_failure = self.stack.resources("AWS::Lambda::EventInvokeConfig").values()
        self.assertEqual([VAULT_TOPIC] * 2, [told["DestinationConfig"]["OnFailure"]["Destination"] for told in on_failure])

    def test_the_vaults_topic_lets_alarms_of_its_account_tell(self):
        statements = vault().resources()["AlarmsPolicy"]["PolicyDocument"]["Statement"]
        told, = (statement for statement in statements if statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"})
        self.assertEqual(("Allow", "sns:Publish", {"StringEquals": {"aws:SourceAccount": VAULT}}), tuple(told[key] for key in ("Effect", "Action", "Condition")))

    def test_function_has_the_role_that_the_key_knows_and_a_log_of_its_own(self):
        function = self.stack.resources()["Verify"]
        self.assertEqual(self.stack.value("VerifyRole.Arn"), function["Role"])
        role = self.stack.resources()["VerifyRole"]["RoleName"]
        known = [statement for statement in vault().resources()["Key"]["KeyPolicy"]["Statement"] if statement["Sid"] == "VerifyBackups"]
        drill = self.stack.resources()["DrillRole"]["RoleName"]
        self.assertEqual([f"arn:aws:iam::{VAULT}:role/{name}" for name in (role, drill)], known[0]["Condition"]["ArnEquals"]["aws:PrincipalArn"])
        log = verify({"LogDays": "30"}).resources()["VerifyLog"]
        self.assertEqual((f"/aws/lambda/{function['FunctionName']}", "30"), (log["LogGroupName"], log["RetentionInDays"]))
        self.assertEqual(("provided.al2023", ["arm64"], 900), (function["Runtime"], function["Architectures"], function["Timeout"]))

    def test_function_is_told_what_was_promised(self):
        given = {"LockDays": "90", "DatabaseHours": "7", "FilesHours": "0", "DrillDays": "9", "RecoveryDrillDays": "200"}
        variables = verify(given).resources()["Verify"]["Environment"]["Variables"]
        self.assertEqual(("90", "7", "0", VAULT, "9", "200"), tuple(variables[f"OFFSITE_{name}"] for name in (
            "LOCK_DAYS", "DATABASE_HOURS", "FILES_HOURS", "VAULT_OWNER", "DRILL_DAYS", "RECOVERY_DRILL_DAYS")))
        # Nobody who watches can log in anywhere.
        self.assertFalse([name for name in variables if name.startswith("OFFSITE_DATABASE_SECRET")])

    def test_each_kind_is_drilled_weekly_by_a_function_of_its_own(self):
        stack = verify(DRILLS)
        made = stack.resources()
        for kind in ("Database", "Files"):
            schedule = made[f"Drill{kind}Schedule"]
            self.assertEqual(("rate(7 days)", f'{{"mode": "drill", "kind": "{kind.lower()}"}}'), (schedule["ScheduleExpression"], schedule["Target"]["Input"]))
            self.assertEqual(stack.value("Drill.Arn"), schedule["Target"]["Arn"])
        function = made["Drill"]
        self.assertEqual(stack.value("DrillRole.Arn"), function["Role"])
        self.assertEqual(f"/aws/lambda/{function['FunctionName']}", made["DrillLog"]["LogGroupName"])
        self.assertEqual((DRILLS["DrillDatabaseSecret"], "false"), tuple(
            function["Environment"]["Variables"][f"OFFSITE_{name}"] for name in ("DATABASE_SECRET", "DRILL_ON_SOURCE_SERVER")))
        self.assertNotIn("VpcConfig", function)
        slow = made["DrillSlow"]
        self.assertEqual(("TimeToRecover", "Maximum", function_seconds(made["Verify"]) / 2), (slow["MetricName"], slow["Statistic"], slow["Threshold"]))
        self.assertIn({"Name": "Function", "Value": "drill-database"}, slow["Dimensions"])

    def test_nothing_is_drilled_that_is_not_there_or_has_no_server(self):
        def drilled(**given):
            return {name for name in verify(given).resources() if name.startswith("Drill") and name.endswith("Schedule")}

        self.assertEqual({"DrillFilesSchedule"}, drilled())
        self.assertEqual({"DrillDatabaseSchedule"}, drilled(**DRILLS, FilesHours="0"))
        self.assertEqual(set(), drilled(**DRILLS, KmsKey=""))
        self.assertNotIn("Drill", verify({"FilesHours": "0"}).resources())

    def test_drill_enters_a_vpc_if_it_is_told_to(self):
        entered = verify({**DRILLS, "DrillSubnets": "subnet-0a,subnet-0b", "DrillSecurityGroups": "sg-0c"}).resources()["Drill"]
        self.assertEqual({"SubnetIds": ["subnet-0a", "subnet-0b"], "SecurityGroupIds": ["sg-0c"]}, entered["VpcConfig"])

    def test_whoever_has_no_drill_must_say_so(self):
        rules = template("infra/verify.yaml")["Rules"]
        for given, fine in (({}, False), ({"DrillDays": "0"}, True), ({"DatabaseHours": "0"}, True), (DRILLS, True)):
            self.assertEqual(fine, verify(given).resolve(rules["DrillOrSaidSo"]["Assertions"][0]["Assert"]), given)
        for given, fine in (({}, True), ({"DrillSubnets": "subnet-0a"}, False), ({"DrillSubnets": "subnet-0a", "DrillSecurityGroups": "sg-0a"}, True)):
            self.assertEqual(fine, verify(given).resolve(rules["DrillEntersByBoth"]["Assertions"][0]["Assert"]), given)

    def test_it_offers_the_vaults_choices_of_the_lock(self):
        watched, locked = (template(name)["Parameters"]["LockDays"] for name in ("infra/verify.yaml", "infra/vault.yaml"))
        self.assertEqual((locked["AllowedValues"], locked["Default"]), (watched["AllowedValues"], watched["Default"]))

    def test_names_of_the_longest_environment_fit(self):
        longest = verify({"RolePrefix": "a" * 15, "Environment": "b" * 32}).resources()
        for name in (longest["Verify"]["FunctionName"], longest["VerifyRole"]["RoleName"], longest["ScheduleRole"]["RoleName"], longest["WatchSchedule"]["Name"]):
            self.assertLessEqual(len(name), 64)


class Trial(unittest.TestCase):
    GIVEN = {"VaultBucket": "", "VaultOwner": "", "KmsKey": "", "DeployingRole": DEPLOYER}

    def test_trial_has_the_watch_over_its_own_vault(self):
        stack = application(self.GIVEN)
        watch, made = stack.child("VaultWatch"), stack.child("Vault")
        variables = watch.resources()["Verify"]["Environment"]["Variables"]
        self.assertEqual((made.value("Vault"), "1", APPLICATION), tuple(variables[f"OFFSITE_{name}"] for name in ("VAULT_BUCKET", "LOCK_DAYS", "VAULT_OWNER")))
        self.assertEqual(made.value("Alarms"), variables["OFFSITE_ALARM_TOPIC"])

    def test_trial_misses_no_files_where_none_are_backed_up(self):
        for bucket, hours in (("", "0"), ("shop-files", "30")):
            watch = application({**self.GIVEN, "FilesBucket": bucket}).child("VaultWatch")
            self.assertEqual(hours, watch.resources()["Verify"]["Environment"]["Variables"]["OFFSITE_FILES_HOURS"])

    def test_two_accounts_have_none_in_the_applications(self):
        self.assertNotIn("VaultWatch", application().resources())


if __name__ == "__main__":
    unittest.main()
