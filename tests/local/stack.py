#!/usr/bin/env python3
"""The local stack: real servers on loopback, for tests, the demo and trials.

    stack.py up [s3] [aws] [postgres[=13,15,18]] [esdk] [all]    start what isn't running (all without a word)
    stack.py down [same words]                                   end it (all without a word)
    stack.py status                                              what runs
    stack.py env                                                 shell exports of stack.json
"""

import argparse
import concurrent.futures
import contextlib
import fcntl
import json
import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

import aws
import pinned
import place
import postgres
import process
import vault

REGION, ACCESS_KEY_ID, SECRET_ACCESS_KEY, ACCOUNT_ID = "us-east-1", "test", "test", "000000000000"


def say(text: str) -> None:
    print(f"local stack: {text}", file=sys.stderr, flush=True)


def parts(words: list) -> list:
    """The parts that the words of the command line mean, in starting order: `s3`, `aws`, `postgres-15`, `esdk`."""
    chosen = []
    for word in words or ["all"]:
        name, _, majors = word.partition("=")
        if word == "all":
            chosen += ["s3", "aws", *(f"postgres-{major}" for major in postgres.MAJORS), "esdk"]
        elif word in ("s3", "aws", "esdk"):
            chosen.append(word)
        elif name == "postgres":
            for major in majors.split(",") if majors else postgres.MAJORS:
                if major not in postgres.MAJORS:
                    raise SystemExit(f"stack.py: no PostgreSQL {major} here, only {', '.join(postgres.MAJORS)}")
                chosen.append(f"postgres-{major}")
        else:
            raise SystemExit(f"stack.py: unknown part {word!r}\n{__doc__}")
    return list(dict.fromkeys(chosen))


def start(part: str) -> None:
    if part == "s3":
        vault.up(say)
    elif part == "aws":
        aws.up(say)
    elif part == "esdk":
        pinned.venv("esdk", say)
    else:
        postgres.up(part.partition("-")[2], say)


def facts() -> dict:
    """What `stack.json` says: only of servers that run now."""
    running = {name: record for name, record in process.records().items() if process.is_alive(record)}
    esdk = place.local_dir() / "venv-esdk/bin/python"
    servers = {name.partition("-")[2]: record["server"] for name, record in running.items() if "server" in record}
    return {
        "s3_endpoint": running.get("s3", {}).get("endpoint"),
        "aws_endpoint": running.get("aws", {}).get("endpoint"),
        "region": REGION,
        "access_key_id": ACCESS_KEY_ID,
        "secret_access_key": SECRET_ACCESS_KEY,
        "account_id": ACCOUNT_ID,
        "postgres": servers,
        **(postgres.clients(say) if servers else {"psql": None, "pg_dump": None}),
        "python_esdk": str(esdk) if esdk.exists() else None,
    }


def write_facts() -> None:
    process.write_private(place.local_dir() / "stack.json", json.dumps(facts(), indent=2) + "\n")


def end(names: list) -> None:
    failed = []
    for name, record in process.records().items():
        if name in names:
            try:
                process.end(name, record)
                if "data" in record:
                    shutil.rmtree(record["data"], ignore_errors=True)
                say(f"ended {name}")
            except process.ServerFailed as failure:
                failed.append(str(failure))
    if failed:
        raise process.ServerFailed("\n".join(failed))


def up(words: list) -> None:
    wanted = parts(words)
    if "aws" in wanted and "s3" not in wanted:
        wanted.append("s3")  # where the functions put their backups
    already = {name for name, record in process.records().items() if process.is_alive(record)}
    try:
        if any(part.startswith("postgres") for part in wanted):
            postgres.clients(say)  # once, before several threads want it
        if "s3" in wanted:
            start("s3")  # first, for `aws` hands its address to the functions
        with concurrent.futures.ThreadPoolExecutor(max_workers=2) as pool:
            for done in [pool.submit(start, part) for part in wanted if part != "s3"]:
                done.result()
    except BaseException:
        # Half a stack is nobody's: what this call started goes; what ran before stays.
        end([part for part in wanted if part not in already])
        raise
    finally:
        write_facts()


def down(words: list) -> None:
    try:
        end(parts(words) if words else list(process.records()))
    finally:
        write_facts()


def status() -> None:
    for name, record in process.records().items():
        where = record.get("endpoint") or "127.0.0.1:%d" % record["server"]["port"]
        print(f"{name:12} {'running' if process.is_alive(record) else 'dead':8} pid {record['pid']:<8} {where}")


def exports(value: dict) -> dict:
    """Names and values of the environment for a `stack.json`."""
    names = {
        "AWS_ENDPOINT_URL": value["aws_endpoint"],
        "AWS_ENDPOINT_URL_S3": value["s3_endpoint"],
        "AWS_REGION": value["region"],
        "AWS_DEFAULT_REGION": value["region"],
        "AWS_ACCESS_KEY_ID": value["access_key_id"],
        "AWS_SECRET_ACCESS_KEY": value["secret_access_key"],
        "OFFSITE_STACK_ACCOUNT_ID": value["account_id"],
        "OFFSITE_STACK_PSQL": value["psql"],
        "OFFSITE_STACK_PG_DUMP": value["pg_dump"],
        "OFFSITE_STACK_PYTHON_ESDK": value["python_esdk"],
    }
    for major, server in value["postgres"].items():
        names[f"OFFSITE_STACK_POSTGRES_{major}"] = "postgres://{user}:{password}@{host}:{port}/postgres".format(**server)
        names["OFFSITE_STACK_POSTGRES_CA"] = server["ca"]
    return {name: text for name, text in names.items() if text is not None}


@contextlib.contextmanager
def alone():
    """Two calls at once would start the same server twice."""
    with open(place.local_dir() / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("act", choices=["up", "down", "status", "env"])
    arguments.add_argument("parts", nargs="*")
    chosen = arguments.parse_args()
    os.umask(0o022)  # the unprivileged user must reach what root unpacks
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stack.py: ended by SIGTERM"))
    try:
        with alone():
            if chosen.act == "up":
                up(chosen.parts)
            elif chosen.act == "down":
                down(chosen.parts)
            elif chosen.act == "status":
                status()
            else:
                for name, text in exports(facts()).items():
                    print(f"export {name}={shlex.quote(text)}")
    except (process.ServerFailed, pinned.InstallFailed, RuntimeError) as failure:
        sys.exit(f"stack.py: {failure}")
    except KeyboardInterrupt:
        sys.exit("stack.py: interrupted")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parent))
    main()
