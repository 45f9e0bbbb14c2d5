"""The kinds of column that a table of the contract may have."""

from collections.abc import Mapping
from typing import Any

import pandera.pandas as pa


def column(kind: Any, what: str, units: str = "", *checks: pa.Check, **more: Any) -> pa.Column:
    """Return a column of the type `kind` that says `what` it holds, with its units and its checks."""
    return pa.Column(
        kind, checks=list(checks), description=what, metadata={"units": units}, coerce=True, **more
    )


def text(what: str, *checks: pa.Check, **more: Any) -> pa.Column:
    """Return a column of text."""
    return column(str, what, "", *checks, **more)


def number(what: str, units: str = "", low: float | None = None, high: float | None = None) -> pa.Column:
    """Return a column of numbers between `low` and `high`, which may be missing."""
    checks = [] if low is None else [pa.Check.ge(low)]
    checks += [] if high is None else [pa.Check.le(high)]
    return column(float, what, units, *checks, nullable=True)


def flag(what: str) -> pa.Column:
    """Return a column of truths, none missing."""
    # not coerced: every text, and what is missing, would become True
    return pa.Column(None, pa.Check.isin((True, False)), description=what, metadata={"units": ""})


def fraction(what: str) -> pa.Column:
    """Return a column of numbers from 0 to 1, which may be missing."""
    return number(what, "1", 0, 1)


def schema(columns: Mapping[str, pa.Column], unique: list[str] | None) -> pa.DataFrameSchema:
    """Return a table's schema: these columns in this order, no two rows alike in those of `unique`."""
    return pa.DataFrameSchema(dict(columns), unique=unique, strict=True, ordered=True)


def interval(name: str, what: str, units: str = "1") -> Mapping[str, pa.Column]:
    """Return the columns of an estimate and both ends of its 95 % interval."""
    return {
        name: number(what, units),
        f"{name}_low": number(f"{what}: lower end of the 95 % interval", units),
        f"{name}_high": number(f"{what}: upper end of the 95 % interval", units),
    }
