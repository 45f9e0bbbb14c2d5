"""Who is in each population of the study, and what they are like at baseline (section 3.1, Tables S1-S3)."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.schemas import SCHEMAS
from thalutils.stats.description import describe
from thalutils.stats.frames import clinical, intracranial

ALL, ISOLATED = "all", "isolated"
POOLED = ("RIS", "CIS", "iON")
GROUP_ORDER = ("HC", "RRMS", "PMS", ISOLATED, "NMOSD", "MOGAD", "MS", "unknown")
REFERENCE, CROSS_SECTIONAL, LONGITUDINAL = "reference", "cross-sectional", "longitudinal"
POPULATIONS = (REFERENCE, CROSS_SECTIONAL, LONGITUDINAL)
# The study gives medians of ordinal variables; counts and times are skewed to the right.
SUMMARIES = {
    "age_years": "mean", "female": "share", "disease_duration_years": "mean", "edss": "median",
    "attacks": "median", "t25fw_s": "median", "nhpt_s": "median", "sdmt": "mean", "interval_years": "mean",
    "icv_ml": "mean",
}  # fmt: skip
VOLUME = "volume:"
_PERSON, _VISIT = "participant_id", ["participant_id", "session_id"]


def pooled(group: pd.Series) -> pd.Series:
    """Return the diagnoses with RIS, CIS and iON pooled as ``isolated``, as the study does.

    Examples
    --------
    >>> pooled(pd.Series(["RRMS", "CIS", "iON"])).tolist()
    ['RRMS', 'isolated', 'isolated']
    """
    return group.where(~group.isin(POOLED), ISOLATED)


def by_group(frame: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the whole `frame` as ``all``, then the rows of each pooled diagnosis it has, in fixed order."""
    yield ALL, frame
    groups = pooled(frame["group"])
    for group in GROUP_ORDER:
        if (groups == group).any():
            yield group, frame[groups == group]


def population(
    participants: pd.DataFrame, sessions: pd.DataFrame, volumes: pd.DataFrame, icv: pd.DataFrame
) -> pd.DataFrame:
    """Describe each population at its first visit, for everyone and for each diagnosis.

    A visit is a row of the sessions or of the volumes. The cross-sectional population is everyone with a
    visit, the longitudinal one everyone with two, the reference set those of them who have a reference mask.

    Parameters
    ----------
    participants, sessions, volumes, icv : DataFrame
        The tables ``participants``, ``sessions``, ``volumes`` and ``intracranial``.

    Returns
    -------
    DataFrame
        The table ``population``: a row for each of :data:`POPULATIONS`, diagnosis it has (and ``all``) and
        variable of :data:`SUMMARIES` and ``volume:<method>``, references among the methods, in the units
        of the tables (both trials of a timed test averaged). ``female`` has the share of women among
        people of known sex as its mean; `n` times that is their count. ``interval_years``, to the second
        visit, is described in the longitudinal population only. Where nobody has a value, `n` is 0.
    """
    at_baseline = baseline_people(participants, sessions, volumes, icv)
    chosen = {
        REFERENCE: at_baseline[at_baseline["in_ground_truth"]],
        CROSS_SECTIONAL: at_baseline,
        LONGITUDINAL: at_baseline[at_baseline["visits"] >= 2],
    }
    measures = [name for name in at_baseline if name.startswith(VOLUME)]
    rows = []
    for name, everyone in chosen.items():
        variables = [*SUMMARIES, *measures]
        if name != LONGITUDINAL:
            variables.remove("interval_years")
        for group, members in by_group(everyone):
            for variable in variables:
                summary = SUMMARIES.get(variable, "mean")
                found = describe(members[variable])
                if summary == "share":
                    found |= dict.fromkeys(("sd", "median", "q1", "q3"), np.nan)
                key = {"population": name, "group": group, "variable": variable}
                rows.append(key | found | {"summary": summary})
    columns = list(SCHEMAS["population"].columns)
    return tables.check("population", pd.DataFrame(rows, columns=columns))


def baseline_people(
    participants: pd.DataFrame, sessions: pd.DataFrame, volumes: pd.DataFrame, icv: pd.DataFrame
) -> pd.DataFrame:
    """Return one row for each person with a visit: who they are, and everything measured at the first.

    Parameters
    ----------
    participants, sessions, volumes, icv : DataFrame
        The tables ``participants``, ``sessions``, ``volumes`` and ``intracranial``.

    Returns
    -------
    DataFrame
        ``participant_id``, ``group``, ``in_ground_truth``, ``visits`` (how many), the variables of
        :data:`SUMMARIES` and ``volume:<method>`` in mL, methods in the order in which they come. Where
        several people drew a reference, the first rater by name is taken.
    """
    visits = pd.concat([sessions[_VISIT], volumes[_VISIT]]).drop_duplicates().sort_values(_VISIT)
    visits["visit"] = visits.groupby(_PERSON).cumcount()
    counted = visits.groupby(_PERSON, as_index=False).agg(visits=("visit", "size"))
    examined = clinical(sessions).drop(columns="visit")
    second = visits[visits["visit"] == 1].merge(examined, on=_VISIT)[[_PERSON, "interval_years"]]
    found = (
        participants.assign(female=participants["sex"].eq("F").where(participants["sex"].notna()))
        .merge(visits.loc[visits["visit"] == 0, _VISIT], on=_PERSON)
        .merge(counted, on=_PERSON)
        .merge(examined.drop(columns="interval_years"), on=_VISIT, how="left")
        .merge(second, on=_PERSON, how="left")
        .merge(intracranial(icv), on=_PERSON, how="left")
        .merge(_wide(volumes), on=_VISIT, how="left")
    )
    measures = [name for name in found if name.startswith(VOLUME)]
    kept = [_PERSON, "group", "in_ground_truth", "visits", *SUMMARIES, *measures]
    return found[kept].astype(dict.fromkeys(SUMMARIES, float))


def _wide(volumes: pd.DataFrame) -> pd.DataFrame:
    """Return a row a visit and a column a method."""
    keys = [*_VISIT, "method"]
    once = volumes.sort_values("rater", kind="stable").drop_duplicates(keys)
    wide = once.pivot_table(index=_VISIT, columns="method", values="volume_ml", aggfunc="first")
    return wide.reindex(columns=volumes["method"].unique()).add_prefix(VOLUME).reset_index()
