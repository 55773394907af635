"""What the application's template sets, that no local AWS acts upon."""

import unittest

from deployment import QUEUE, application, template

BACKUPS = {"BackupDatabase", "BackupFiles"}


class Functions(unittest.TestCase):
    def made(self, **parameters) -> dict:
        return application(parameters).resources("AWS::Lambda::Function")

    def test_a_function_runs_for_15_minutes_on_amazon_linux_2023_and_arm64(self):
        functions = self.made()
        self.assertEqual(BACKUPS | {"Restore"}, set(functions))
        for function in functions.values():
            self.assertEqual(("provided.al2023", ["arm64"], 900), (function["Runtime"], function["Architectures"], function["Timeout"]))

    def test_processor_memory_and_concurrency_are_what_the_parameters_say(self):
        for function in self.made(Architecture="x86_64", Memory="2048", Concurrency="2").values():
            chosen = [function[name] for name in ("Architectures", "MemorySize", "ReservedConcurrentExecutions")]
            self.assertEqual([["x86_64"], "2048", "2"], chosen)
        for function in self.made().values():
            self.assertNotIn("ReservedConcurrentExecutions", function)

    def test_nothing_restores_unless_asked_and_no_files_are_backed_up_without_a_bucket(self):
        self.assertEqual("false", template("template.yaml")["Parameters"]["RestoreFunction"]["Default"])
        self.assertEqual({"BackupDatabase"}, set(self.made(RestoreFunction="false", FilesBucket="")))

    def test_logs_are_kept_as_long_as_the_parameter_says_and_are_the_functions_own(self):
        stack = application({"LogDays": "30"})
        logs = stack.resources("AWS::Logs::LogGroup")
        self.assertEqual({"30"}, {log["RetentionInDays"] for log in logs.values()})
        for name, function in stack.resources("AWS::Lambda::Function").items():
            self.assertEqual(stack.value(f"{name}Log"), function["LoggingConfig"]["LogGroup"])
            self.assertEqual(f"/aws/lambda/{function['FunctionName']}", logs[f"{name}Log"]["LogGroupName"])

    def test_vault_may_be_in_another_region(self):
        for given, known in ((None, None), ("eu-central-1", "eu-central-1")):
            for function in self.made(**({"VaultRegion": given} if given else {})).values():
                self.assertEqual(known, function["Environment"]["Variables"].get("OFFSITE_VAULT_REGION"))


class Failures(unittest.TestCase):
    def setUp(self):
        self.stack = application()

    def test_backup_is_tried_twice_more_within_the_hour_and_a_restore_never(self):
        configured = {name.removesuffix("EventInvokeConfig"): how for name, how in self.stack.resources("AWS::Lambda::EventInvokeConfig").items()}
        self.assertEqual({"BackupDatabase": 2, "BackupFiles": 2, "Restore": 0}, {name: how["MaximumRetryAttempts"] for name, how in configured.items()})
        for how in configured.values():
            self.assertEqual(3600, how["MaximumEventAgeInSeconds"])
            self.assertEqual(self.stack.value("Alarms"), how["DestinationConfig"]["OnFailure"]["Destination"])

    def test_what_a_schedule_cannot_deliver_is_kept_in_a_queue_of_its_own(self):
        schedules = self.stack.resources("AWS::Scheduler::Schedule")
        self.assertEqual({f"{name}Schedule" for name in BACKUPS}, set(schedules))
        for schedule in schedules.values():
            self.assertEqual(QUEUE, schedule["Target"]["DeadLetterConfig"]["Arn"])
            self.assertEqual(3600, schedule["Target"]["RetryPolicy"]["MaximumEventAgeInSeconds"])

    def test_own_topic_is_told_instead(self):
        own = "arn:aws:sns:eu-west-1:111111111111:own"
        stack = application({"AlarmTopic": own})
        self.assertEqual({}, {**stack.resources("AWS::SNS::Topic"), **stack.resources("AWS::SNS::Subscription")})
        told = [how["DestinationConfig"]["OnFailure"]["Destination"] for how in stack.resources("AWS::Lambda::EventInvokeConfig").values()]
        self.assertEqual([own] * 3, told)


class Schedules(unittest.TestCase):
    def test_database_is_backed_up_hourly_and_files_daily_unless_said(self):
        def expressions(**parameters):
            return {name: made["ScheduleExpression"] for name, made in application(parameters).resources("AWS::Scheduler::Schedule").items()}

        self.assertEqual({"BackupDatabaseSchedule": "rate(1 hour)", "BackupFilesSchedule": "rate(1 day)"}, expressions())
        self.assertEqual({"BackupDatabaseSchedule": "rate(6 hours)", "BackupFilesSchedule": "cron(0 3 * * ? *)"},
                         expressions(Schedule="rate(6 hours)", FilesSchedule="cron(0 3 * * ? *)"))

    def test_each_tells_its_time(self):
        for schedule in application().resources("AWS::Scheduler::Schedule").values():
            self.assertEqual('{"scheduled": "<aws.scheduler.scheduled-time>"}', schedule["Target"]["Input"])

    def test_description_shows_how_many_copies_are_kept(self):
        for days, said in (("7", "locked for 7 days and deleted after 12: {} keeps {} copies"), ("365", "locked for 365 days and deleted after 370: {} keeps {} copies")):
            kept = int(said.split("after ")[1].split(":")[0])
            made = application({"LockDays": days}).resources("AWS::Scheduler::Schedule")
            self.assertIn(said.format("an hourly schedule", 24 * kept), made["BackupDatabaseSchedule"]["Description"])
            self.assertIn(said.format("a daily schedule", kept), made["BackupFilesSchedule"]["Description"])


class Alarms(unittest.TestCase):
    def setUp(self):
        self.stack = application()
        self.alarms = self.stack.child("Watch").resources("AWS::CloudWatch::Alarm")

    def test_every_function_tells_of_one_failure_and_of_one_throttle(self):
        for function in self.stack.resources("AWS::Lambda::Function"):
            for kind, metric in (("Failed", "Errors"), ("Throttled", "Throttles")):
                alarm = self.alarms[function + kind]
                self.assertEqual((metric, "Sum", 1, "GreaterThanOrEqualToThreshold", "notBreaching"), tuple(
                    alarm[name] for name in ("MetricName", "Statistic", "Threshold", "ComparisonOperator", "TreatMissingData")))
                self.assertEqual(self.stack.value(function), alarm["Dimensions"][0]["Value"])

    def test_backup_that_takes_more_than_half_of_its_time_is_told(self):
        for function in BACKUPS:
            limit = self.stack.resources("AWS::Lambda::Function")[function]["Timeout"]
            alarm = self.alarms[f"{function}Slow"]
            self.assertEqual(("Duration", "Maximum", limit * 1000 / 2, "GreaterThanThreshold"), tuple(
                alarm[name] for name in ("MetricName", "Statistic", "Threshold", "ComparisonOperator")))

    def test_backup_that_did_not_come_for_the_hours_of_the_parameters_is_told(self):
        stack = application({"DatabaseHours": "7", "FilesHours": "50"})
        alarms = stack.child("Watch").resources("AWS::CloudWatch::Alarm")
        self.assertEqual(("7", "50"), (alarms["BackupDatabaseLate"]["EvaluationPeriods"], alarms["BackupFilesLate"]["EvaluationPeriods"]))
        for function in BACKUPS:
            alarm = alarms[f"{function}Late"]
            self.assertEqual((3600, "LessThanThreshold", 1, "breaching"), tuple(
                alarm[name] for name in ("Period", "ComparisonOperator", "Threshold", "TreatMissingData")))


if __name__ == "__main__":
    unittest.main()
