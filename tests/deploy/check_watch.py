"""Whoever deployed it is told: every metric that an alarm or the dashboard names is one that the functions emit, and failures arrive."""

import json
import unittest

from deployment import Deployment, client, psql, wait_for

# What AWS measures of its own resources, by the dimension that names them.
OF_AWS = {
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles", "Duration"}),
    "AWS/SQS": ("QueueName", {"ApproximateNumberOfMessagesVisible"}),
}
WEEK = 7 * 24 * 3600


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    site.make()


def emitted() -> set:
    """Namespace, name and dimensions of every metric in the functions' logs."""
    found = set()
    for function in ("backup-database", "backup-files", "restore"):
        for line in site.log(function):
            for directive in line.get("_aws", {}).get("CloudWatchMetrics", []):
                for names in directive["Dimensions"]:
                    dimensions = tuple((name, line[name]) for name in sorted(names))
                    found |= {(directive["Namespace"], metric["Name"], dimensions) for metric in directive["Metrics"] if metric["Name"] in line}
    return found


def alarms() -> list:
    return [alarm for page in client("cloudwatch").get_paginator("describe_alarms").paginate() for alarm in page["MetricAlarms"]
            if alarm["AlarmName"].startswith(site.name)]


def dashboard() -> dict:
    name = next(entry["DashboardName"] for entry in client("cloudwatch").list_dashboards()["DashboardEntries"]
                if entry["DashboardName"].startswith(site.name))
    return json.loads(client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"])


def drawn() -> list:
    """Namespace, name and dimensions of every metric of the dashboard."""
    metrics = [metric for widget in dashboard()["widgets"] for metric in widget["properties"].get("metrics", [])]
    words = [[word for word in metric if isinstance(word, str)] for metric in metrics]
    return [(namespace, name, tuple(sorted(zip(rest[::2], rest[1::2])))) for namespace, name, *rest in words]


def topic_of_alarms() -> str:
    return next(topic["TopicArn"] for topic in site.aws["sns"].list_topics()["Topics"] if f":{site.name}-" in topic["TopicArn"])


class Watch(unittest.TestCase):
    maxDiff = None

    def test_every_metric_of_alarms_and_dashboard_is_emitted_with_these_dimensions(self):
        into = f"{site.database}_back"
        self.addCleanup(psql, f'DROP DATABASE IF EXISTS "{into}" WITH (FORCE)')
        for function, event in (("backup-database", {}), ("backup-files", {}), ("restore", {"kind": "database", "backup": "latest", "into": into}),
                                ("restore", {"kind": "files", "backup": "latest"})):
            self.assertEqual(site.invoke(function, event).get("status"), "ok")
        known = emitted()
        watched = [(alarm["Namespace"], alarm["MetricName"], tuple(sorted((d["Name"], d["Value"]) for d in alarm["Dimensions"])))
                   for alarm in alarms()]
        self.assertEqual(len(watched), 11)
        ours = set()
        for namespace, name, dimensions in [*watched, *drawn()]:
            if namespace in OF_AWS:
                dimension, names = OF_AWS[namespace]
                self.assertIn(name, names)
                self.assertEqual([key for key, _ in dimensions], [dimension])
                self.exists(namespace, dimensions[0][1])
            else:
                ours.add((namespace, name, dimensions))
        self.assertLessEqual(ours, known)
        # And whatever a backup counts is drawn.
        counted = {metric for metric in known if ("Function", "restore") not in metric[2]}
        self.assertEqual(counted - set(drawn()), set())

    def exists(self, namespace: str, name: str) -> None:
        if namespace == "AWS/Lambda":
            site.aws["lambda"].get_function_configuration(FunctionName=name)
        else:
            site.aws["sqs"].get_queue_url(QueueName=name)

    def test_missing_backups_are_noticed_within_what_cloudwatch_looks_back_over(self):
        late = [alarm for alarm in alarms() if alarm["AlarmName"].endswith("Late")]
        self.assertEqual({alarm["EvaluationPeriods"] for alarm in late}, {3, 30})
        for alarm in late:
            self.assertEqual((alarm["TreatMissingData"], alarm["Period"], alarm["Statistic"]), ("breaching", 3600, "Sum"))
            self.assertLessEqual(alarm["Period"] * alarm["EvaluationPeriods"], WEEK)

    def test_every_alarm_tells_the_topic_and_the_dashboard_shows_it(self):
        topics = {topic["TopicArn"] for topic in site.aws["sns"].list_topics()["Topics"]}
        shown = next(widget for widget in dashboard()["widgets"] if widget["type"] == "alarm")["properties"]["alarms"]
        for alarm in alarms():
            self.assertTrue(alarm["AlarmActions"] and set(alarm["AlarmActions"]) <= topics, alarm["AlarmName"])
            self.assertIn(alarm["AlarmArn"], shown)
        self.assertEqual(len(shown), len(alarms()))

    def test_alarms_that_nobody_hears_are_the_first_that_a_backup_says(self):
        sns, topic = site.aws["sns"], topic_of_alarms()
        heard = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
        self.assertTrue(heard)
        for function in ("backup-database", "backup-files"):
            self.assertNotIn("alarms", site.invoke(function, {}))
        for subscription in heard:
            sns.unsubscribe(SubscriptionArn=subscription["SubscriptionArn"])
            self.addCleanup(sns.subscribe, TopicArn=topic, Protocol=subscription["Protocol"], Endpoint=subscription["Endpoint"])
        for function in ("backup-database", "backup-files"):
            before = len(site.log(function))
            report = site.invoke(function, {})
            self.assertEqual(report["status"], "ok")
            self.assertIn(f"nobody hears an alarm: no subscription of {topic} is confirmed. HINT: Confirm the mail", report["alarms"])
            self.assertEqual(site.log(function)[before]["message"], report["alarms"])

    def test_failure_of_a_scheduled_run_is_counted_and_told_with_its_reason(self):
        topic = topic_of_alarms()
        queue = site.aws["sqs"].create_queue(QueueName=f"{site.name}-heard")["QueueUrl"]
        self.addCleanup(site.aws["sqs"].delete_queue, QueueUrl=queue)
        arn = site.aws["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}]}
        site.aws["sqs"].set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(policy)})
        site.aws["sns"].subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        secret = site.parameters["DatabaseSecret"]
        whole = site.aws["secretsmanager"].get_secret_value(SecretId=secret)["SecretString"]
        site.aws["secretsmanager"].put_secret_value(SecretId=secret, SecretString='{"password": "unknown"}')
        self.addCleanup(site.aws["secretsmanager"].put_secret_value, SecretId=secret, SecretString=whole)

        answer = site.invoke("backup-database", {})
        self.assertIn("no username", answer["errorMessage"])
        self.assertIn("HINT: Add username to it", answer["errorMessage"])
        self.assertTrue(any(line.get("Success") == 0 for line in site.log("backup-database")))

        site.aws["lambda"].invoke(FunctionName=f"{site.name}-backup-database", InvocationType="Event", Payload="{}")
        heard = wait_for("the message of the failure", lambda: site.aws["sqs"].receive_message(QueueUrl=queue).get("Messages"))
        self.assertIn("no username", heard[0]["Body"])
        self.assertNotIn(json.loads(whole)["password"], heard[0]["Body"])


if __name__ == "__main__":
    unittest.main()
