#!/usr/bin/env python3
"""Encrypts and decrypts with the official AWS Encryption SDK: the judge of our messages, which knows nothing of our code.

    esdk.py encrypt KEY... [--context NAME=VALUE]... [--frame-length N] IN OUT
    esdk.py decrypt KEY... IN OUT
    esdk.py jobs                     JSON lines on stdin, an answer each on stdout

A KEY is --secret NAME FILE (64 hex digits), --rsa NAME FILE (PEM: public to encrypt, private to decrypt) or --kms ARN.
A job is {"act": "encrypt" or "decrypt", "keys": [{"kind", "name", "key"}], "in", "out"} and, to encrypt, "context",
"frame_length" (0: not framed), "suite". Its answer is {"context": …} or {"refused": "the exception"}.
No message that is refused leaves an output file.
"""

import argparse
import json
import logging
import os
import sys
from pathlib import Path

import aws_encryption_sdk
import botocore.session
from aws_encryption_sdk import CommitmentPolicy, StrictAwsKmsMasterKeyProvider
from aws_encryption_sdk.identifiers import Algorithm, EncryptionKeyType, WrappingAlgorithm
from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
from aws_encryption_sdk.key_providers.raw import RawMasterKeyProvider

SUITE = "AES_256_GCM_HKDF_SHA512_COMMIT_KEY"


class Offsite(RawMasterKeyProvider):
    """The keys of our *rsa* and *secret* recipients, by name."""

    provider_id = "offsite"

    def __init__(self, **kwargs):
        self.keys = {}

    def add(self, name: str, algorithm: WrappingAlgorithm, key: bytes, kind: EncryptionKeyType) -> None:
        self.keys[name.encode()] = WrappingKey(wrapping_algorithm=algorithm, wrapping_key=key, wrapping_key_type=kind)
        self.add_master_key(name)

    def _get_raw_key(self, key_id):
        return self.keys[key_id]


def provider(keys: list, act: str):
    """One provider of all the keys. A KMS key comes first: it makes the data key."""
    offsite = Offsite()
    kms = [key["name"] for key in keys if key["kind"] == "kms"]
    for key in keys:
        if key["kind"] == "secret":
            algorithm = WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING
            offsite.add(key["name"], algorithm, bytes.fromhex(key["key"]), EncryptionKeyType.SYMMETRIC)
        elif key["kind"] == "rsa":
            kind = EncryptionKeyType.PUBLIC if act == "encrypt" else EncryptionKeyType.PRIVATE
            offsite.add(key["name"], WrappingAlgorithm.RSA_OAEP_SHA256_MGF1, key["key"].encode(), kind)
    if not kms:
        return offsite
    first = StrictAwsKmsMasterKeyProvider(key_ids=kms, botocore_session=botocore.session.get_session())
    if offsite.keys:
        first.add_master_key_provider(offsite)
    return first


def client(suite: str) -> aws_encryption_sdk.EncryptionSDKClient:
    commits = "COMMIT" in suite
    policy = "REQUIRE_ENCRYPT_REQUIRE_DECRYPT" if commits else "FORBID_ENCRYPT_ALLOW_DECRYPT"
    return aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy[policy])


def run(job: dict) -> dict:
    keys, suite = provider(job["keys"], job["act"]), job.get("suite", SUITE)
    options = {"mode": job["act"][0], "key_provider": keys}
    if job["act"] == "encrypt":
        options |= {
            "algorithm": Algorithm[suite],
            "encryption_context": job.get("context", {}),
            "frame_length": job.get("frame_length", 4096),
        }
    out = Path(job["out"])
    part = out.with_name(out.name + ".part")
    try:
        with open(job["in"], "rb") as source, open(part, "wb") as sink:
            with client(suite).stream(source=source, **options) as stream:
                while chunk := stream.read(1 << 20):
                    sink.write(chunk)
                context = stream.header.encryption_context
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)
    return {"context": dict(context)}


def jobs() -> None:
    for line in sys.stdin:
        try:
            answer = run(json.loads(line))
        except Exception as refused:  # whatever the SDK raises is its verdict
            answer = {"refused": f"{type(refused).__name__}: {refused}"}
        print(json.dumps(answer), flush=True)


def main() -> None:
    logging.disable()  # the SDK logs a traceback of its own for each message that it refuses
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    acts = arguments.add_subparsers(dest="act", required=True)
    for act in ("encrypt", "decrypt"):
        parser = acts.add_parser(act)
        parser.add_argument("--secret", nargs=2, action="append", default=[], metavar=("NAME", "FILE"))
        parser.add_argument("--rsa", nargs=2, action="append", default=[], metavar=("NAME", "FILE"))
        parser.add_argument("--kms", action="append", default=[], metavar="ARN")
        if act == "encrypt":
            parser.add_argument("--context", action="append", default=[], metavar="NAME=VALUE")
            parser.add_argument("--frame-length", type=int, default=4096)
        parser.add_argument("input")
        parser.add_argument("output")
    acts.add_parser("jobs")
    chosen = arguments.parse_args()
    if chosen.act == "jobs":
        return jobs()
    keys = [{"kind": "kms", "name": arn} for arn in chosen.kms]
    for kind in ("secret", "rsa"):
        keys += [{"kind": kind, "name": name, "key": Path(file).read_text().strip()} for name, file in getattr(chosen, kind)]
    if not keys:
        arguments.error("a key is needed")
    job = {"act": chosen.act, "keys": keys, "in": chosen.input, "out": chosen.output}
    if chosen.act == "encrypt":
        job |= {"context": dict(pair.split("=", 1) for pair in chosen.context), "frame_length": chosen.frame_length}
    try:
        print(json.dumps(run(job)))
    except Exception as refused:
        sys.exit(f"esdk.py: refused: {type(refused).__name__}: {refused}")


if __name__ == "__main__":
    main()
