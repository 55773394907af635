"""The example for GitHub Actions: nothing that can change under it, and no more rights than its jobs need."""

import re
import subprocess
import sys
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local")]

import pages  # noqa: E402
import pinned  # noqa: E402

EXAMPLE = pages.CHECKOUT / "docs/github-actions"


class GitHubActions(unittest.TestCase):
    def setUp(self):
        self.workflow, self.role = (EXAMPLE / "deploy.yaml").read_text(), (EXAMPLE / "role.yaml").read_text()
        self.jobs = dict(re.findall(r"^  (\w+):\n(.*?)(?=^  \w|\Z)", self.workflow.split("\njobs:\n")[1].replace("\n  #", "\n    #"), flags=re.S | re.M))

    def test_every_action_is_pinned_by_its_commit(self):
        used = re.findall(r"uses: (\S+)(.*)", self.workflow)
        self.assertGreater(len(used), 5)
        for action, remark in used:
            self.assertRegex(action, r"@[0-9a-f]{40}$")
            self.assertRegex(remark, r"^ # v\d+\.\d+\.\d+$")

    def test_only_the_job_that_deploys_can_become_somebody_in_aws(self):
        self.assertEqual({"build", "deploy"}, set(self.jobs))
        self.assertIn("\npermissions: {}\n", self.workflow)
        self.assertNotIn("id-token", self.jobs["build"])
        self.assertIn("id-token: write", self.jobs["deploy"])
        self.assertIn("environment: production", self.jobs["deploy"])
        self.assertNotRegex(self.workflow, r"secrets\.|ACCESS_KEY")

    def test_programs_come_at_pinned_versions(self):
        installed = re.findall(r"pip install (.*)", self.workflow)
        sam = "-r tests/local/requirements-sam.txt"
        self.assertEqual([f"{sam} -r tests/local/requirements-cross-build.txt", sam], installed)

    def test_programs_are_judged_between_being_built_and_handed_on(self):
        steps = [self.jobs["build"].index(step) for step in ("sam build", "tests/deploy/glibc.py .aws-sam/build/*/bootstrap", "upload-artifact")]
        self.assertEqual(sorted(steps), steps)

    def test_variables_are_outputs_of_the_role_s_template(self):
        outputs = set(re.findall(r"The variable (\w+) of the workflow", self.role))
        used = set(re.findall(r"vars\.(\w+)", self.workflow))
        self.assertEqual({"DEPLOY_ROLE", "SERVICE_ROLE", "ARTIFACTS"}, outputs)
        self.assertEqual({"AWS_REGION", "AWS_ACCOUNT"}, used - outputs)

    def test_role_is_one_environment_s_and_its_template_is_valid(self):
        self.assertIn("sub: !Sub repo:${Repository}:environment:${GitHubEnvironment}", self.role)
        lint = pinned.venv("sam", print) / "bin/cfn-lint"
        said = subprocess.run([str(lint), str(EXAMPLE / "role.yaml")], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((0, ""), (said.returncode, said.stdout))


if __name__ == "__main__":
    unittest.main()
