#!/usr/bin/env python3
"""The older way to back up files: object after object into a ZIP in memory, encrypted there, uploaded.

    older_files.py BUCKET VAULT KEY

It lists all pages and stops at the first error; the tool that it stands for did neither. The password is `OLDER_PASSWORD`.
"""

import io
import os
import sys
import zipfile

import boto3
import pyAesCrypt
from botocore.config import Config

bucket, vault, key = sys.argv[1:]
s3 = boto3.client("s3", config=Config(s3={"addressing_style": "path"}))
archive = io.BytesIO()
with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as entries:
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for listed in page.get("Contents", []):
            entries.writestr(listed["Key"], s3.get_object(Bucket=bucket, Key=listed["Key"])["Body"].read())
archive.seek(0)
encrypted = io.BytesIO()
pyAesCrypt.encryptStream(archive, encrypted, os.environ["OLDER_PASSWORD"])
encrypted.seek(0)
s3.upload_fileobj(encrypted, vault, key)
