"""What a look at a dataset gives: settings for the cohort's YAML, remarks, and questions that stay open."""

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Finding:
    """One key of the YAML.

    Attributes
    ----------
    settings : dict or list
        What stands under the key; empty where it is left out.
    remarks : list of str
        What was found, a sentence each.
    questions : list of str
        What could not be decided, and what to write.
    """

    settings: Any = None
    remarks: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


def times(count: int, what: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> times(1, "visit"), times(3, "visit")
    ('1 visit', '3 visits')
    """
    return f"{count} {what}" + ("" if count == 1 else "s")
