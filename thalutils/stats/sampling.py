"""How people are drawn for the reference set, and whether they are like those left out (section 2.2.2, S1)."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats.description import people
from thalutils.stats.frames import clinical

Edges = Mapping[str, Sequence[float]]
EDGES: Edges = {
    "age_years": (18, 30, 50, 70),
    "disease_duration_years": (0, 5, 20, 40),
    "edss": (0, 1, 3, 7),
}
DRAWN = 34
OUTSIDE, WHOLE, OTHER = "outside every stratum", "taken whole", "other diagnosis"
FRAME, SAMPLE, REFERENCE = "frame", "sample", "reference"
_WORDS = {"age_years": "age", "disease_duration_years": "duration", "edss": "EDSS"}
_PERSON = "participant_id"


def reference_sample(
    participants: pd.DataFrame, sessions: pd.DataFrame, seed: int, n: int = DRAWN, edges: Edges = EDGES,
    drawn_from: Sequence[str] = ("RRMS",), taken_whole: Sequence[str] = ("PMS",),
) -> pd.DataFrame:  # fmt: skip
    """Draw a stratified random sample at the first visit, and say who belongs to it.

    Places are shared among the strata in proportion to their size by :func:`largest_remainder`; within a
    stratum everyone is equally likely. A stratum is a bin of age, one of disease duration and one of EDSS.
    People outside the bins, or without one of the three values, cannot be drawn.

    Parameters
    ----------
    participants, sessions : DataFrame
        The tables ``participants`` and ``sessions``.
    seed : int
        Decides the draw, whatever the order of the rows.
    n : int
        People to draw; where the frame has fewer, all of them are.
    edges : mapping of str to sequence of float
        Ascending bin edges of each variable. Bins hold their lower edge and not their upper one, but the
        last holds both. The study does not say to which bin an edge belongs; as the EDSS has no 0.5, its
        first bin so holds 0 alone.
    drawn_from, taken_whole : sequence of str
        Diagnoses that are sampled, and those of which everyone is taken.

    Returns
    -------
    DataFrame
        The table ``reference_sample``, a row a participant with a visit. The sample is everyone who is ``drawn`` or
        whose ``stratum`` is :data:`WHOLE`; ``in_ground_truth`` says who has a reference mask in fact.

    Raises
    ------
    TableError
        Where a variable has fewer than two edges, or they do not ascend.
    """
    bins = _bins(edges)
    first = _first_visits(participants, sessions).sort_values(_PERSON, ignore_index=True)
    labels = pd.DataFrame({name: _category(first[name], bins[name], _WORDS.get(name, name)) for name in bins})
    eligible = first["group"].isin(drawn_from)
    inside = eligible & labels.notna().all(axis=1)
    stratum = labels.agg(lambda row: ", ".join(row.astype(object).fillna("?")), axis=1).where(inside, OUTSIDE)
    stratum = stratum.where(eligible, OTHER).mask(first["group"].isin(taken_whole) & ~eligible, WHOLE)
    first = first.assign(stratum=stratum, in_frame=inside.astype(int))
    first["drawn"] = first[_PERSON].isin(_draw(first[inside], n, seed)).astype(int)
    return tables.check("reference_sample", first[list(SCHEMAS["reference_sample"].columns)])


def largest_remainder(sizes: Sequence[int], n: int) -> list[int]:
    """Share `n` places in proportion to `sizes` by largest remainders (Hamilton's method).

    Each part gets the whole number of its exact share, and the places left go to the largest fractions, of
    equal ones to the first. As long as `n` is at most the sum of `sizes`, no part gets more than its size.

    Examples
    --------
    >>> largest_remainder([50, 30, 20], 7)
    [4, 2, 1]
    """
    whole, remainder = np.divmod(np.asarray(sizes, dtype=np.int64) * n, max(sum(sizes), 1))
    whole[np.argsort(-remainder, kind="stable")[: n - whole.sum()]] += 1
    return [int(places) for places in whole]


def strata_table(
    participants: pd.DataFrame, sessions: pd.DataFrame, sample: pd.DataFrame, edges: Edges = EDGES
) -> pd.DataFrame:
    """Count the categories of age, duration and EDSS in the frame, the sample and the actual reference set.

    Parameters
    ----------
    participants, sessions : DataFrame
        The tables ``participants`` and ``sessions``.
    sample : DataFrame
        The table ``reference_sample``.
    edges : mapping of str to sequence of float
        Those that the sample was drawn with.

    Returns
    -------
    DataFrame
        ``set`` (``frame``: who could be drawn; ``sample``: who was; ``reference``: who of the sampled
        diagnoses has a reference mask), ``variable``, ``category``, ``n`` and ``share`` of the set. The last
        category of each variable, :data:`OUTSIDE`, holds those outside its bins or without a value; the
        shares of an empty set are missing.
    """
    bins = _bins(edges)
    rows = []
    for name, members in _sets(participants, sessions, sample).items():
        for variable, limits in bins.items():
            word = _WORDS.get(variable, variable)
            found = _category(members[variable], limits, word).fillna(OUTSIDE)
            for category in [*_names(limits, word), OUTSIDE]:
                n = int((found == category).sum())
                share = n / len(members) if len(members) else np.nan
                rows.append((name, variable, category, n, share))
    return pd.DataFrame(rows, columns=["set", "variable", "category", "n", "share"])


def standardised_differences(
    participants: pd.DataFrame, sessions: pd.DataFrame, sample: pd.DataFrame, edges: Edges = EDGES
) -> pd.DataFrame:
    """Say how far the sample, and the actual reference set, lie from the frame they should represent.

    Parameters
    ----------
    participants, sessions, sample, edges
        As for :func:`strata_table`.

    Returns
    -------
    DataFrame
        ``set`` (``sample`` or ``reference``), ``variable``, ``n``, ``mean``, ``sd``, ``frame_n``,
        ``frame_mean``, ``frame_sd``, ``difference_std`` and ``note``. The difference of means is divided by
        the root of the mean of both variances: beyond ± 0.1 the sets are commonly called unlike.

    Notes
    -----
    Austin, Stat Med 2009; 28: 3083-3107, section 3.1.
    """
    sets = _sets(participants, sessions, sample)
    rows = []
    for name in (SAMPLE, REFERENCE):
        for variable in edges:
            mine, frame = sets[name][variable].dropna(), sets[FRAME][variable].dropna()
            row = {"set": name, "variable": variable, "n": len(mine), "mean": mine.mean(), "sd": mine.std()}
            row |= {"frame_n": len(frame), "frame_mean": frame.mean(), "frame_sd": frame.std()}
            spread = np.sqrt((row["sd"] ** 2 + row["frame_sd"] ** 2) / 2)
            if min(len(mine), len(frame)) < 2:
                fewest = people(min(len(mine), len(frame)))
                row["note"] = f"{fewest} with a value in one of the sets: no standard deviation."
            elif spread == 0:
                row["note"] = "Everyone has the same value: no standard deviation to divide by."
            else:
                row["difference_std"] = (row["mean"] - row["frame_mean"]) / spread
            rows.append(row)
    described = ["n", "mean", "sd", "frame_n", "frame_mean", "frame_sd"]
    return pd.DataFrame(rows, columns=["set", "variable", *described, "difference_std", "note"])


def _first_visits(participants: pd.DataFrame, sessions: pd.DataFrame) -> pd.DataFrame:
    return participants.merge(clinical(sessions).query("visit == 0"), on=_PERSON)


def _sets(
    participants: pd.DataFrame, sessions: pd.DataFrame, sample: pd.DataFrame
) -> dict[str, pd.DataFrame]:
    mine = sample[[_PERSON, "stratum", "in_frame", "drawn"]]
    first = _first_visits(participants, sessions).merge(mine, on=_PERSON)
    sampled_diagnosis = ~first["stratum"].isin((WHOLE, OTHER))
    return {
        FRAME: first[first["in_frame"] == 1],
        SAMPLE: first[first["drawn"] == 1],
        REFERENCE: first[first["in_ground_truth"] & sampled_diagnosis],
    }


def _draw(frame: pd.DataFrame, n: int, seed: int) -> list[str]:
    rng = np.random.default_rng(seed)
    strata = [members[_PERSON].to_numpy() for _, members in frame.groupby("stratum")]
    places = largest_remainder([len(members) for members in strata], min(n, len(frame)))
    drawn = [rng.choice(members, k, replace=False) for members, k in zip(strata, places, strict=True)]
    return [who for members in drawn for who in members]


def _bins(edges: Edges) -> dict[str, list[float]]:
    for name, limits in edges.items():
        if len(limits) < 2 or any(low >= high for low, high in pairwise(limits)):
            raise TableError(f"sessions: the bins of {name} need two or more ascending edges, not {limits}.")
    return {name: [float(edge) for edge in limits] for name, limits in edges.items()}


def _names(limits: list[float], word: str) -> list[str]:
    return [f"{word} {low:g}-{high:g}" for low, high in pairwise(limits)]


def _category(values: pd.Series, limits: list[float], word: str) -> pd.Series:
    """Return the bin that each value falls in, missing where in none."""
    last_closed = values.mask(values == limits[-1], np.nextafter(limits[-1], -np.inf))
    return pd.cut(last_closed, limits, right=False, labels=_names(limits, word)).astype(object)
