"""The vault's bucket, made with the template's own properties on an S3 that enforces Object Lock, by a user whom no policy holds back."""

import datetime
import json
import secrets
import subprocess
import sys
import unittest

from deployment import ENVIRONMENT, vault
from packages import HERE, place

import boto3
from botocore.exceptions import ClientError

DAYS = "35"
DATABASE, FILES = f"{ENVIRONMENT}/database/a", f"{ENVIRONMENT}/files/a"
DAY = datetime.timedelta(days=1)


def client():
    # Nothing happens if it runs already. Whoever runs all tests ends it.
    subprocess.run([sys.executable, str(HERE.parent / "local/stack.py"), "up", "s3"], check=True)
    stack = json.loads((place.local_dir() / "stack.json").read_text())
    return boto3.client("s3", endpoint_url=stack["s3_endpoint"], region_name=stack["region"], aws_access_key_id=stack["access_key_id"],
                        aws_secret_access_key=stack["secret_access_key"])


def make(s3, name: str, properties: dict) -> None:
    """What CloudFormation calls for an AWS::S3::Bucket, all but the access logs."""
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=properties["ObjectLockEnabled"])
    retention = properties["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    s3.put_object_lock_configuration(Bucket=name, ObjectLockConfiguration={
        "ObjectLockEnabled": properties["ObjectLockConfiguration"]["ObjectLockEnabled"],
        "Rule": {"DefaultRetention": {"Mode": retention["Mode"], "Days": int(retention["Days"])}}})
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=properties["VersioningConfiguration"])
    s3.put_bucket_ownership_controls(Bucket=name, OwnershipControls=properties["OwnershipControls"])
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=properties["PublicAccessBlockConfiguration"])
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": rule["ServerSideEncryptionByDefault"]}
        for rule in properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]]})
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": lifecycle(properties)})


def lifecycle(properties: dict) -> list:
    """The rules in the words of S3's API."""
    rules = []
    for rule in properties["LifecycleConfiguration"]["Rules"]:
        expiration = {"Days": rule["ExpirationInDays"]} if "ExpirationInDays" in rule else {"ExpiredObjectDeleteMarker": rule["ExpiredObjectDeleteMarker"]}
        others = {key: rule[key] for key in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload") if key in rule}
        rules.append({"ID": rule["Id"], "Status": rule["Status"], "Filter": {"Prefix": rule.get("Prefix", "")}, "Expiration": expiration, **others})
    return rules


class Locks(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.s3, cls.bucket = client(), f"vault-{secrets.token_hex(8)}"
        cls.properties = vault({"LockDays": DAYS}).resources()["Vault"]
        make(cls.s3, cls.bucket, cls.properties)
        cls.began = datetime.datetime.now(datetime.timezone.utc)
        cls.versions = {DATABASE: cls.s3.put_object(Bucket=cls.bucket, Key=DATABASE, Body=b"one", IfNoneMatch="*")["VersionId"],
                        FILES: cls.uploaded(FILES)["VersionId"]}

    @classmethod
    def tearDownClass(cls):
        cls.s3.close()

    @classmethod
    def uploaded(cls, key: str) -> dict:
        """An upload in parts, as the backups are."""
        upload = cls.s3.create_multipart_upload(Bucket=cls.bucket, Key=key)["UploadId"]
        part = cls.s3.upload_part(Bucket=cls.bucket, Key=key, UploadId=upload, PartNumber=1, Body=b"one")
        return cls.s3.complete_multipart_upload(Bucket=cls.bucket, Key=key, UploadId=upload, IfNoneMatch="*",
                                                MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]})

    def refused(self, code: str, act, **words) -> None:
        with self.assertRaises(ClientError) as refusal:
            act(Bucket=self.bucket, **words)
        self.assertEqual(code, refusal.exception.response["Error"]["Code"])

    def retention(self, key: str) -> dict:
        return self.s3.get_object_retention(Bucket=self.bucket, Key=key, VersionId=self.versions[key])["Retention"]

    def test_whatever_is_put_is_locked_in_compliance_mode_for_the_days(self):
        for key in (DATABASE, f"{ENVIRONMENT}/files/new"):
            if key not in self.versions:
                self.versions[key] = self.uploaded(key)["VersionId"]
            found = self.retention(key)
            self.assertEqual("COMPLIANCE", found["Mode"])
            self.assertGreater(found["RetainUntilDate"], self.began + (int(DAYS) - 1) * DAY)

    def test_no_version_can_be_deleted(self):
        for key, version in self.versions.items():
            self.refused("AccessDenied", self.s3.delete_object, Key=key, VersionId=version)
            self.refused("AccessDenied", self.s3.delete_object, Key=key, VersionId=version, BypassGovernanceRetention=True)

    def test_a_deletion_without_a_version_leaves_the_object_readable(self):
        self.s3.delete_object(Bucket=self.bucket, Key=FILES)
        read = self.s3.get_object(Bucket=self.bucket, Key=FILES, VersionId=self.versions[FILES])
        self.assertEqual(b"one", read["Body"].read())

    def test_no_lock_can_be_shortened_weakened_or_taken_off(self):
        until = self.retention(DATABASE)["RetainUntilDate"]
        for retention in ({"Mode": "COMPLIANCE", "RetainUntilDate": until - DAY}, {"Mode": "GOVERNANCE", "RetainUntilDate": until + DAY}, {}):
            for bypass in ({}, {"BypassGovernanceRetention": True}):
                self.refused("AccessDenied", self.s3.put_object_retention, Key=DATABASE, VersionId=self.versions[DATABASE], Retention=retention, **bypass)
        self.assertEqual(until, self.retention(DATABASE)["RetainUntilDate"])

    def test_a_lock_can_be_lengthened(self):
        key = f"{ENVIRONMENT}/database/held"
        self.versions[key] = self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"one", IfNoneMatch="*")["VersionId"]
        longer = (self.retention(key)["RetainUntilDate"] + 365 * DAY).replace(microsecond=0)
        self.s3.put_object_retention(Bucket=self.bucket, Key=key, VersionId=self.versions[key],
                                     Retention={"Mode": "COMPLIANCE", "RetainUntilDate": longer})
        self.assertEqual(longer, self.retention(key)["RetainUntilDate"])

    def test_nothing_is_written_over_by_a_write_that_asks_for_none_to_be_there(self):
        self.refused("PreconditionFailed", self.s3.put_object, Key=DATABASE, Body=b"two", IfNoneMatch="*")
        with self.assertRaises(ClientError) as refusal:
            self.uploaded(DATABASE)
        self.assertEqual("PreconditionFailed", refusal.exception.response["Error"]["Code"])

    def test_a_write_without_that_condition_leaves_the_first_version_as_it_was(self):
        self.s3.put_object(Bucket=self.bucket, Key=DATABASE, Body=b"forged")
        read = self.s3.get_object(Bucket=self.bucket, Key=DATABASE, VersionId=self.versions[DATABASE])
        self.assertEqual(b"one", read["Body"].read())

    def test_versioning_and_lock_can_not_be_switched_off(self):
        self.refused("InvalidBucketState", self.s3.put_bucket_versioning, VersioningConfiguration={"Status": "Suspended"})
        self.refused("MalformedXML", self.s3.put_object_lock_configuration, ObjectLockConfiguration={})

    def test_the_bucket_can_not_be_deleted(self):
        self.refused("BucketNotEmpty", self.s3.delete_bucket)

    def test_s3_takes_the_lifecycle_as_it_was_meant(self):
        found = self.s3.get_bucket_lifecycle_configuration(Bucket=self.bucket)["Rules"]
        self.assertEqual(lifecycle(self.properties), found)

    def test_s3_would_take_a_shorter_lock_from_the_headers_of_a_write(self):
        """So the bucket's policy refuses it: s3:PutObjectRetention is for the break-glass role only."""
        until = self.began.replace(microsecond=0) + DAY
        key = f"{ENVIRONMENT}/database/short"
        self.versions[key] = self.s3.put_object(Bucket=self.bucket, Key=key, Body=b"one", ObjectLockMode="COMPLIANCE",
                                                ObjectLockRetainUntilDate=until)["VersionId"]
        self.assertEqual(until, self.retention(key)["RetainUntilDate"])


if __name__ == "__main__":
    unittest.main()
