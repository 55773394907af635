#!/usr/bin/env python3
"""Makes the envelope's known answers with the official AWS Encryption SDK: esdk_vectors.py shared/envelope/tests/vectors

The keys in the folder are kept if they are there. They are public: never use them for anything else.
"""

import logging
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path

import esdk

NAME = "2026-11-22"
CONTEXT = {"offsite-backup": "20261122T121433Z-shop-0123456789abcdef", "offsite-part": "volume-0001", "naïve": "日本"}
COMMITTING, SIGNING = "AES_256_GCM_HKDF_SHA512_COMMIT_KEY", "AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384"
UNCOMMITTED = "AES_256_GCM_IV12_TAG16_HKDF_SHA256"

#        file                  kinds              plaintext  frame  context  suite
VECTORS = [
    ("secret_empty",          ["secret"],         0,         128,   CONTEXT, COMMITTING),
    ("secret_frames",         ["secret"],         300,       128,   CONTEXT, COMMITTING),
    ("secret_whole_frames",   ["secret"],         256,       128,   CONTEXT, COMMITTING),
    ("secret_no_context",     ["secret"],         300,       128,   {},      COMMITTING),
    ("rsa_frames",            ["rsa"],            300,       128,   CONTEXT, COMMITTING),
    ("secret_rsa_frames",     ["secret", "rsa"],  300,       128,   CONTEXT, COMMITTING),
    ("suite_signed",          ["secret"],         300,       128,   CONTEXT, SIGNING),
    ("suite_uncommitted",     ["secret"],         300,       128,   CONTEXT, UNCOMMITTED),
    ("content_unframed",      ["secret"],         300,       0,     CONTEXT, COMMITTING),
]


def keys(folder: Path) -> dict:
    secret, private, public = folder / "secret.hex", folder / "escrow_private.pem", folder / "escrow_public.pem"
    if not secret.exists():
        secret.write_text(secrets.token_hex(32) + "\n")
    if not private.exists():
        generate = ["openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096", "-out", private]
        subprocess.run(generate, check=True)
        subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True)
    return {
        "secret": {"kind": "secret", "name": NAME, "key": secret.read_text().strip()},
        "rsa": {"kind": "rsa", "name": "escrow", "key": public.read_text()},
    }


def main() -> None:
    logging.disable()
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    known = keys(folder)
    with tempfile.NamedTemporaryFile() as plaintext:
        for name, kinds, length, frame_length, context, suite in VECTORS:
            Path(plaintext.name).write_bytes(bytes((place * 31 + 7) % 251 for place in range(length)))
            esdk.run({
                "act": "encrypt", "keys": [known[kind] for kind in kinds], "context": context, "suite": suite,
                "frame_length": frame_length, "in": plaintext.name, "out": str(folder / f"{name}.enc"),
            })


if __name__ == "__main__":
    main()
