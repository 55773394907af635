"""Runs ministack with what it lacks of AWS and our policies and uploads need. Run with the interpreter of its virtual environment.

Permissions: condition keys, without which it would refuse all KMS calls that are bound to an encryption context and all writes to the
vault; and tags that a write carries. Checksums: it takes that of a whole object for one of the parts' checksums, and answers a write
without any. Ranges: it knows them only of the newest version.
"""

import json

from ministack.core import iam_actions
from ministack.services import s3

judged = iam_actions.request_tag_context
judged_s3 = iam_actions.s3_service_context
checked = iam_actions.s3_additional_checks
completed = s3._complete_multipart_upload
composite = s3._composite_checksum
put = s3._put_object
got = s3._get_object


def with_encryption_context(service, action, body, *rest):
    """kms:EncryptionContext:…, by which a role is bound to its environment."""
    context = dict(judged(service, action, body, *rest))
    if service == "kms":
        pairs = json.loads(body or b"{}").get("EncryptionContext") or {}
        context.update({f"kms:EncryptionContext:{key}": value for key, value in pairs.items()})
    return context


def with_conditional_writes(action, query, path="", headers=None):
    """s3:if-none-match and s3:ObjectCreationOperation, which tells the calls that make an object from those of an upload before it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
    """
    context = dict(judged_s3(action, query, path, headers))
    if action == "s3:PutObject":
        query, headers = query or {}, {name.lower(): value for name, value in (headers or {}).items()}
        # CreateMultipartUpload has `uploads`, UploadPart `partNumber`, CompleteMultipartUpload only `uploadId`.
        context["s3:ObjectCreationOperation"] = "false" if "uploads" in query or "partNumber" in query else "true"
        if "if-none-match" in headers:
            context["s3:if-none-match"] = headers["if-none-match"]
    return context


def with_tags_of_write(method, path, headers, body, query):
    """Who writes an object with tags needs s3:PutObjectTagging too.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
    """
    checks = checked(method, path, headers, body, query)
    if "x-amz-tagging" in headers and method in ("PUT", "POST"):
        checks = [*checks, ("s3:PutObjectTagging", f"arn:aws:s3:::{path.lstrip('/')}")]
    return checks


def with_checksum_of_all(bucket, key, body, query, headers=None):
    """x-amz-checksum-type: FULL_OBJECT."""
    upload = s3._multipart_uploads.get(s3._qp(query, "uploadId"))
    if upload is None or (headers or {}).get("x-amz-checksum-type") != "FULL_OBJECT":
        return completed(bucket, key, body, query, headers)
    whole = b"".join(upload["parts"][number]["body"] for number in sorted(upload["parts"]))
    checksum = s3._compute_s3_checksum(upload["checksum_algorithm"], whole)
    # It compares this with what was sent, stores it and answers with it.
    s3._composite_checksum = lambda *_: checksum
    try:
        status, fields, answer = completed(bucket, key, body, query, headers)
        if status == 200:
            s3._buckets[bucket]["objects"][key]["checksum_type"] = "FULL_OBJECT"
        return status, fields, answer.replace(b"COMPOSITE", b"FULL_OBJECT")
    finally:
        s3._composite_checksum = composite


def with_checksum_in_answer(bucket, key, body, headers):
    """S3 answers a write with the checksum that it stored."""
    status, fields, *rest = put(bucket, key, body, headers)
    if status == 200:
        stored = s3._buckets[bucket]["objects"][key].get("checksums") or {}
        fields = {**fields, **{f"x-amz-checksum-{name.lower()}": value for name, value in stored.items()}}
    return status, fields, *rest


def with_range_of_version(bucket, key, headers, query=None):
    """It takes ranges only of the newest version."""
    status, fields, body = got(bucket, key, headers, query)
    wanted = headers.get("range")
    if status != 200 or not wanted or not s3._qp(query or {}, "versionId", ""):
        return status, fields, body
    start, end = s3._parse_range(wanted, len(body))
    fields = {name: value for name, value in fields.items() if not name.lower().startswith(("x-amz-checksum", "content-length"))}
    part = body[start:end + 1]
    return 206, {**fields, "Content-Length": str(len(part)), "Content-Range": f"bytes {start}-{end}/{len(body)}"}, part


s3._get_object = with_range_of_version
s3._put_object = with_checksum_in_answer
s3._complete_multipart_upload = with_checksum_of_all
iam_actions.s3_additional_checks = with_tags_of_write
iam_actions.request_tag_context = with_encryption_context
iam_actions.s3_service_context = with_conditional_writes

from ministack.app import main  # noqa: E402  the patch must be first

main()
