"""The two frames that every association and every change is computed from (sections 2.3, 2.7.4, 2.7.5)."""

import pandas as pd

from thalutils.errors import TableError
from thalutils.stats.agreement import REFERENCES

# Where people have several estimates of their intracranial volume, the one that most of them have is
# taken, and of equals the first here.
ICV_SOURCES = ("FreeSurfer", "SAMSEG", "DBSegment", "deepbet")
TRIALS = {"t25fw_s": ["t25fw_1_s", "t25fw_2_s"], "nhpt_s": ["nhpt_1_s", "nhpt_2_s"]}
OUTCOMES = ("edss", "t25fw_s", "nhpt_s", "sdmt", "disease_duration_years")
CHANGING = ("edss", "t25fw_s", "nhpt_s", "sdmt")
PERSON = ["participant_id", "group", "sex", "age_years", "icv_ml", "icv_z", "site"]
# What the two frames have; the first also scores that are asked for.
BASELINE_COLUMNS = (*PERSON, *OUTCOMES, "method", "volume_ml")
CHANGE_COLUMNS = (
    *PERSON, "interval_years", "steroids_since_last", "method", "volume_ml", "delta_ml", "percent", "edss",
    *(f"delta_{name}" for name in CHANGING),
)  # fmt: skip
UNKNOWN_SITE = "unknown"
_ORDER = ["participant_id", "session_id"]


def clinical(sessions: pd.DataFrame) -> pd.DataFrame:
    """Return the visits with both trials of each test averaged, and each person's visits numbered from 0.

    Where one trial is missing, the other stands for both.
    """
    found = sessions.sort_values(_ORDER, ignore_index=True)
    for name, trials in TRIALS.items():
        found[name] = found[trials].mean(axis=1)
    found["visit"] = found.groupby("participant_id").cumcount()
    return found


def intracranial(table: pd.DataFrame) -> pd.DataFrame:
    """Return one intracranial volume a person, ``icv_ml``, from the source that most people have."""
    known = table.dropna(subset=["icv_ml"])
    if known.empty:
        return pd.DataFrame({"participant_id": pd.Series(dtype=str), "icv_ml": pd.Series(dtype=float)})
    counts = known["source"].value_counts()
    rank = {source: place for place, source in enumerate(ICV_SOURCES)}
    best = min(counts.index, key=lambda source: (-counts[source], rank.get(source, len(rank)), source))
    return known.loc[known["source"] == best, ["participant_id", "icv_ml"]]


def measured(volumes: pd.DataFrame, exclude: tuple[str, ...] = ()) -> pd.DataFrame:
    """Return the volumes of methods: no references, none of `exclude`, one row a visit and method."""
    left_out = {*REFERENCES, *exclude}
    found = volumes[~volumes["method"].isin(left_out)].dropna(subset=["volume_ml"])
    keys = [*_ORDER, "method"]
    twice = found[found.duplicated(keys)]
    if len(twice):
        row = twice.iloc[0]
        raise TableError(
            f"volumes: {row['participant_id']} {row['session_id']} has {row['method']} twice. Keep one row."
        )
    return found[[*keys, "volume_ml"]]


def baseline(
    participants: pd.DataFrame, sessions: pd.DataFrame, volumes: pd.DataFrame, icv: pd.DataFrame,
    exclude: tuple[str, ...] = (), more: tuple[str, ...] = (),
) -> pd.DataFrame:  # fmt: skip
    """Set each method's volume beside the person and the outcomes at the first visit.

    Parameters
    ----------
    participants, sessions, volumes, icv : DataFrame
        The tables ``participants``, ``sessions``, ``volumes`` and ``intracranial``.
    exclude : tuple of str
        Methods to leave out.
    more : tuple of str
        Columns of `sessions` that are outcomes too.

    Returns
    -------
    DataFrame
        A row a person and method, methods in the order in which they come: :data:`PERSON`,
        :data:`OUTCOMES` (seconds are means of both trials, untransformed), `more`, ``method``, ``volume_ml``.

    Raises
    ------
    TableError
        Where one of `more` is no column of numbers of `sessions`.
        ``icv_z`` is standardised over the people in the frame, each counted once.
    """
    first = clinical(sessions).query("visit == 0")
    odd = [name for name in more if name not in sessions or name in _ORDER]
    if odd:
        raise TableError(f"{', '.join(odd)} is no score; sessions has {', '.join(sessions.columns[2:])}.")
    people = _people(participants, first, icv)
    found = people.merge(measured(volumes, exclude), on=_ORDER, how="inner")
    found = _standardised(found)
    return found[[*PERSON, *dict.fromkeys((*OUTCOMES, *more)), "method", "volume_ml"]].reset_index(drop=True)


def change(
    participants: pd.DataFrame, sessions: pd.DataFrame, volumes: pd.DataFrame, icv: pd.DataFrame,
    exclude: tuple[str, ...] = (),
) -> pd.DataFrame:  # fmt: skip
    """Set each method's change of volume from the first to the second visit beside the clinical changes.

    Parameters
    ----------
    participants, sessions, volumes, icv : DataFrame
        The tables ``participants``, ``sessions``, ``volumes`` and ``intracranial``.
    exclude : tuple of str
        Methods to leave out.

    Returns
    -------
    DataFrame
        A row a person with two measured visits and method: :data:`PERSON` (age at the first visit),
        ``interval_years``, ``steroids_since_last``, ``method``, ``volume_ml`` (at the first visit),
        ``delta_ml``, ``percent`` (of the first visit's volume), ``edss`` (at the first visit) and
        ``delta_`` of each of :data:`CHANGING`, follow-up minus baseline.
    """
    visits = clinical(sessions)
    first, second = (visits[visits["visit"] == visit] for visit in (0, 1))
    people = _people(participants, first, icv)
    later = second[["participant_id", "session_id", "interval_years", "steroids_since_last", *CHANGING]]
    both = people.drop(columns=["interval_years", "steroids_since_last"]).merge(
        later, on="participant_id", suffixes=("", "_later")
    )
    sizes = measured(volumes, exclude)
    found = both.merge(sizes, on=_ORDER).merge(
        sizes.rename(columns={"session_id": "session_id_later", "volume_ml": "volume_ml_later"}),
        on=["participant_id", "session_id_later", "method"],
    )
    found = _standardised(found)
    for name in (*CHANGING, "volume_ml"):
        target = "delta_ml" if name == "volume_ml" else f"delta_{name}"
        found[target] = found[f"{name}_later"] - found[name]
    found["percent"] = 100 * found["delta_ml"] / found["volume_ml"]
    return found[list(CHANGE_COLUMNS)].reset_index(drop=True)


def _people(participants: pd.DataFrame, first: pd.DataFrame, icv: pd.DataFrame) -> pd.DataFrame:
    who = participants.reindex(columns=["participant_id", "group", "sex", "site"])
    who["site"] = who["site"].astype(object).fillna(UNKNOWN_SITE)
    return who.merge(first, on="participant_id").merge(intracranial(icv), on="participant_id", how="left")


def _standardised(found: pd.DataFrame) -> pd.DataFrame:
    once = found.drop_duplicates("participant_id")["icv_ml"]
    return found.assign(icv_z=(found["icv_ml"] - once.mean()) / once.std(ddof=1))
