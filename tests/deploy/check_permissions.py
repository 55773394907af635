"""Each function does its job with its role, and each permission is one that it needs: without it, the check of that name is red."""

import copy
import json
import unittest

from deployment import Deployment, psql

# Permissions that the local AWS does without. Lambda uses these for a function: to write its log, and to tell of what failed.
NOT_SHOWN_HERE = {("WriteLog", "logs:CreateLogStream"), ("WriteLog", "logs:PutLogEvents"), ("TellOfFailure", "sns:Publish")}
# And AWS tells nobody who may not list a bucket that an object is missing: then nothing could be compared with what is there.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html
NOT_SHOWN_HERE |= {("CompareFiles", "s3:ListBucket")}


def setUpModule():
    global site
    site = Deployment()
    unittest.addModuleCleanup(site.end)
    site.make()


class Role:
    """A function's role, whose policy can lack something for a while."""

    def __init__(self, function: str):
        self.name = f"offsite-{site.environment}-{function}"
        self.policy = function
        self.document = site.aws["iam"].get_role_policy(RoleName=self.name, PolicyName=function)["PolicyDocument"]

    def statements(self) -> dict:
        return {statement["Sid"]: actions(statement) for statement in self.document["Statement"]}

    def put(self, document: dict) -> None:
        site.aws["iam"].put_role_policy(RoleName=self.name, PolicyName=self.policy, PolicyDocument=json.dumps(document))

    def without(self, *permissions: tuple):
        """A context in which statements lack actions."""
        document = copy.deepcopy(self.document)
        for sid, action in permissions:
            statement = next(statement for statement in document["Statement"] if statement["Sid"] == sid)
            left = [present for present in actions(statement) if present != action]
            if len(left) == len(actions(statement)):
                raise AssertionError(f"{sid} does not allow {action}")
            statement["Action"] = left
        document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
        return Lacking(self, document)


class Lacking:
    def __init__(self, role: Role, document: dict):
        self.role, self.document = role, document

    def __enter__(self):
        self.role.put(self.document)

    def __exit__(self, *_):
        self.role.put(self.role.document)


def actions(statement: dict) -> list:
    return statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]


def uploads(bucket: str) -> list:
    return site.aws["s3"].list_multipart_uploads(Bucket=bucket).get("Uploads", [])


class Permissions(unittest.TestCase):
    maxDiff = None

    def fails(self, function: str, event: dict, *said: str) -> None:
        error = site.invoke(function, event).get("errorMessage")
        self.assertIsNotNone(error, "it does its job without")
        for words in said:
            self.assertIn(words, error)

    def works(self, function: str, event: dict) -> dict:
        report = site.invoke(function, event)
        self.assertEqual(report.get("status"), "ok", report)
        return report

    def each(self, role: Role, needed: dict) -> None:
        """Takes each permission away in turn. `needed` says by statement and action what is then not done; none may be left out."""
        given = {(sid, action) for sid, all_actions in role.statements().items() for action in all_actions}
        self.assertEqual(set(needed), given - NOT_SHOWN_HERE, "a permission without a check, or a check without its permission")
        for (sid, action), check in needed.items():
            with self.subTest(sid=sid, action=action):
                with role.without((sid, action)):
                    check()

    def writer(self, function: str) -> dict:
        """What both backups need."""
        role = Role(function)

        def abandons():
            # An upload that cannot be completed is given up, so that nobody pays for its parts.
            with role.without(("AbandonParts", "s3:AbortMultipartUpload"), ("WriteWholeObjectsOnce", "s3:PutObject")):
                before = len(uploads(site.vault))
                self.fails(function, {}, "AccessDenied")
                self.assertEqual(len(uploads(site.vault)), before + 1)
            with role.without(("WriteWholeObjectsOnce", "s3:PutObject")):
                self.fails(function, {}, "AccessDenied")
                self.assertEqual(len(uploads(site.vault)), before + 1)

        def subscriptions_are_not_counted():
            self.assertRegex(self.works(function, {})["alarms"], "^not checked whether anybody hears an alarm: .*AuthorizationError")

        def lock_is_not_checked():
            self.assertIn("lock_not_checked", [warning["code"] for warning in self.works(function, {})["warnings"]])

        return {
            ("WriteWholeObjectsOnce", "s3:PutObject"): lambda: self.fails(function, {}, "complete the upload", "AccessDenied"),
            ("WriteParts", "s3:PutObject"): lambda: self.fails(function, {}, "AccessDenied", "HINT"),
            ("AbandonParts", "s3:AbortMultipartUpload"): abandons,
            ("CheckLock", "s3:GetBucketObjectLockConfiguration"): lock_is_not_checked,
            ("SeeWhetherSomebodyIsTold", "sns:GetTopicAttributes"): subscriptions_are_not_counted,
            ("MakeDataKeys", "kms:GenerateDataKey"): lambda: self.fails(function, {}, "KMS", "AccessDenied", "HINT"),
            ("ReadWrappingKeys", "secretsmanager:GetSecretValue"):
                lambda: self.fails(function, {}, site.parameters["WrappingKeysSecret"], "AccessDenied", "HINT"),
        }

    def test_backup_of_the_database_needs_all_that_it_may_do(self):
        self.assertEqual(self.works("backup-database", {})["rows"], 1000)
        self.each(Role("backup-database"), {
            **self.writer("backup-database"),
            ("ReadDatabaseSecret", "secretsmanager:GetSecretValue"):
                lambda: self.fails("backup-database", {}, site.parameters["DatabaseSecret"], "AccessDenied", "HINT"),
        })

    def test_backup_of_the_files_needs_all_that_it_may_do(self):
        self.assertEqual(self.works("backup-files", {})["files"], 4)

        def fails():
            self.fails("backup-files", {}, "AccessDenied")

        def of_a_bucket_with_versions_fails():
            # The role may read both kinds of buckets. This one keeps versions from now on.
            site.aws["s3"].put_bucket_versioning(Bucket=site.files, VersioningConfiguration={"Status": "Enabled"})
            site.put_files()
            fails()

        self.each(Role("backup-files"), {
            **self.writer("backup-files"),
            ("ListFiles", "s3:ListBucket"): fails,
            ("ReadFiles", "s3:GetObject"): fails,
            ("ReadFiles", "s3:GetObjectTagging"): fails,
            ("ReadFiles", "s3:GetObjectVersion"): of_a_bucket_with_versions_fails,
            ("ReadFiles", "s3:GetObjectVersionTagging"): of_a_bucket_with_versions_fails,
        })

    def test_restore_needs_all_that_it_may_do(self):
        site.aws["s3"].put_bucket_versioning(Bucket=site.files, VersioningConfiguration={"Status": "Enabled"})
        site.put_files()
        self.works("backup-database", {})
        self.works("backup-files", {})
        into = f"{site.database}_back"
        database = {"kind": "database", "backup": "latest", "into": into}
        files = {"kind": "files", "backup": "latest", "overwrite": "always"}
        compared = {"kind": "files", "backup": "latest", "overwrite": "if-different"}
        self.addCleanup(psql, f'DROP DATABASE IF EXISTS "{into}" WITH (FORCE)')
        self.assertTrue(self.works("restore", database)["equal"])
        psql(f'DROP DATABASE "{into}" WITH (FORCE)')
        self.assertEqual(self.works("restore", files)["written"], 4)
        self.assertEqual(self.works("restore", compared)["unchanged"], 4)

        def neither(*said: str):
            def check():
                self.fails("restore", database, *said)
                self.assertEqual("", psql(f"SELECT datname FROM pg_database WHERE starts_with(datname, '{into}')"))
                self.fails("restore", files, *said)
            return check

        def leaves_uploads():
            # Parts may be written, and no object: so uploads must be given up.
            policy = {"Statement": [{"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{site.files}/*",
                                     "Condition": {"Bool": {"s3:ObjectCreationOperation": "true"}}}]}
            site.aws["s3"].put_bucket_policy(Bucket=site.files, Policy=json.dumps(policy))
            try:
                self.fails("restore", files, "AccessDenied")
                self.assertEqual(len(uploads(site.files)), 1)
                role.put(role.document)
                self.fails("restore", files, "AccessDenied")
                self.assertEqual(len(uploads(site.files)), 1)
            finally:
                site.aws["s3"].delete_bucket_policy(Bucket=site.files)

        def without_wrapping_keys():
            # Either key opens a backup.
            variables = site.aws["lambda"].get_function_configuration(FunctionName=f"{site.name}-restore")["Environment"]["Variables"]
            fewer = {name: value for name, value in variables.items() if name != "OFFSITE_WRAPPING_KEYS_SECRET"}
            for chosen, check in ((fewer, neither("KMS", "AccessDenied", "HINT")), (variables, lambda: None)):
                site.aws["lambda"].update_function_configuration(FunctionName=f"{site.name}-restore", Environment={"Variables": chosen})
                check()

        role = Role("restore")
        self.each(role, {
            ("ReadBackups", "s3:GetObjectVersion"): neither("AccessDenied"),
            ("ListBackups", "s3:ListBucketVersions"): neither("AccessDenied"),
            ("OpenDataKeys", "kms:Decrypt"): without_wrapping_keys,
            ("ReadWrappingKeys", "secretsmanager:GetSecretValue"): neither(site.parameters["WrappingKeysSecret"], "AccessDenied"),
            ("ReadRestoreSecret", "secretsmanager:GetSecretValue"):
                lambda: self.fails("restore", database, site.parameters["RestoreSecret"], "AccessDenied"),
            ("WriteFiles", "s3:GetObject"): lambda: self.fails("restore", compared, "AccessDenied"),
            ("WriteFiles", "s3:GetObjectVersion"): lambda: self.fails("restore", compared, "AccessDenied"),
            ("WriteFiles", "s3:PutObject"): lambda: self.fails("restore", files, "AccessDenied"),
            ("WriteFiles", "s3:PutObjectTagging"): lambda: self.fails("restore", files, "AccessDenied"),
            ("WriteFiles", "s3:AbortMultipartUpload"): leaves_uploads,
        })


if __name__ == "__main__":
    unittest.main()
