"""Lambda, Secrets Manager, KMS, CloudFormation, Scheduler: ministack, which runs our real `bootstrap` as a subprocess.

Functions inherit its environment. So they find S3 at the vault and all else here, and template.yaml needs to know nothing
of the local stack.
"""

import hashlib
import json
import os
import urllib.request

import pinned
import place
import process
import vault

NAME = "aws"
LAUNCHER = place.HERE / "ministack_amended.py"


def up(say) -> dict:
    s3 = vault.up(say)["endpoint"]
    running = process.read_record(NAME)
    facts = {"s3_endpoint": s3, "launcher": hashlib.sha256(LAUNCHER.read_bytes()).hexdigest()}
    if running and facts.items() <= running.items():
        return running
    if running:
        say("ending ministack, whose functions still look for an earlier vault, or which was started otherwise")
        process.end(NAME, running)
    folder = pinned.venv("ministack", say)
    data = place.local_dir() / "ministack"
    data.mkdir(exist_ok=True)
    port = process.free_port()
    endpoint = f"http://127.0.0.1:{port}"

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"{endpoint}/_ministack/ready", timeout=2) as answer:
                return json.load(answer)["status"] == "completed"
        except OSError:
            return False

    say("starting ministack")
    return process.start(
        NAME, [str(folder / "bin/python"), str(LAUNCHER)],
        {"endpoint": endpoint, **facts}, ready, cwd=data,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(data),
            "TMPDIR": str(data),
            "LANG": "C.UTF-8",
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",
            "S3_DATA_DIR": str(data / "s3"),
            "AUTH": "true",  # roles may do what their policies say, and no more
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
            "AWS_ENDPOINT_URL": endpoint,
            "AWS_ENDPOINT_URL_S3": s3,
        })
