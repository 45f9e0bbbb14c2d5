"""Shows a data frame as a table that can be read, sorted, saved, and heard."""

from __future__ import annotations

import math
from collections.abc import Mapping
from html import escape
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from thalutils.report import privacy
from thalutils.report.embed import download_link, file_stem
from thalutils.report.suppression import FEW

MISSING = '<td class="thal-missing" title="missing">\N{EN DASH}</td>'


def show(
    frame: pd.DataFrame,
    *,
    caption: str,
    name: str | None = None,
    units: Mapping[str, str] | None = None,
    digits: int | Mapping[str, int] | None = None,
    people: int | None = None,
    public: bool = False,
) -> HTML:
    """Show a frame as an accessible table that sorts by its headers and can be saved.

    On the page of a cohort that publishes no individual rows, a frame with a row for each person is shown
    and saved as counts, and any other without its small groups (:mod:`thalutils.report.privacy`).

    Parameters
    ----------
    frame
        An index that has a name, or more in it than row numbers, is shown as row headers.
    caption
        Stands above the table; plain text.
    name
        Stem of the saved file; made from the caption when absent.
    units
        Unit of each column that has one, shown in its header.
    digits
        Decimals of every column, or of each by name; where none are given, as many as give the
        column's largest value three digits, and none for whole numbers.
    people
        How many people the frame is about, where no column of it says so.
    public
        Whether what it shows is of nobody in the cohort, so that every book may show it whole.

    Returns
    -------
    IPython.display.HTML
        A plain table without scripts, and a link to what it shows as TSV in full precision.
    """
    index = frame.index
    indexed = index.name is not None or not pd.api.types.is_integer_dtype(index)
    headers = index.nlevels if indexed else 0
    flat = frame.reset_index() if indexed else frame
    if not public and privacy.unfit(flat, people):
        return privacy.withheld("This table")
    flat, became = (flat, "") if public else privacy.shareable(flat)
    headers = 0 if became == privacy.COUNTED else headers
    title = f"{caption} {became}".strip()
    columns = [_Column(flat.iloc[:, i], units, digits) for i in range(flat.shape[1])]

    head = "".join(column.header() for column in columns)
    body = "".join(
        f"<tr>{''.join(column.cell(row, i < headers) for i, column in enumerate(columns))}</tr>"
        for row in range(len(flat))
    )
    stem = file_stem(name or caption)
    named = flat.set_axis([column.label for column in columns], axis=1)
    tsv = named.to_csv(sep="\t", index=False, na_rep="n/a", lineterminator="\n")
    link = download_link(
        "Download TSV", f"{stem}.tsv", tsv.encode(), "text/tab-separated-values;charset=utf-8"
    )
    html = (
        f'<div class="thal-table"><div class="thal-scroll" role="region" tabindex="0" '
        f'aria-label="{escape(title)}" style="overflow-x:auto">'
        f"<table><caption><span>{escape(title)}</span></caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>{link}</div>"
    )
    return HTML(html) if public else privacy.checked(html, "This table")


class _Column:
    """One column of the shown table: how its header and its cells read."""

    def __init__(
        self,
        values: pd.Series,
        units: Mapping[str, str] | None,
        digits: int | Mapping[str, int] | None,
    ) -> None:
        self.values = list(values)
        self.label = _label(values.name)
        self.unit = (units or {}).get(values.name)
        numbers = [float(value) for value in self.values if _is_number(value)]
        self.numeric = bool(numbers) and all(_is_blank(value) or _is_number(value) for value in self.values)
        given = digits.get(values.name) if isinstance(digits, Mapping) else digits
        self.decimals = _decimals(numbers) if given is None else given

    def header(self) -> str:
        unit = f' <span class="thal-unit">({escape(self.unit)})</span>' if self.unit else ""
        kind = ' class="thal-number"' if self.numeric else ""
        return f'<th scope="col"{kind}>{escape(self.label)}{unit}</th>'

    def cell(self, row: int, is_header: bool) -> str:
        value = self.values[row]
        if _is_missing(value):
            return MISSING
        kind = ' class="thal-number"' if self.numeric else ""
        if _is_number(value):
            sort_key = repr(float(value)).replace("inf", "Infinity")
            kind += f' data-value="{sort_key}"'
            text = _number_text(value, self.decimals)
        else:
            text = escape(str(value))
        return f'<th scope="row"{kind}>{text}</th>' if is_header else f"<td{kind}>{text}</td>"


def _label(name: Any) -> str:
    parts = name if isinstance(name, tuple) else (name,)
    return " ".join(str(part) for part in parts if str(part))


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool | np.bool_) and not math.isnan(float(value))


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or value != value


def _is_blank(value: Any) -> bool:
    return _is_missing(value) or value == FEW


def _decimals(numbers: list[float]) -> int:
    finite = [abs(number) for number in numbers if math.isfinite(number)]
    if all(number.is_integer() for number in finite):
        return 0
    return min(6, max(0, 2 - math.floor(math.log10(max(finite)))))


def _number_text(value: Real, decimals: int) -> str:
    """Return a number as a reader expects it, escaped for HTML.

    Examples
    --------
    >>> _number_text(-1.256, 2), _number_text(0.0004, 3), _number_text(-0.0004, 3)
    ('−1.26', '&lt;0.001', '0.000')
    """
    if isinstance(value, Integral):
        text = str(int(value))
    elif math.isinf(value):
        text = "\N{INFINITY}" if value > 0 else "-\N{INFINITY}"
    else:
        text = f"{float(value):.{decimals}f}"
        if value and not float(text):
            text = f"&lt;{10**-decimals:.{decimals}f}" if value > 0 else text.lstrip("-")
    return text.replace("-", "\N{MINUS SIGN}")
