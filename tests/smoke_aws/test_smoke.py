"""The smoke test's own logic: against the S3 on this machine that enforces locks, and against one that refuses everything."""

import contextlib
import io
import json
import re
import secrets
import site
import subprocess
import sys
import unittest
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "local")]

import pinned  # noqa: E402
import place  # noqa: E402

for packages in (pinned.venv("smoke-aws", print) / "lib").glob("python*/site-packages"):
    site.addsitedir(str(packages))

import boto3  # noqa: E402
import botocore.awsrequest  # noqa: E402
from botocore.config import Config  # noqa: E402

import accounts  # noqa: E402
import smoke  # noqa: E402
import vault_steps  # noqa: E402, F401
import stack_steps  # noqa: E402, F401
from steps import DEPLOYED, KMS, LOCK, PERSON, POLICIES, STACK, STEPS, NotAsPromised  # noqa: E402

PAGE = (place.CHECKOUT / "docs/not-proven-here.md").read_text()
QUICK = Config(retries={"total_max_attempts": 1})
VAULT, APPLICATION = "222222222222", "111111111111"
WORDS = ["--vault-profile", "v", "--vault-account", VAULT, "--application-profile", "a", "--application-account", APPLICATION, "--region", "eu-west-1"]


def s3_endpoint() -> str:
    """The running local S3, started if it isn't."""
    facts = place.local_dir() / "stack.json"
    if facts.exists() and (endpoint := json.loads(facts.read_text())["s3_endpoint"]):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=10).close()
            return endpoint
    subprocess.run([sys.executable, str(place.HERE / "stack.py"), "up", "s3"], check=True)
    return json.loads(facts.read_text())["s3_endpoint"]


class Here:
    """A place with the lock and nothing else."""

    environment, region, email, stack = "smoke-here", "us-east-1", None, None

    def __init__(self, has: set):
        self.has, self.written = has, None
        self.endpoint, self.bucket = s3_endpoint(), f"offsite-smoke-{secrets.token_hex(6)}"
        s3 = self.vault("s3")
        s3.create_bucket(Bucket=self.bucket, ObjectLockEnabledForBucket=True)
        rule = {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}
        s3.put_object_lock_configuration(Bucket=self.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": rule})

    def vault(self, service: str, **options):
        options = {"endpoint_url": self.endpoint, "config": QUICK, **options}
        return boto3.client(service, region_name=self.region, aws_access_key_id="test", aws_secret_access_key="test", **options)

    writer = vault


class Closed(Here):
    """A place where every call is refused, so that what is asked is seen, and is valid."""

    def __init__(self):
        self.has, self.written = {LOCK, POLICIES, KMS, DEPLOYED, STACK}, ("key", "version")
        self.bucket, self.key, self.caller, self.stack = "bucket", f"arn:aws:kms:eu-west-1:{VAULT}:key/1", "arn:aws:iam::1:role/r", "offsite"
        self.asked = []

    def vault(self, service: str, **options):
        client = boto3.client(service, region_name=self.region, aws_access_key_id="test", aws_secret_access_key="test", **{"config": QUICK, **options})

        def refuse(request, **_):
            self.asked.append((service, request.url))
            xml = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
            body = xml if service == "s3" else b'{"__type": "AccessDeniedException", "message": "no"}'
            return botocore.awsrequest.AWSResponse(request.url, 403, {}, type("Raw", (io.BytesIO,), {"stream": lambda raw: iter([raw.read()])})(body))

        client.meta.events.register("before-send", refuse)
        return client

    writer = application = vault


def silent(*_):
    pass


class OnThisMachine(unittest.TestCase):
    def test_what_the_lock_does_is_shown_here_and_the_rest_says_what_it_needs(self):
        outcome = smoke.run(Here({LOCK}), STEPS, silent)
        shown = [name for name, said in outcome.items() if said == "shown"]
        self.assertEqual(["one-write-per-key", "one-multipart-upload-per-key", "lock-holds-without-any-policy"], shown)
        self.assertTrue(all(said.startswith("not shown: needs ") for name, said in outcome.items() if name not in shown), outcome)

    def test_steps_about_policies_fail_where_nothing_is_refused(self):
        # This S3 has no policies: so whoever believes in these steps sees that they can fail.
        open_place = Here({LOCK, POLICIES})
        names = ["one-write-per-key", "no-write-without-condition", "writer-only-adds", "writer-sets-nothing-of-its-own"]
        outcome = smoke.run(open_place, {name: STEPS[name] for name in names}, silent)
        self.assertEqual("shown", outcome.pop("one-write-per-key"))
        for name, said in outcome.items():
            self.assertRegex(said, "NOT AS PROMISED: .*(let in|instead of)", name)

    def test_lock_step_fails_in_a_bucket_without_lock(self):
        unlocked = Here({LOCK})
        s3 = unlocked.vault("s3")
        s3.put_object_lock_configuration(Bucket=unlocked.bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"})
        outcome = smoke.run(unlocked, {name: STEPS[name] for name in ("one-write-per-key", "lock-holds-without-any-policy")}, silent)
        self.assertIn("NOT AS PROMISED", outcome["lock-holds-without-any-policy"])

    def test_every_call_is_valid_and_only_refusals_are_shown_where_all_is_refused(self):
        closed = Closed()
        outcome = smoke.run(closed, STEPS, silent)
        shown = {name for name, said in outcome.items() if said == "shown"}
        self.assertEqual({"writer-only-adds", "writer-sets-nothing-of-its-own", "connections-without-tls-are-refused", "key-is-not-ended"}, shown)
        # What a client finds wrong with a call it says without asking.
        self.assertFalse([said for said in outcome.values() if "validation" in said.lower() or "object has no attribute" in said], outcome)
        self.assertIn(("s3", "http"), {(service, url.split(":")[0]) for service, url in closed.asked})


class Beginning(unittest.TestCase):
    def refused(self, words: list) -> str:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(SystemExit):
            smoke.arguments(words)
        return said.getvalue()

    def test_accounts_and_profiles_must_be_named(self):
        for place_of_word in range(0, len(WORDS), 2):
            self.assertIn(WORDS[place_of_word], self.refused(WORDS[:place_of_word] + WORDS[place_of_word + 2:]))
        self.assertIn("no account id", self.refused([word.replace(VAULT, "production") for word in WORDS]))

    def accounts(self, found: dict, words: list = WORDS):
        """Accounts whose profiles are of these ids."""
        made = object.__new__(accounts.Accounts)
        made.chosen = smoke.arguments(words)

        class Session:
            def __init__(self, account):
                self.account = account

            def client(self, _):
                arn = f"arn:aws:iam::{self.account}:user/u"
                return type("Sts", (), {"get_caller_identity": staticmethod(lambda: {"Account": self.account, "Arn": arn})})

        made.sessions = {side: Session(account) for side, account in found.items()}
        return made

    def test_other_accounts_than_the_named_ones_are_refused(self):
        self.accounts({"vault": VAULT, "application": APPLICATION}).check()
        for found in ({"vault": "333333333333", "application": APPLICATION}, {"vault": VAULT, "application": "333333333333"}):
            with self.assertRaisesRegex(accounts.Refused, "is of account 333333333333"):
                self.accounts(found).check()
        with self.assertRaisesRegex(accounts.Refused, "the same"):
            self.accounts({}, [word.replace(VAULT, APPLICATION) for word in WORDS]).check()

    def test_nothing_is_made_before_somebody_typed_the_name(self):
        asked = type("Place", (), {"chosen": smoke.arguments(WORDS), "caller": "c", "vault_stack": "s", "writer_role": "r", "environment": "smoke-1"})
        smoke.input = lambda _: "yes"
        try:
            with contextlib.redirect_stdout(io.StringIO()), self.assertRaisesRegex(SystemExit, "nothing was made"):
                smoke.begin(asked)
        finally:
            del smoke.input

    def test_only_buckets_of_a_smoke_test_are_finished(self):
        nothing = type("Place", (), {"vault": lambda self, _: None})()
        with self.assertRaisesRegex(accounts.Refused, "shop-files is none of a smoke test's"):
            accounts.finish(nothing, ["offsite-smoke-1-vault-1", "shop-files"])


class Page(unittest.TestCase):
    def test_page_and_steps_name_the_same(self):
        named = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", "\n".join(line.split("|")[-2] for line in PAGE.splitlines() if line.startswith("| "))))
        self.assertEqual(set(STEPS), named)

    def test_every_step_says_what_it_shows(self):
        for step in STEPS.values():
            self.assertTrue(step.what.endswith("."), step.name)


if __name__ == "__main__":
    unittest.main()
