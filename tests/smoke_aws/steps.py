"""What a step is, and what it may find."""

from dataclasses import dataclass
from typing import Callable

from botocore.exceptions import ClientError

STEPS = {}

# What a place has that a step needs: AWS has all of it, a server on this machine only some.
LOCK, POLICIES, KMS, DEPLOYED, STACK, PERSON = "an Object Lock", "policies", "KMS", "CloudFormation", "--stack", "--email, and somebody who answers"


class NotAsPromised(Exception):
    """A behaviour that this product relies on, and that isn't there."""


@dataclass(frozen=True)
class Step:
    name: str
    needs: frozenset
    run: Callable
    # What it shows, in a sentence.
    what: str


def step(*needs: str):
    """Registers a function under its name, with its docstring."""
    def register(function: Callable) -> Callable:
        name = function.__name__.replace("_", "-")
        STEPS[name] = Step(name, frozenset(needs), function, function.__doc__)
        return function
    return register


def code(error: ClientError) -> str:
    return error.response.get("Error", {}).get("Code", "")


def refused(what: str, call: Callable, *codes: str, **arguments) -> None:
    """Calls, and wants to be refused: by AWS's policies, unless other codes are named."""
    wanted = codes or ("AccessDenied", "AccessDeniedException", "403")
    try:
        call(**arguments)
    except ClientError as error:
        if code(error) not in wanted:
            raise NotAsPromised(f"{what}: refused by {code(error)} instead of {' or '.join(wanted)}") from error
    else:
        raise NotAsPromised(f"{what}: was let in")


def equal(what: str, found, wanted) -> None:
    if found != wanted:
        raise NotAsPromised(f"{what}: {found!r} instead of {wanted!r}")
