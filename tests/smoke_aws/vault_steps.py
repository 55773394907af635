"""What the vault's account does: writes that happen once, who may do what, the lock, the key."""

import datetime
import secrets

import botocore
from botocore.config import Config

from steps import DEPLOYED, KMS, LOCK, POLICIES, PERSON, NotAsPromised, equal, refused, step

BODY = b"smoke"


def new_key(place, environment: str = None) -> str:
    return f"{environment or place.environment}/database/2026/01/01/20260101T000000Z-smoke-{secrets.token_hex(8)}/volume-0001.sql.zst.enc"


def written(place) -> tuple:
    """Key and version of the object of the first step."""
    if not place.written:
        raise NotAsPromised("there is no object: one-write-per-key was not shown")
    return place.written


def upload(place, key: str) -> dict:
    """A multipart upload of one part that is not completed; what completes it."""
    begun = place.writer("s3").create_multipart_upload(Bucket=place.bucket, Key=key)
    part = place.writer("s3").upload_part(Bucket=place.bucket, Key=key, UploadId=begun["UploadId"], PartNumber=1, Body=BODY)
    return {"Bucket": place.bucket, "Key": key, "UploadId": begun["UploadId"],
            "MultipartUpload": {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}}


def abort(place, upload: dict) -> None:
    place.writer("s3").abort_multipart_upload(**{name: upload[name] for name in ("Bucket", "Key", "UploadId")})


@step(LOCK)
def one_write_per_key(place):
    """PutObject with If-None-Match makes an object once, and never again under its key."""
    key = new_key(place)
    put = {"Bucket": place.bucket, "Key": key, "Body": BODY, "IfNoneMatch": "*"}
    place.written = key, place.writer("s3").put_object(**put)["VersionId"]
    refused("the second write", place.writer("s3").put_object, "PreconditionFailed", **put)


@step(LOCK)
def one_multipart_upload_per_key(place):
    """CompleteMultipartUpload with If-None-Match does so, too."""
    key = new_key(place)
    place.writer("s3").complete_multipart_upload(**upload(place, key), IfNoneMatch="*")
    again = upload(place, key)
    refused("the second upload", place.writer("s3").complete_multipart_upload, "PreconditionFailed", **again, IfNoneMatch="*")
    abort(place, again)


@step(POLICIES)
def no_write_without_condition(place):
    """s3:if-none-match and s3:ObjectCreationOperation: without the condition no object is made, but parts may be sent."""
    refused("a write", place.writer("s3").put_object, Bucket=place.bucket, Key=new_key(place), Body=BODY)
    begun = upload(place, new_key(place))
    refused("an upload's completion", place.writer("s3").complete_multipart_upload, **begun)
    abort(place, begun)


@step(POLICIES)
def writer_only_adds(place):
    """The vault refuses a writer that its own account allows everything."""
    key, version = written(place)
    s3, this = place.writer("s3"), {"Bucket": place.bucket, "Key": key}
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=2)
    refused("reading", s3.get_object, **this)
    refused("listing", s3.list_objects_v2, Bucket=place.bucket, Prefix=f"{place.environment}/")
    refused("listing versions", s3.list_object_versions, Bucket=place.bucket, Prefix=f"{place.environment}/")
    refused("a delete marker", s3.delete_object, **this)
    refused("deleting a version", s3.delete_object, **this, VersionId=version)
    refused("a tag", s3.put_object_tagging, **this, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    refused("a longer lock", s3.put_object_retention, **this, Retention={"Mode": "COMPLIANCE", "RetainUntilDate": later})
    refused("a bucket's policy", s3.delete_bucket_policy, Bucket=place.bucket)


@step(POLICIES)
def writer_sets_nothing_of_its_own(place):
    """No lock, key, storage class or environment of the writer's choice."""
    later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    for what, extra in (("a lock", {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": later}),
                        ("a KMS key", {"ServerSideEncryption": "aws:kms"}),
                        ("a key of the customer", {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": secrets.token_bytes(32)}),
                        ("another storage class", {"StorageClass": "ONEZONE_IA"})):
        put = {"Bucket": place.bucket, "Key": new_key(place), "Body": BODY, "IfNoneMatch": "*", "ChecksumAlgorithm": "SHA256", **extra}
        refused(what, place.writer("s3").put_object, **put)
    other = {"Bucket": place.bucket, "Key": new_key(place, "another"), "Body": BODY, "IfNoneMatch": "*"}
    refused("another environment", place.writer("s3").put_object, **other)


@step(POLICIES)
def connections_without_tls_are_refused(place):
    """aws:SecureTransport is what it says."""
    plain = place.writer("s3", endpoint_url=f"http://s3.{place.region}.amazonaws.com", config=Config(s3={"addressing_style": "path"}))
    refused("a write without TLS", plain.put_object, Bucket=place.bucket, Key=new_key(place), Body=BODY, IfNoneMatch="*")


@step(KMS)
def key_is_bound_to_the_environment(place):
    """kms:EncryptionContext: data keys of this environment only, and nobody here opens one."""
    context = {"offsite-environment": place.environment, "offsite-backup": "smoke"}
    make = {"KeyId": place.key, "NumberOfBytes": 32}
    wrapped = place.writer("kms").generate_data_key(**make, EncryptionContext=context)["CiphertextBlob"]
    refused("another environment", place.writer("kms").generate_data_key, **make, EncryptionContext={"offsite-environment": "another"})
    refused("no environment", place.writer("kms").generate_data_key, **make)
    opened = {"KeyId": place.key, "CiphertextBlob": wrapped, "EncryptionContext": context}
    refused("the writer opens a data key", place.writer("kms").decrypt, **opened)
    refused("the vault's administrator opens one", place.vault("kms").decrypt, **opened)


@step(KMS)
def key_is_not_ended(place):
    """Who deploys the vault may neither end its key nor let others use it."""
    kms = place.vault("kms")
    refused("deleting the key", kms.schedule_key_deletion, KeyId=place.key, PendingWindowInDays=30)
    refused("disabling the key", kms.disable_key, KeyId=place.key)
    refused("a grant", kms.create_grant, KeyId=place.key, GranteePrincipal=place.caller, Operations=["Decrypt"])


@step(PERSON)
def vault_tells_by_mail(place):
    """EventBridge hears of refused calls through CloudTrail, and SNS sends a mail."""
    place.ask(f"Within minutes, a mail to {place.email} must say that somebody called ScheduleKeyDeletion. Has it come?")


@step(DEPLOYED)
def deployer_configures(place):
    """DeployingRole in the template's pattern, as IAM Identity Center has it too, fits the role that calls."""
    s3 = place.vault("s3")
    rules = s3.get_bucket_lifecycle_configuration(Bucket=place.bucket)["Rules"]
    s3.put_bucket_lifecycle_configuration(Bucket=place.bucket, LifecycleConfiguration={"Rules": rules})
    # The lifecycle of a day's lock: current for two days, and gone one later.
    expire, = (rule for rule in rules if rule["ID"] == "ExpireDatabase")
    equal("days until a version is noncurrent", expire["Expiration"]["Days"], 2)
    equal("days until it is deleted then", expire["NoncurrentVersionExpiration"]["NoncurrentDays"], 1)


@step(LOCK)
def lock_holds_without_any_policy(place):
    """COMPLIANCE: with all rights and no policy, no version is deleted, and no lock is shortened."""
    s3, (key, version) = place.vault("s3"), written(place)
    try:
        # Only who deploys may. What comes after, the lock alone refuses.
        s3.delete_bucket_policy(Bucket=place.bucket)
    except botocore.exceptions.ClientError as error:
        raise NotAsPromised(f"the deploying role may not take the policy away: {error}") from error
    this = {"Bucket": place.bucket, "Key": key, "VersionId": version}
    lock = s3.get_object_retention(**this)["Retention"]
    equal("the mode", lock["Mode"], "COMPLIANCE")
    now = datetime.datetime.now(datetime.timezone.utc)
    left = lock["RetainUntilDate"] - now
    equal("between 23 and 25 hours of lock", datetime.timedelta(hours=23) < left < datetime.timedelta(hours=25), True)
    refused("deleting a version", s3.delete_object, **this)
    refused("the same, past governance", s3.delete_object, **this, BypassGovernanceRetention=True)
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": now + datetime.timedelta(minutes=5)}
    refused("a shorter lock", s3.put_object_retention, **this, Retention=shorter)
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": lock["RetainUntilDate"]}
    refused("a weaker lock", s3.put_object_retention, **this, Retention=weaker, BypassGovernanceRetention=True)
