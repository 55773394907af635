"""A certificate authority for the local servers, and one certificate for localhost and 127.0.0.1."""

import subprocess
from pathlib import Path

import place

LEAF = """
[leaf]
basicConstraints = critical,CA:FALSE
keyUsage = critical,digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = DNS:localhost,IP:127.0.0.1
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


def openssl(*words: str, cwd: Path) -> None:
    subprocess.run(["openssl", *words], cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def folder() -> Path:
    """The folder with `ca.crt`, `server.crt` and `server.key`; made once."""
    tls = place.local_dir() / "tls"
    if (tls / "server.crt").is_file():
        return tls
    tls.mkdir(mode=0o700, exist_ok=True)
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.crt", "-days", "3650", "-sha256",
            "-subj", "/CN=Offsite local stack CA", "-addext", "keyUsage=critical,keyCertSign,cRLSign", cwd=tls)
    openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost", cwd=tls)
    (tls / "leaf.cnf").write_text(LEAF)
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650",
            "-sha256", "-extfile", "leaf.cnf", "-extensions", "leaf", "-out", "made.crt", cwd=tls)
    (tls / "made.crt").rename(tls / "server.crt")
    return tls
