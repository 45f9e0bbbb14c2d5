"""Whose row it is and which visit, in what order the visits were, and what their dates tell."""

from dataclasses import dataclass

import pandas as pd

from thalutils.spreadsheet_reader import Reader
from thalutils.spreadsheet_values import LIMITS

DAYS_PER_YEAR = 365.25
NAMES_SHOWN = 5
# What is written in years is often cut to whole ones.
TOLERANCE_YEARS = {"age_years": 1.5, "disease_duration_years": 1.5, "interval_years": 0.5}
ORIGINS = {"age_years": "birth_date", "disease_duration_years": "onset_date"}


@dataclass(frozen=True)
class Visits:
    """The visits of a sheet.

    Attributes
    ----------
    participant, session : Series of str
        The ids of every row, missing where it has none.
    keys : DataFrame
        ``participant_id`` and ``session_id`` of the rows that are used, by person and visit.
    times : DataFrame
        ``age_years``, ``disease_duration_years`` and ``interval_years`` of the same rows.
    refusals : tuple of str
        Why the visits cannot be used; empty where they can.
    """

    participant: pd.Series
    session: pd.Series
    keys: pd.DataFrame
    times: pd.DataFrame
    refusals: tuple[str, ...]


def place(reader: Reader) -> Visits:
    """Find every row's person, visit and times; rows that name neither, or a visit twice, are left out."""
    participant, dates = reader.person(), reader.date("visit_date")
    session = _sessions(reader, participant, dates)
    keys = pd.DataFrame({"participant_id": participant, "session_id": session}).dropna()
    again = keys.duplicated()
    first = pd.Series(keys.index.astype(str), keys.index).groupby(list(keys.to_numpy().T)).transform("first")
    told = (
        keys["participant_id"] + " " + keys["session_id"] + " stands here again; row " + first + " is used."
    )
    reader.fault(told[again].astype(object))
    keys = keys[~again].sort_values(["participant_id", "session_id"])
    given = pd.DataFrame({name: reader.number(name, name)[keys.index] for name in TOLERANCE_YEARS})
    given["interval_years"] = _from_first(reader, keys, given["interval_years"])
    dates, given, refusals = _in_order(reader, keys, dates[keys.index], given)
    return Visits(participant, session, keys, _times(reader, keys, dates, given), refusals)


def _sessions(reader: Reader, participant: pd.Series, dates: pd.Series) -> pd.Series:
    """Return the rows' session ids: as they stand, else by the order of dates, else one visit a person."""
    if "session_id" in reader.headers:
        return reader.visit()
    if "visit_date" not in reader.headers:
        return pd.Series("ses-01", reader.rows)
    place = dates.groupby(participant).rank("dense")
    alone = participant.groupby(participant).transform("size") == 1
    place = place.mask(alone, 1)
    lost = place.isna() & participant.notna()
    reason = "leaves it unknown which of the person's visits this is. The row is left out."
    reader.fault(pd.Series(reason, reader.rows[lost], dtype=object), "visit_date")
    return ("ses-" + place.astype("Int64").astype("str").str.zfill(2)).where(place.notna())


def one_per_person(
    reader: Reader, values: pd.Series, keys: pd.DataFrame, key: str, what: str, tolerance: float = 0.0
) -> pd.Series:
    """Return each person's one value, which may stand on any of the rows.

    Where rows contradict each other, the person has none. Numbers may differ by `tolerance`, a share of
    the first visit's; then the first visit's is taken.
    """
    known = values[keys.index].dropna()
    who = keys.loc[known.index, "participant_id"]
    theirs = known.groupby(who).transform("first")
    other = (known - theirs).abs() > tolerance * theirs.abs() if tolerance else known != theirs
    other = who[other].drop_duplicates()
    row = pd.Series(known.index.astype(str), known.index).groupby(who).transform("first")
    reasons = "is not what row " + row[other.index] + " has for this person. Neither is used."
    reader.fault(reasons.astype(object), key, what, person=True)
    return known.groupby(who).first().drop(other)


def _from_first(reader: Reader, keys: pd.DataFrame, interval: pd.Series) -> pd.Series:
    """Return the given intervals; a first visit's is 0, whatever stands there."""
    person = keys["participant_id"]
    first = ~person.duplicated()
    known_later = interval.mask(first).groupby(person).transform("count") > 0
    misplaced = first & (interval > 0) & ~known_later
    reason = "stands at the person's first visit, where it is 0. It belongs to the later visit."
    reader.fault(pd.Series(reason, keys.index[misplaced], dtype=object), "interval_years", "interval_years")
    return interval.mask(first, 0.0)


def _in_order(
    reader: Reader, keys: pd.DataFrame, dates: pd.Series, given: pd.DataFrame
) -> tuple[pd.Series, pd.DataFrame, tuple[str, ...]]:
    """Leave out the times of people whose later visits are not later: dates, else intervals, else ages.

    Visits are put in order by name everywhere. Where that is not the order of time in most people, the
    names are at fault and not the times.
    """
    person = keys["participant_id"]
    clocks = {"visit_date": dates, "interval_years": given["interval_years"].mask(~person.duplicated())}
    key = next((name for name, clock in clocks.items() if clock.notna().any()), "age_years")
    clock = dates if key == "visit_date" else given[key]
    before = clock.groupby(person).cummax().groupby(person).ffill().groupby(person).shift()
    late = (clock < before) if key == "age_years" else (clock <= before)
    torn = person[late].drop_duplicates()
    several = clock.notna().groupby(person).sum() > 1
    if len(torn) > 1 and len(torn) > several.sum() / 2:
        names = sorted(keys["session_id"].unique())[:NAMES_SHOWN]
        told = (
            f"for {len(torn)} of {several.sum()} people the visits are not in the order of time when they are in "
            f"the order of their names ({', '.join(names)}). Give names that sort under `values: session_id:`."
        )
        return dates, given, (told,)
    what = "age_years, interval_years" if key == "visit_date" else key
    reason = "is not after the visit before it. Of this person, none is used."
    reader.fault(pd.Series(reason, torn.index, dtype=object), key, what)
    lost = person.isin(torn)
    if key == "visit_date":
        return dates.mask(lost), given, ()
    return dates, given.assign(**{key: given[key].mask(lost)}), ()


def _times(reader: Reader, keys: pd.DataFrame, dates: pd.Series, given: pd.DataFrame) -> pd.DataFrame:
    """Return age, disease duration and interval: as given, else from the dates."""
    person = keys["participant_id"]
    first = ~person.duplicated()
    origins = {"interval_years": dates[first].set_axis(person[first])}
    for name, key in ORIGINS.items():
        origins[name] = one_per_person(reader, reader.date(key), keys, key, name)
    times = {
        name: _since(reader, name, given[name], dates, origin.reindex(person).set_axis(keys.index))
        for name, origin in origins.items()
    }
    age, duration = times["age_years"], times["disease_duration_years"]
    unborn = duration > age + 1
    key = "disease_duration_years" if reader.has("disease_duration_years") else "onset_date"
    reason = "puts the onset before the person's birth."
    reader.fault(pd.Series(reason, keys.index[unborn], dtype=object), key, "disease_duration_years")
    return pd.DataFrame(times | {"disease_duration_years": duration.mask(unborn)})


def _since(reader: Reader, name: str, given: pd.Series, dates: pd.Series, origin: pd.Series) -> pd.Series:
    """Return the years since `origin`: as given, else counted; what cannot be or contradicts is left out."""
    counted = (dates - origin).dt.days / DAYS_PER_YEAR
    limits = LIMITS[name]
    absurd = counted.notna() & ~limits.holds(counted)
    told = "cannot be: it gives " + counted.round(1).astype("str") + f" years for {limits.what}."
    reader.fault(told[absurd].astype(object), "visit_date", name)
    torn = (given - counted.mask(absurd)).abs() > TOLERANCE_YEARS[name]
    told = "is not what the dates give, " + counted.round(1).astype("str") + " years. Neither is used."
    reader.fault(told[torn].astype(object), name, name)
    return given.fillna(counted.mask(absurd).round(4)).mask(torn)
