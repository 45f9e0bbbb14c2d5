"""Words and numbers that several pages put in the same way."""

import pandas as pd
from IPython.display import HTML

from thalutils.report.embed import note

MINUS = "\N{MINUS SIGN}"
IN_WORDS = {"manual": "the rater's drawings", "truth": "the whole structure"}
TOO_FEW = "Fewer than five people would stand in this figure, and this cohort publishes no individual rows."
SMALLEST_P = 0.001


def without(reference: str) -> HTML:
    """Return the sentence that stands where a cohort has no such reference."""
    return note(
        f"This cohort has no reference <code>{reference}</code>: with one, its figures and tables stand here."
    )


def signed(value: float, digits: int = 2, plus: bool = False) -> str:
    """Return a number with a true minus sign.

    Examples
    --------
    >>> signed(-0.456), signed(1.5, 1, plus=True), signed(-0.001, plus=True)
    ('−0.46', '+1.5', '0.00')
    """
    text = f"{value:+.{digits}f}" if plus else f"{value:.{digits}f}"
    return (text.lstrip("+-") if float(text) == 0 else text).replace("-", MINUS)


def span(counts: pd.Series) -> str:
    """Return a count that all share, or the smallest and the largest.

    Examples
    --------
    >>> span(pd.Series([50, 50])), span(pd.Series([1, 6, 3]))
    ('50', '1 to 6')
    """
    low, high = int(counts.min()), int(counts.max())
    return str(low) if low == high else f"{low} to {high}"


def interval(value: float, low: float | None, high: float | None, digits: int = 2) -> str | None:
    """Return a number with both ends of its range behind it in brackets; nothing where it is missing.

    Its spaces do not break, so that a narrow column keeps it in one line.

    Examples
    --------
    >>> interval(0.61, 0.44, 0.74).split(), interval(0.61, None, None), interval(float("nan"), None, None)
    (['0.61', '[0.44,', '0.74]'], '0.61', None)
    """
    if pd.isna(value):
        return None
    if pd.isna(low) or pd.isna(high):
        return signed(value, digits)
    return unbroken(f"{signed(value, digits)} [{signed(low, digits)}, {signed(high, digits)}]")


def unbroken(text: str) -> str:
    """Return text whose spaces do not break."""
    return text.replace(" ", "\N{NO-BREAK SPACE}")


def p_text(p: float) -> str:
    """Return a p-value as tables print it.

    Examples
    --------
    >>> p_text(0.0004), p_text(0.0346), p_text(1.0)
    ('<0.001', '0.035', '1.000')
    """
    return f"<{SMALLEST_P}" if p < SMALLEST_P else f"{p:.3f}"
