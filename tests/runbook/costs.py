#!/usr/bin/env python3
"""The tables of docs/runbook/costs.md, from the list prices in prices.json.

    costs.py            prints them
    costs.py --write    puts them into the page
"""

import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
CHECKOUT = HERE.parents[1]
PAGE = CHECKOUT / "docs/runbook/costs.md"

GIB, MIB = 1 << 30, 1 << 20
SIZES = {"1 GiB": 1, "100 GiB": 100, "1 TiB": 1024}
# As the programs have them: parts and volumes of a backup, and what a function can move until it stops to read.
PART_BYTES, VOLUME_BYTES = 8 * MIB, 64 * GIB
BYTES_PER_SECOND, SECONDS, MEMORY_GIB = 70_000_000, 900 - 90, 1
# Days of the lock, and days after which infra/vault.yaml deletes: so many daily copies are kept.
KEPT = {"1": 3, "7": 12, "35": 40, "90": 95, "365": 370}
HOURS_A_MONTH = 730


class Prices:
    def __init__(self, read: dict):
        self.region, self.all = read["region"], read["prices"]

    def of(self, name: str, count: float = 1) -> float:
        """What so many cost; of prices in tiers, each tier what lies in it."""
        price = self.all[name]
        total, below = 0.0, 0.0
        for tier in price.get("tiers", [price]):
            end = tier.get("up_to_gib", float("inf"))
            total += max(0.0, min(count, end) - below) * tier["each"]
            below = end
        return total


def plain(number: float) -> str:
    """All of its digits."""
    return f"{number:.10f}".rstrip("0").rstrip(".")


def money(dollars: float) -> str:
    """Whole dollars, cents, or millionths, by what it is about."""
    if dollars >= 100:
        return f"${dollars:,.0f}"
    return f"${dollars:.2f}" if dollars >= 0.01 else f"${dollars:.6f}"


def table(head: list, rows: list) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def run(prices: Prices, gib: int) -> list:
    """One backup whose stored size is this."""
    volumes = -(-gib * GIB // VOLUME_BYTES)
    parts = gib * GIB // PART_BYTES
    # Begin and complete each volume; the manifest and the summary are written at once. A data key for each volume and the manifest.
    puts, keys = parts + 2 * volumes + 2, volumes + 1
    seconds = gib * GIB / BYTES_PER_SECOND
    fits = seconds <= SECONDS
    compute = prices.of("lambda_gib_second", seconds * MEMORY_GIB) + prices.of("lambda_request")
    requests = prices.of("put", puts)
    keyed = prices.of("kms_request", keys) + prices.of("secret_request")
    return [f"{puts:,} writes, {money(requests)}", f"{keys} data keys, {money(keyed)}",
            f"{seconds:.0f} s, {money(compute)}" if fits else "does not fit into one function"]


def tables(prices: Prices) -> dict:
    """The page's tables, by the name in its comment."""
    sizes = list(SIZES)
    return {
        "prices": table(["what", "each", "listed on", "where"], [
            [price["what"], " then ".join(f"${plain(tier['each'])}" for tier in price.get("tiers", [price])),
             price["date"] or "no date", price["source"]] for price in prices.all.values()]),
        "run": table(["a backup of", "S3", "KMS and secret", "Lambda with 1 GiB, at 70 MB/s"],
                     [[name, *run(prices, gib)] for name, gib in SIZES.items()]),
        "storage": table(["locked for, deleted after", "copies", *sizes], [
            [f"{lock} {'day' if lock == '1' else 'days'}, {days} days", f"{often} {days * copies:,}",
             *[money(prices.of("storage_gib_month", gib * days * copies)) for gib in SIZES.values()]]
            for lock, days in KEPT.items() for often, copies in (("hourly", 24), ("daily", 1))]),
        "standing": table(["what", "a month"], [
            ["the vault's KMS key", money(prices.of("kms_key_month"))],
            ["the database's secret", money(prices.of("secret_month"))],
            ["two interface endpoints in two zones", money(prices.of("endpoint_hour", 2 * 2 * HOURS_A_MONTH))],
            ["ten alarms", money(prices.of("alarm_month", 10))],
            ["ten metrics", money(prices.of("metric_month", 10))]]),
    }


def read() -> Prices:
    return Prices(json.loads((HERE / "prices.json").read_text()))


def filled(page: str, made: dict) -> str:
    """The page with these tables between their comments."""
    for name, text in made.items():
        page, count = re.subn(rf"(<!-- {name} -->\n).*?(<!-- end -->)", lambda found: found[1] + text + found[2], page, flags=re.S)
        if count != 1:
            raise SystemExit(f"costs.py: {PAGE} has {count} places for the table {name}")
    return page


def main() -> None:
    made = tables(read())
    if "--write" in sys.argv:
        PAGE.write_text(filled(PAGE.read_text(), made))
    else:
        print("\n".join(made.values()))


if __name__ == "__main__":
    main()
