#!/usr/bin/env python3
"""The shop's bucket of the demo, by AWS's own SDK for Python.

    bucket.py fill BUCKET       makes it: a few hundred files of all kinds, with metadata and tags
    bucket.py damage BUCKET     deletes some files, and overwrites others
    bucket.py describe BUCKET   prints as JSON, by key: the digest of the bytes, headers, metadata, tags, storage class
"""

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

KINDS = ("image/png", "application/pdf", "text/plain; charset=utf-8", None)
ODD = ("../climbs", "/absolute", "a//b", "a\\b", "caf\u00e9", "cafe\u0301", "Twin", "twin", "empty folder/", "new\nline")
HEADERS = ("ContentType", "ContentEncoding", "ContentLanguage", "ContentDisposition", "CacheControl", "Metadata", "StorageClass")


def client():
    return boto3.client("s3", config=Config(s3={"addressing_style": "path"}, max_pool_connections=16))


def files() -> list:
    """Arguments of every PutObject."""
    made = []
    for number in range(300):
        body = hashlib.sha256(str(number).encode()).digest() * (1 + number * number // 20)
        made.append({"Key": f"orders/{number % 12:02}/invoice-{number:04}.pdf", "Body": body})
    made += [{"Key": key, "Body": b"" if key.endswith("/") else key.encode()} for key in ODD]
    made.append({"Key": "catalogue/film.mp4", "Body": bytes(range(256)) * (20 << 12)})
    for number, file in enumerate(made):
        if KINDS[number % 4]:
            file["ContentType"] = KINDS[number % 4]
        if number % 3 == 0:
            file |= {"Metadata": {"order": str(number), "shop": "london"}, "CacheControl": "max-age=3600"}
        if number % 5 == 0:
            file |= {"Tagging": f"customer={number}&kind=invoice", "ContentDisposition": f'attachment; filename="{number}.pdf"'}
        if number % 7 == 0:
            file |= {"StorageClass": "STANDARD_IA", "ContentLanguage": "en-GB"}
    return made


def fill(s3, bucket: str) -> None:
    s3.create_bucket(Bucket=bucket)
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda file: s3.put_object(Bucket=bucket, **file), files()))


def damage(s3, bucket: str) -> None:
    for number, file in enumerate(files()):
        if number % 6 == 0 or file["Key"] in ODD:
            s3.delete_object(Bucket=bucket, Key=file["Key"])
        elif number % 6 == 1:
            s3.put_object(Bucket=bucket, Key=file["Key"], Body=b"encrypted by an intruder", ContentType="text/plain")


def describe(s3, bucket: str) -> dict:
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
    keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def one(key: str) -> dict:
        got = s3.get_object(Bucket=bucket, Key=key)
        body = got["Body"].read()
        tags = s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]
        return {"bytes": len(body), "sha256": hashlib.sha256(body).hexdigest(), **{name: got.get(name) for name in HEADERS},
                "tags": {tag["Key"]: tag["Value"] for tag in tags}}

    with ThreadPoolExecutor(16) as pool:
        return dict(zip(keys, pool.map(one, keys)))


if __name__ == "__main__":
    act, name = sys.argv[1:]
    said = {"fill": fill, "damage": damage, "describe": describe}[act](client(), name)
    if said is not None:
        print(json.dumps(said, sort_keys=True))
