"""Reads the cells of a spreadsheet: text in, values out, and for each cell at fault a sentence that says why."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from thalutils.schemas import EDSS_STEPS, GROUPS

Read = tuple[pd.Series, pd.Series]  # values, missing where empty or at fault; reasons, of rows at fault only

FACTORS = {
    "volume": {"mL": 1.0, "cm3": 1.0, "mm3": 1e-3},
    "icv": {"mL": 1.0, "cm3": 1.0, "mm3": 1e-3, "L": 1e3},
    "t25fw": {"s": 1.0, "min": 60.0},
    "nhpt": {"s": 1.0, "min": 60.0},
    "disease_duration": {"years": 1.0, "months": 1 / 12},
    "interval": {"years": 1.0, "months": 1 / 12, "days": 1 / 365.25},
    "overlap": {"fraction": 1.0, "percent": 1e-2},
}


@dataclass(frozen=True)
class Limits:
    """What a number can be, in the contract's units, and the key of `units` that says how it came."""

    low: float
    high: float
    what: str
    contract_unit: str = ""
    key: str = ""
    above_low: bool = False

    def holds(self, values: pd.Series) -> pd.Series:
        """Say for each value whether it can be."""
        return ((values > self.low) if self.above_low else (values >= self.low)) & (values <= self.high)


LIMITS = {
    "volume_ml": Limits(1, 40, "both thalami of a person", "mL", "volume"),
    "left_ml": Limits(0.3, 25, "one thalamus of a person", "mL", "volume"),
    "right_ml": Limits(0.3, 25, "one thalamus of a person", "mL", "volume"),
    "icv_ml": Limits(500, 2500, "the intracranial volume of a person", "mL", "icv"),
    "t25fw_1_s": Limits(0, 600, "a timed walk", "s", "t25fw", above_low=True),
    "t25fw_2_s": Limits(0, 600, "a timed walk", "s", "t25fw", above_low=True),
    "nhpt_1_s": Limits(0, 600, "a peg test", "s", "nhpt", above_low=True),
    "nhpt_2_s": Limits(0, 600, "a peg test", "s", "nhpt", above_low=True),
    "sdmt": Limits(0, 110, "correct answers of the SDMT"),
    "age_years": Limits(0, 120, "an age", "years"),
    "disease_duration_years": Limits(0, 100, "a disease duration", "years", "disease_duration"),
    "attacks": Limits(0, 200, "a number of attacks"),
    "interval_years": Limits(0, 60, "the time since the first visit", "years", "interval"),
    "dice": Limits(0, 1, "a fraction", "", "overlap"),
    "precision": Limits(0, 1, "a fraction", "", "overlap"),
    "sensitivity": Limits(0, 1, "a fraction", "", "overlap"),
    "hd95_mm": Limits(0, 200, "a distance", "mm"),
    "mean_surface_mm": Limits(0, 200, "a distance", "mm"),
    "pbvc_percent": Limits(-30, 30, "a change of brain volume", "%"),
}
SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}
DIAGNOSES = {name.casefold(): name for name in GROUPS}
TRUTHS = {"1": "1", "yes": "1", "true": "1", "0": "0", "no": "0", "false": "0"}
LONGEST_ID, LONGEST_TEXT = 40, 60
DATE_COLUMNS = ("visit_date", "birth_date", "onset_date")
EARLIEST_YEAR = 1900
_ISO = r"(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})(?:[T ].*)?"
_DATES = {
    "year-first": r"(?P<y>\d{4})[./](?P<m>\d{1,2})[./](?P<d>\d{1,2})(?: .*)?",
    "day-first": r"(?P<d>\d{1,2})[./-](?P<m>\d{1,2})[./-](?P<y>\d{4})(?: .*)?",
    "month-first": r"(?P<m>\d{1,2})[./-](?P<d>\d{1,2})[./-](?P<y>\d{4})(?: .*)?",
}


def _because(rows: pd.Series, reason: str | pd.Series) -> pd.Series:
    """Return the reason of each row that is at fault."""
    return (
        reason[rows] if isinstance(reason, pd.Series) else pd.Series(reason, rows.index[rows], dtype=object)
    )


def numbers(text: pd.Series, decimal: str = ".", codes: Iterable[float] = ()) -> Read:
    """Read numbers with the given decimal mark; numbers of `codes` stand for missing values.

    Examples
    --------
    >>> values, reasons = numbers(pd.Series(["7,5", "7.5", None]), ",")
    >>> values.tolist(), reasons.tolist()
    ([7.5, nan, nan], ["is not a number: it has a point, and `decimal` is ','."])
    """
    mark, other = re.escape(decimal), {".": ",", ",": "."}[decimal]
    good = text.str.fullmatch(rf"[+\N{{MINUS SIGN}}-]?(\d+({mark}\d*)?|{mark}\d+)([eE][+-]?\d+)?", na=False)
    points = text[good].str.translate({ord(decimal): ".", ord("\N{MINUS SIGN}"): "-"})
    values = points.astype(float).reindex(text.index)
    bad = text[~good].dropna()
    reasons = pd.Series("is not a number.", bad.index, dtype=object)
    name = {",": "comma", ".": "point"}[other]
    reasons[bad.str.contains(other, regex=False)] = (
        f"is not a number: it has a {name}, and `decimal` is {decimal!r}."
    )
    reasons[bad.str.fullmatch(_ISO)] = "is a date, where a number should be. Format the cell as a number."
    reasons[bad.str.startswith("#")] = "is an error of the spreadsheet program. Correct the formula."
    return values.mask(values.isin(list(codes))), reasons


def convert(values: pd.Series, limits: Limits, unit: str) -> Read:
    """Turn numbers into the contract's unit; those that cannot be are left out.

    Examples
    --------
    >>> values, reasons = convert(pd.Series([7.2, 9000.0]), LIMITS["volume_ml"], "mL")
    >>> values.tolist()
    [7.2, nan]
    >>> reasons.item()
    'cannot be both thalami of a person (1 to 40 mL). If it is in mm3, set `units: {volume: mm3}`.'
    """
    factors = FACTORS.get(limits.key, {unit: 1.0})
    scaled = values * factors[unit]
    reasons = impossible(scaled, limits)
    others = {factor: name for name, factor in reversed(factors.items()) if factor != factors[unit]}
    for factor, name in others.items():
        fits = limits.holds(values[reasons.index] * factor)
        reasons[fits] += f" If it is in {name}, set `units: {{{limits.key}: {name}}}`."
    return scaled.drop(reasons.index).reindex(values.index), reasons


def impossible(values: pd.Series, limits: Limits) -> pd.Series:
    """Return the reasons why numbers in the contract's unit cannot be, of those that cannot."""
    span = f"{'above ' if limits.above_low else ''}{limits.low:g} to {limits.high:g} {limits.contract_unit}"
    bad = values.notna() & ~limits.holds(values)
    return _because(bad, f"cannot be {limits.what} ({span.strip()}).")


def edss(values: pd.Series) -> Read:
    """Keep what is a step of the Expanded Disability Status Scale."""
    bad = values.notna() & ~values.isin(EDSS_STEPS)
    return values.mask(bad), _because(bad, "is not a step of the EDSS (0, 1, 1.5, 2, ... 10).")


def dates(text: pd.Series, order: str, today: date) -> Read:
    """Read dates in the given order of day, month and year; ISO dates (2020-01-31) are always read.

    Examples
    --------
    >>> values, reasons = dates(pd.Series(["31.01.2020", "30.02.2020"]), "day-first", date(2026, 1, 1))
    >>> values.dt.strftime("%Y-%m-%d").tolist(), reasons.tolist()
    (['2020-01-31', nan], ['is not a date (day-first, four digits for the year). Correct it, or set `dates`.'])
    """
    parts = text.str.extract(rf"^{_ISO}$")
    parts = parts.fillna(text.str.extract(rf"^{_DATES[order]}$")[list(parts)])
    parts = parts.rename(columns={"y": "year", "m": "month", "d": "day"}).astype(float)
    values = pd.to_datetime(parts, errors="coerce")
    unread = values.isna() & text.notna()
    reasons = _because(
        unread, f"is not a date ({order}, four digits for the year). Correct it, or set `dates`."
    )
    far = (values.dt.year < EARLIEST_YEAR) | (values > pd.Timestamp(today))
    reasons = pd.concat([reasons, _because(far, f"is before {EARLIEST_YEAR} or in the future.")])
    return values.mask(far), reasons


def words(text: pd.Series, known: Mapping[str, str], own: Mapping[str, str | bool | None], key: str) -> Read:
    """Translate words, in any case of letters: those of `own` (the YAML's `values`) and the `known`.

    Examples
    --------
    >>> values, reasons = words(pd.Series(["w", "m", "x"]), SEXES, {"W": "F"}, "sex")
    >>> values.tolist(), reasons.tolist()
    (['F', 'M', nan], ['is not known. Known are F, M; say what it stands for under `values: sex:`.'])
    """
    table: dict[str, str | None] = dict(known)
    for word, meaning in own.items():
        table[word.strip().casefold()] = str(int(meaning)) if isinstance(meaning, bool) else meaning
    folded = text.str.casefold()
    names = ", ".join(dict.fromkeys(known.values()))
    unknown = folded.notna() & ~folded.isin(table)
    reason = f"is not known. Known are {names}; say what it stands for under `values: {key}:`."
    return folded.map(table).astype("str"), _because(unknown, reason)


def labels(text: pd.Series) -> Read:
    """Keep short plain text; what a spreadsheet program could take for a formula is left out."""
    bad = text.notna() & ~text.str.fullmatch(rf"[^\W_][^\t\r\n]{{0,{LONGEST_TEXT - 1}}}", na=False)
    return text.mask(bad), _because(bad, f"is no name of at most {LONGEST_TEXT} letters and digits.")


def identifiers(text: pd.Series, prefix: str) -> Read:
    """Return ids as BIDS has them: the prefix, then letters and digits; space and ``- _ .`` between them go.

    Where two spellings would become one id, the later one is left out.

    Examples
    --------
    >>> values, reasons = identifiers(pd.Series(["MS-01", "sub-02", "../x", "MS01"]), "sub-")
    >>> values.tolist()
    ['sub-MS01', 'sub-02', nan, nan]
    >>> reasons.tolist()[1]
    "becomes sub-MS01, as 'MS-01' does. Give one of them another id."
    """
    bare = text.str.removeprefix(prefix)
    plain = bare.str.replace(r"(?<=[A-Za-z0-9])[-_. ]+(?=[A-Za-z0-9])", "", regex=True)
    good = plain.str.fullmatch(rf"[A-Za-z0-9]{{1,{LONGEST_ID}}}", na=False)
    reason = f"is not an id (letters and digits, at most {LONGEST_ID}). Correct the row."
    reasons = _because(~good & text.notna(), reason)
    ids = prefix + plain.where(good)
    first = bare.where(good).groupby(ids).transform("first")
    twin = good & (bare != first)
    told = "becomes " + ids + ", as '" + first + "' does. Give one of them another id."
    return ids.mask(twin), pd.concat([reasons, _because(twin, told.astype(object))])


def pad(text: pd.Series) -> pd.Series:
    """Fill the numbers in names with zeros to one width, so that names sort as they count.

    Examples
    --------
    >>> pad(pd.Series(["M0", "M6", "M12"])).tolist()
    ['M00', 'M06', 'M12']
    """
    known = text.dropna().unique()
    width = max((len(digits) for name in known for digits in re.findall(r"\d+", name)), default=0)
    filled = {name: re.sub(r"\d+", lambda found: found.group().zfill(width), name) for name in known}
    return text.map(filled).astype("str")
