"""Whether a rule of EventBridge hears of an event, for what the templates' patterns use: values, prefixes, nested fields."""


def matches(pattern: dict, event: dict) -> bool:
    return all(name in event and (matches(wanted, event[name]) if isinstance(wanted, dict) else any(fits(one, event[name]) for one in wanted))
               for name, wanted in pattern.items())


def fits(wanted, value) -> bool:
    if isinstance(wanted, dict):
        (kind, text), = wanted.items()
        if kind != "prefix":
            raise NotImplementedError(f"this reader does not know {kind}")
        return value.startswith(text)
    return wanted == value
