#!/usr/bin/env python3
"""Shows in your own AWS accounts what servers on one machine can't: docs/not-proven-here.md lists it.

Makes a vault of its own with a lock of one day, tries what must and what must not be possible, and deletes what can be deleted. It takes less than
ten minutes, plus the time that mails take. It costs a few cents: a key for a part of a month, a few objects for 3 days.
"""

import argparse
import os
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parents[1] / "local")]

CHECKOUT = Path(__file__).resolve().parents[2]


def arguments(words: list = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make smoke-aws", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for side in ("vault", "application"):
        parser.add_argument(f"--{side}-profile", required=True, help=f"profile of the AWS CLI, an administrator of the {side}'s account")
        parser.add_argument(f"--{side}-account", required=True, help="its account id; any other account is refused")
    parser.add_argument("--region", required=True, help="where")
    parser.add_argument("--email", help="who gets the alarms' mails, and will be asked for them; without it they are not shown")
    parser.add_argument("--stack", help="an application's stack that is deployed there, with RestoreFunction true, whose functions are run; without it they are not shown")
    parser.add_argument("--trail", choices=("create", "existing"), default="create", help="existing, if a trail records management events there already")
    parser.add_argument("--finish", metavar="BUCKETS", help="days after a run: see that the lifecycle has emptied its vault, and delete the buckets that it named")
    chosen = parser.parse_args(words)
    for side in ("vault", "application"):
        account = getattr(chosen, f"{side}_account")
        if not (account.isdigit() and len(account) == 12):
            parser.error(f"--{side}-account {account!r} is no account id of 12 digits")
    return chosen


def run(place, steps: dict, say=print) -> dict:
    """Runs each step that the place has what it needs for; what became of each."""
    outcome = {}
    for name, step in steps.items():
        lacking = sorted(step.needs - place.has)
        if lacking:
            outcome[name] = f"not shown: needs {', '.join(lacking)}"
        else:
            began = time.monotonic()
            try:
                step.run(place)
                outcome[name] = "shown"
            except Exception as error:  # a step that can't be run is not shown either
                outcome[name] = f"NOT AS PROMISED: {error}"
            say(f"   {outcome[name]:10} {name} ({time.monotonic() - began:.0f} s)")
            continue
        say(f"   {name}: {outcome[name]}")
    return outcome


def begin(place) -> None:
    """Says what will be made, and asks."""
    chosen = place.chosen
    print(f"{__doc__}\nvault: account {chosen.vault_account} as {place.caller}, stack {place.vault_stack} from infra/vault.yaml, lock of 1 day\n"
          f"application: account {chosen.application_account}, role {place.writer_role}, which may do anything with S3 and KMS until it is deleted in the end\n"
          f"{f'the functions of the stack {chosen.stack} are run, and a one-time schedule is made' if chosen.stack else 'no functions are run'}\n")
    if input(f"Type {place.environment} to begin: ").strip() != place.environment:
        raise SystemExit("smoke: nothing was made")


def main() -> int:
    import vault_steps  # noqa: F401  registers its steps, in the order in which they run
    import stack_steps  # noqa: F401
    from accounts import Accounts, Refused, finish
    from steps import STEPS, NotAsPromised

    chosen = arguments()
    place = Accounts(chosen, CHECKOUT)
    try:
        place.check()
        if chosen.finish:
            finish(place, chosen.finish.split(","))
            return 0
        begin(place)
    except (Refused, NotAsPromised) as refused:
        print(f"smoke: {refused}", file=sys.stderr)
        return 1
    outcome = {}
    try:
        place.make()
        outcome = run(place, STEPS)
    finally:
        place.end()
        for what in place.left:
            print(f"stays: {what}", flush=True)
    missing = [name for name, said in outcome.items() if not said.startswith("shown")]
    print(f"{len(outcome) - len(missing)} of {len(outcome)} steps shown" + "".join(f"\n   {name}: {outcome[name]}" for name in missing), flush=True)
    return 1 if any(said.startswith("NOT") for said in outcome.values()) else 0


def in_own_environment() -> None:
    """Runs itself again where boto3 of the pinned version is."""
    import pinned

    python = pinned.venv("smoke-aws", lambda text: print(f"smoke: {text}", flush=True)) / "bin/python"
    if Path(sys.prefix).resolve() != python.parent.parent.resolve():
        os.execv(python, [str(python), *sys.argv])


if __name__ == "__main__":
    arguments()  # before anything is installed
    in_own_environment()
    sys.exit(main())
