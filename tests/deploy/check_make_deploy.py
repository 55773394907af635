"""`make deploy`: refuses programs that Lambda can't start, and says that nobody is told until somebody has confirmed."""

import json
import os
import subprocess
import sys
import unittest

import staged
from deployment import STACK, Deployment

RUNS = b"\x7fELF\x02\x01\0libc.so.6\0GLIBC_2.17\0GLIBC_2.34\0"


class MakeDeploy(unittest.TestCase):
    def setUp(self):
        self.site = Deployment()
        self.addCleanup(self.site.end)
        staged.stage(self.site.folder, {})
        self.file = self.site.folder / "parameters.yaml"
        # A topic to which nobody listens. The local AWS takes any mail for confirmed.
        self.topic = self.site.aws["sns"].create_topic(Name=f"{self.site.name}-own")["TopicArn"]
        self.addCleanup(self.site.aws["sns"].delete_topic, TopicArn=self.topic)
        self.file.write_text(json.dumps({**self.site.make_source(), "AlarmEmail": "", "AlarmTopic": self.topic}))

    def programs(self, content: bytes) -> None:
        for bootstrap in self.site.folder.glob("*/bootstrap"):
            bootstrap.write_bytes(content)

    def deploy(self) -> tuple:
        env = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        env |= {"AWS_ENDPOINT_URL": STACK["aws_endpoint"], "AWS_ACCESS_KEY_ID": STACK["access_key_id"],
                "AWS_SECRET_ACCESS_KEY": STACK["secret_access_key"], "AWS_DEFAULT_REGION": STACK["region"], "AWS_CONFIG_FILE": os.devnull,
                "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        done = subprocess.run([sys.executable, str(staged.CHECKOUT / "infra/deploy.py"), "--stack", self.site.name, "--parameters", str(self.file),
                               "--built", str(self.site.folder)], env=env, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        return done.returncode, done.stdout

    def test_program_that_lambda_cannot_start_is_not_deployed(self):
        self.programs(RUNS + b"GLIBC_2.38\0")
        status, said = self.deploy()
        self.assertEqual(status, 1, said)
        self.assertIn("needs glibc 2.38, and Lambda has 2.34", said)
        self.assertNotIn("sam deploy", said)

    def test_deployment_of_which_nobody_is_told_says_so_until_somebody_confirms(self):
        self.programs(RUNS)
        status, said = self.deploy()
        self.assertEqual(status, 1, said)
        self.assertIn("nobody is told when a backup fails HINT: Confirm the mail", said)
        sns, sqs = self.site.aws["sns"], self.site.aws["sqs"]
        # The queue stands for who confirms a mail.
        queue = sqs.create_queue(QueueName=f"{self.site.name}-heard")["QueueUrl"]
        self.addCleanup(sqs.delete_queue, QueueUrl=queue)
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=self.topic, Protocol="sqs", Endpoint=arn)
        status, said = self.deploy()
        self.assertEqual(status, 0, said)
        self.assertIn("1 confirmed subscriptions", said)
        self.assertIn(f"--function-name {self.site.name}-backup-database", said)


if __name__ == "__main__":
    unittest.main()
