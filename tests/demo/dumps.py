"""Compares two plain dumps by the same pg_dump of the same server: everything but the order of rows counts."""

import difflib
from typing import List


def canonical(dump: str) -> List[str]:
    """The dump's lines, the rows of each COPY sorted, without the random tokens of `\\restrict`."""
    lines, rows = [], None
    for line in dump.split("\n"):
        if rows is not None:
            if line == "\\.":
                lines += sorted(rows) + [line]
                rows = None
            else:
                rows.append(line)
        elif not line.startswith(("\\restrict ", "\\unrestrict ")):
            lines.append(line)
            if line.startswith("COPY ") and line.endswith(" FROM stdin;"):
                rows = []
    if rows is not None:
        raise ValueError("the dump ends in the middle of a COPY")
    return lines


def difference(before: str, after: str) -> str:
    """A short diff, empty if both dumps hold the same."""
    left, right = canonical(before), canonical(after)
    if left == right:
        return ""
    diff = difflib.unified_diff(left, right, "before", "after", n=1, lineterm="")
    return "\n".join(line[:200] for _, line in zip(range(40), diff))
