"""The pages of the documentation, read for their links, commands and tables."""

import re
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
RUNBOOK = CHECKOUT / "docs/runbook.md"
TEMPLATES = [CHECKOUT / "template.yaml", *sorted((CHECKOUT / "infra").glob("*.yaml"))]


def all_pages() -> list:
    return [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").rglob("*.md"))]


def without_code(page: str) -> str:
    return re.sub(r"```.*?```|`[^`\n]*`", "", page, flags=re.S)


def anchors(page: str) -> set:
    """What GitHub makes of the page's headings."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"```.*?```", "", page, flags=re.S), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links(page: str) -> list:
    """Links to other files and to places in pages, without those to the web."""
    found = re.findall(r"\]\(([^)\s]+)\)", without_code(page))
    return [link for link in found if not link.startswith(("http:", "https:"))]


def blocks(page: str, kind: str) -> list:
    return re.findall(rf"^```{kind}\n(.*?)^```", page, flags=re.S | re.M)


def commands(page: str, program: str) -> list:
    """Commands of a program in the page's blocks and in its table cells and sentences, each on one line."""
    lines = []
    for block in blocks(page, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            line = re.sub(r"^([A-Z_]+=\S+ )+", "", line.strip())
            if line.startswith(f"{program} "):
                lines.append(re.split(r"\s[|>]\s", line)[0])
    return lines


def parameters(template: Path) -> set:
    """Names of a template's parameters."""
    section = re.search(r"^Parameters:\n(.*?)^\S", template.read_text(), flags=re.S | re.M)
    return set(re.findall(r"^  (\w+):", section[1], flags=re.M)) if section else set()


def alarms(template: str) -> set:
    """Logical names of what tells somebody: CloudWatch's alarms and EventBridge's rules."""
    return set(re.findall(r"^  (\w+):\n(?:    #.*\n)*    Type: AWS::(?:CloudWatch::Alarm|Events::Rule)$", template, flags=re.M))


def alarm_table(page: str) -> set:
    """Names in the first column of the table of alarms."""
    section = page.split("## What an alarm means\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| ")]
    return {name for cell in cells for name in re.findall(r"`([A-Z]\w+)`", cell)}
