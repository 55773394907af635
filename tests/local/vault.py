"""The vault: LocalStack with S3 only, because it enforces Object Lock for multipart uploads too."""

import json
import os
import urllib.request

import pinned
import place
import process

NAME = "s3"


def up(say) -> dict:
    running = process.read_record(NAME)
    if running:
        return running
    folder = pinned.venv("localstack", say)
    data = place.local_dir() / "localstack"
    data.mkdir(exist_ok=True)
    port = process.free_port()
    endpoint = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{endpoint}/_localstack/health", timeout=2) as answer:
                return json.load(answer)["services"]["s3"] in ("available", "running")
        except OSError:
            return False

    say("starting LocalStack S3")
    return process.start(
        NAME, [str(folder / "bin/python"), str(place.HERE / "localstack_loopback.py")], {"endpoint": endpoint}, ready,
        cwd=data,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(data),
            "TMPDIR": str(data),  # where the objects lie
            "FILESYSTEM_ROOT": str(data / "root"),
            "OVERRIDE_IN_DOCKER": "0",  # in a container it would take /var/lib/localstack, and every interface
            "GATEWAY_LISTEN": f"127.0.0.1:{port}",
            "SERVICES": "s3",
            "DNS_ADDRESS": "0",
            "DISABLE_EVENTS": "1",
            "SKIP_INFRA_DOWNLOADS": "1",
            "SKIP_SSL_CERT_DOWNLOAD": "1",
        })
