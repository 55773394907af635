"""Policies with one thing less in them: each must be noticed."""

import copy


def of_statements(statements: list) -> list:
    """`(what is missing, the statement that lost it, the statements then)`: each statement, action, resource, condition and value in turn."""
    found = []
    for number, statement in enumerate(statements):
        name = statement["Sid"]

        def without(what: str, change, number=number, name=name):
            altered = copy.deepcopy(statements)
            change(altered[number])
            found.append((f"{name} without {what}", statements[number], altered))

        found.append((f"all but {name}", statement, statements[:number] + statements[number + 1:]))
        for part in ("Action", "NotAction", "Resource"):
            values = statement.get(part, [])
            values = values if isinstance(values, list) else [values]
            for value in values if len(values) > 1 else []:
                without(f"{part} {value}", lambda altered, part=part, value=value: altered[part].remove(value))
        for operator, keys in statement.get("Condition", {}).items():
            for key, values in keys.items():
                without(f"{operator} {key}", lambda altered, operator=operator, key=key: drop(altered["Condition"], operator, key))
                for value in values if isinstance(values, list) else []:
                    without(f"{operator} {key} {value}",
                            lambda altered, operator=operator, key=key, value=value: altered["Condition"][operator][key].remove(value))
    return found


def drop(conditions: dict, operator: str, key: str) -> None:
    del conditions[operator][key]
    if not conditions[operator]:
        del conditions[operator]
