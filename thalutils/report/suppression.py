"""Tables without their small groups: what of a frame may be shown of people who are not shown one by one.

The rules are those of the cohorts that publish no individual rows; :mod:`thalutils.report.privacy` says
when they apply. A table is read by the names of its columns, which are the contract's.
"""

from __future__ import annotations

import pandas as pd

LEAST = 5
FEW = f"<{LEAST}"
PERSON = "participant_id"
# How many people a row is about. What stands left of the first of these says whose row it is; what
# stands right of it is said of them.
PEOPLE = ("n", "people", "n_patients", "n_controls", "n_calibration")
# Parts of a row's people that together are all of them, or, where it is one part, leave the rest.
PARTS = (("n_better", "n_stable", "n_worse"), ("female",))
# People that a row counts beside its own.
OTHERS = ("n_missing",)
# By these, where it has them, a table with a row per person is counted.
KINDS = (
    "stage",
    "image",
    "strategy",
    "group",
    "source",
    "engine",
    "method",
    "method_i",
    "method_j",
    "reference",
)
GROUP, EVERYONE = "group", "all"
SUMMARY, SHARE = "summary", "share"
NOTE = "note"
TOO_FEW, GIVES_AWAY = "Too few people to be shown.", "Left empty, since it would tell of a smaller group."


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """Count the people and the rows of a table that has rows of single people.

    Parameters
    ----------
    frame
        Has ``participant_id``.

    Returns
    -------
    DataFrame
        Those of :data:`KINDS` that the table has, ``people`` and ``rows``; no other column.

    Examples
    --------
    >>> visits = pd.DataFrame({"participant_id": ["sub-1", "sub-1", "sub-2"], "stage": "2-4", "reason": "?"})
    >>> counted(visits).to_dict("records")
    [{'stage': '2-4', 'people': 2, 'rows': 3}]
    """
    kinds = [name for name in KINDS if name in frame.columns]
    if not kinds:
        return pd.DataFrame({"people": [frame[PERSON].nunique()], "rows": [len(frame)]})
    grouped = frame.groupby(kinds, sort=False, dropna=False)[PERSON]
    return grouped.agg(people="nunique", rows="size").reset_index()


def suppressed(frame: pd.DataFrame) -> pd.DataFrame:
    """Empty what a table says of groups of one to four people, and show their number as ``<5``.

    Where the table has notes, theirs says why.

    Nobody can be found by subtraction either: where a single diagnosis is hidden beside ``all``, the next
    smallest is emptied too, and where a part of a group is hidden, so is what would give it away.

    Parameters
    ----------
    frame
        A table without ``participant_id``; one that counts no people (:data:`PEOPLE`) is returned as it is.

    Examples
    --------
    >>> groups = pd.DataFrame({"group": ["HC", "MS"], "n": [3, 40], "age_years": [31.0, 44.0]})
    >>> suppressed(groups).to_numpy().tolist()
    [['HC', '<5', None], ['MS', 40, 44.0]]
    """
    counts = [name for name in PEOPLE if name in frame.columns]
    if not counts:
        return frame
    first = min(map(frame.columns.get_loc, counts))
    given = frame.reset_index(drop=True)
    found = given.astype(object)
    numbers = given[counts].apply(pd.to_numeric, errors="coerce")
    people = numbers.iloc[:, 0]
    # A number that is missing may be any number.
    hidden = ~((numbers >= LEAST) | (numbers == 0)).all(axis=1)
    partner = _partners(given, first, people, hidden)
    statistics = [name for name in frame.columns[first:] if name not in counts]
    found.loc[hidden | partner, statistics] = None
    found.loc[partner, counts] = None
    for name in counts:
        found.loc[_few(numbers[name]), name] = FEW
    if NOTE in statistics:
        found.loc[hidden, NOTE] = given[NOTE].where(given[NOTE] == GIVES_AWAY, TOO_FEW)
        found.loc[partner, NOTE] = GIVES_AWAY
    shown = ~hidden & ~partner
    for name in (name for name in OTHERS if name in statistics):
        found.loc[_few(pd.to_numeric(given[name], errors="coerce")) & shown, name] = FEW
    for parts in PARTS:
        _hide_parts(found, [name for name in parts if name in statistics], people, shown)
    return _without_small_shares(found, statistics, people)


def _few(numbers: pd.Series) -> pd.Series:
    return numbers.between(1, LEAST, inclusive="left")


def _partners(frame: pd.DataFrame, first: int, people: pd.Series, hidden: pd.Series) -> pd.Series:
    """Mark the rows that with the row of everyone would give the one hidden diagnosis away."""
    marked = pd.Series(False, index=frame.index)
    if GROUP not in frame.columns[:first]:
        return marked
    others = [name for name in frame.columns[:first] if name != GROUP]
    blocks = [block for _, block in frame.groupby(others, dropna=False)] if others else [frame]
    for block in blocks:
        single = block.index[block[GROUP] != EVERYONE]
        if len(single) == len(block) or hidden[single].sum() != 1:
            continue
        shown = people[single][~hidden[single] & (people[single] > 0)]
        if len(shown):
            marked[shown.idxmin()] = True
    return marked


def _hide_parts(found: pd.DataFrame, parts: list[str], people: pd.Series, shown: pd.Series) -> None:
    """Hide, in place, parts of one to four people and the parts that they could be worked out from."""
    if not parts:
        return
    sizes = found[parts].apply(pd.to_numeric, errors="coerce")
    rest = people - sizes.sum(axis=1)
    touched = (sizes.apply(_few).any(axis=1) | _few(rest)) & shown
    for name in parts:
        few = _few(sizes[name])
        found.loc[touched & few, name] = FEW
        found.loc[touched & ~few & (sizes[name] > 0), name] = None


def _without_small_shares(found: pd.DataFrame, statistics: list[str], people: pd.Series) -> pd.DataFrame:
    """Empty shares that stand for one to four people, or leave so many."""
    if SUMMARY in found.columns and "mean" in statistics:
        share = pd.to_numeric(found["mean"], errors="coerce").where(found[SUMMARY] == SHARE)
        few = _few((share * people).round()) | _few((people - share * people).round())
        found.loc[few, [name for name in statistics if name != SUMMARY]] = None
    return found
