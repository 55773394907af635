"""The stack's outputs are commands: each is pasted into a shell and does what it says."""

import os
import subprocess
import sys
import unittest
from pathlib import Path

from deployment import STACK, Deployment, client, psql, wait_for

# Beside what is pasted: where AWS is, and the one name that the server may have already.
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": STACK["aws_endpoint"], "AWS_ACCESS_KEY_ID": STACK["access_key_id"], "AWS_SECRET_ACCESS_KEY": STACK["secret_access_key"],
    "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true", "AWS_PAGER": "",
    "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin"}
# Version 2 of the AWS CLI needs it to take a payload as it stands. PyPI has version 1 only, which knows nothing else.
OF_VERSION_2 = " --cli-binary-format raw-in-base64-out"
PASTED = {"ConfirmedSubscriptions", "TestAlarm", "BackUpDatabase", "BackUpFiles", "RestoreDatabase", "RestoreDatabaseInBackground", "RestoreFiles"}


class Outputs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.site = Deployment()
        cls.addClassCleanup(cls.site.end)
        cls.site.make()
        described = cls.site.aws["cloudformation"].describe_stacks(StackName=cls.site.name)["Stacks"][0]["Outputs"]
        cls.outputs = {output["OutputKey"]: output["OutputValue"] for output in described}

    def paste(self, name: str, **changed) -> str:
        command = self.outputs[name]
        for old, new in changed.items():
            self.assertIn(f'"{old}"', command)
            command = command.replace(f'"{old}"', f'"{new}"')
        if "--payload" in command:
            self.assertIn(OF_VERSION_2, command)
        done = subprocess.run(["bash", "-euc", command.replace(OF_VERSION_2, "")], env=ENVIRONMENT, cwd=self.site.folder, text=True, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.assertEqual(done.returncode, 0, done.stdout)
        # The local AWS writes reports anew, with blanks.
        return done.stdout.replace('": ', '":')

    def test_every_output_is_pasted_here_or_is_a_page(self):
        self.assertEqual(set(self.outputs), PASTED | {"Dashboard"})
        name = self.outputs["Dashboard"].rpartition("name=")[2]
        self.assertIn(name, [entry["DashboardName"] for entry in client("cloudwatch").list_dashboards()["DashboardEntries"]])

    def test_commands_of_functions_are_tried_once_and_wait_for_the_end(self):
        for name in ("BackUpDatabase", "BackUpFiles", "RestoreDatabase", "RestoreFiles"):
            self.assertRegex(self.outputs[name], r"^AWS_MAX_ATTEMPTS=1 aws lambda invoke .*--cli-read-timeout 910 ", name)
        self.assertRegex(self.outputs["RestoreDatabaseInBackground"], r"^AWS_MAX_ATTEMPTS=1 aws lambda invoke .*--invocation-type Event ")

    def test_backups_and_restores_do_their_job(self):
        into, later = f"{self.site.database}_pasted", f"{self.site.database}_later"
        for name in (into, later):
            self.addCleanup(psql, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self.assertIn('"status":"ok"', self.paste("BackUpDatabase"))
        self.assertIn('"status":"ok"', self.paste("BackUpFiles"))
        said = self.paste("RestoreDatabase", restored=into)
        self.assertIn('"status":"ok"', said)
        self.assertIn('"equal":true', said)
        self.assertIn('"status":"ok"', self.paste("RestoreFiles"))
        self.assertIn("202", self.paste("RestoreDatabaseInBackground", restored=later))
        wait_for("the restore in the background", lambda: psql(f"SELECT 1 FROM pg_database WHERE datname = '{later}'").strip())

    def test_alarms_are_raised_and_listeners_are_counted(self):
        self.assertTrue(self.paste("ConfirmedSubscriptions").strip().isdigit())
        self.paste("TestAlarm")
        raised = [alarm["AlarmName"] for alarm in client("cloudwatch").describe_alarms(StateValue="ALARM")["MetricAlarms"]]
        self.assertTrue([name for name in raised if name.startswith(self.site.name)], raised)


if __name__ == "__main__":
    unittest.main()
