"""Reads command lines, so that a test can hold one against another whatever the order of their flags."""


def options(words: list[str]) -> dict[str, str]:
    """Return a command line's flags and their values; those without a value have none."""
    found, rest = {}, words[1:]
    for place, word in enumerate(rest):
        if word.startswith("-"):
            after = rest[place + 1] if place + 1 < len(rest) else "-"
            found[word] = "" if after.startswith("-") else after
    return found
