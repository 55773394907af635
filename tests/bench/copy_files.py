#!/usr/bin/env python3
"""Copies all objects of one S3 server's bucket into another server's: copy_files.py FROM_ENDPOINT BUCKET TO_ENDPOINT BUCKET"""

import concurrent.futures
import sys

import boto3
from botocore.config import Config

THREADS = 16


def client(endpoint):
    return boto3.client("s3", endpoint_url=endpoint, config=Config(s3={"addressing_style": "path"}, max_pool_connections=THREADS))


from_endpoint, from_bucket, to_endpoint, to_bucket = sys.argv[1:]
source, target = client(from_endpoint), client(to_endpoint)


def copy(key):
    target.put_object(Bucket=to_bucket, Key=key, Body=source.get_object(Bucket=from_bucket, Key=key)["Body"].read())


pages = source.get_paginator("list_objects_v2").paginate(Bucket=from_bucket)
with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
    for _ in threads.map(copy, [listed["Key"] for page in pages for listed in page["Contents"]]):
        pass
