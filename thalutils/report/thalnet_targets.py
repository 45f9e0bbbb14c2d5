"""What was asked of ThalNet on simulated heads, and whether the kept evaluation reaches it."""

from dataclasses import dataclass
from math import inf

import pandas as pd

from thalutils.report.words import MINUS, interval
from thalutils.training import real_scans

COLUMNS = ("heads", "target", "asked", "worst", "in", "reached")
YES, NO, UNKNOWN = "yes", "no", "not known"


@dataclass(frozen=True)
class Target:
    """One quantity of a table, and the range in which it should lie for every contrast.

    Attributes
    ----------
    name : str
        What the quantity is, for the reader.
    table, column : str
        A table of :func:`judged`, and a column of it.
    low, high : float
        The range; both ends are in it.
    digits : int
    """

    name: str
    table: str
    column: str
    low: float = -inf
    high: float = inf
    digits: int = 2

    def asked(self) -> str:
        """Return the range in words.

        Examples
        --------
        >>> Target("bias", "accuracy", "bias_percent", -3, 3).asked(), Target("SD", "recovery", "sd", high=1).asked()
        ('−3 to 3', 'at most 1')
        """
        if self.high == inf:
            return f"at least {self.low:g}"
        if self.low == -inf:
            return f"at most {self.high:g}"
        return f"{self.low:g} to {self.high:g}".replace("-", MINUS)

    def beyond(self, value: float) -> float:
        """Return how far a value lies beyond the range; 0 at its nearer end, below 0 within."""
        return max(self.low - value, value - self.high)


TARGETS = (
    Target("heads of each person", "persons", "n_each", 15, digits=0),
    Target("median Dice", "accuracy", "dice", 0.93, digits=3),
    Target("lowest Dice", "accuracy", "dice_lowest", 0.88, digits=3),
    Target("bias of volume (%)", "accuracy", "bias_percent", -3, 3),
    Target("slope of volume", "accuracy", "slope", 0.9, 1.1),
    Target("ICC(A,1) of volume", "accuracy", "icc_a1", 0.95, digits=3),
    Target("pairs of visits", "recovery", "n", 60, digits=0),
    Target("slope of change", "recovery", "slope", 0.8, 1.2),
    Target("SD of a volume scanned again (%)", "recovery", "rescan_sd_percent", high=1),
)

# On real scans there is no truth. SAMSEG's full preset is a second opinion.
WHOLE, PATIENTS, THICK = "MNI152 and Colin27", "patients with MS, 1 mm", "patient with MS, thick slices"
ON_REAL = {WHOLE: ("MNI152", "Colin27"), PATIENTS: ("MS 07", "MS 26"), THICK: real_scans.THICK}
ON_T1, ON_FLAIR, SECOND = "ThalNet-T1", "ThalNet-FLAIR", "SAMSEG-T1"
REAL_TARGETS = {
    WHOLE: (
        Target("Dice with SAMSEG", SECOND, "dice", 0.88, digits=3),
        Target("volume less SAMSEG's (%)", SECOND, "more_percent", -10, 10, 0),
    ),
    PATIENTS: (
        Target("Dice with SAMSEG", SECOND, "dice", 0.85, digits=3),
        Target("Dice of T1w with FLAIR", ON_FLAIR, "dice", 0.85, digits=3),
    ),
    THICK: (
        Target("Dice of T1w with FLAIR", ON_FLAIR, "dice", 0.75, digits=3),
        Target("second visit's volume less the first's (%)", "visits", "more_percent", -12, 12, 0),
    ),
}


def judged(accuracy: pd.DataFrame, recovery: pd.DataFrame) -> pd.DataFrame:
    """Hold the tables ``thalnet_accuracy`` and ``thalnet_recovery`` against the targets.

    Returns
    -------
    DataFrame
        A row a set of heads and target: the range, what is there for the contrast that lies worst in it (with its 95 %
        interval where it has one), and whether that estimate reaches the target.
    """
    # heads of one atlas are as many persons as heads: how many each has says nothing
    persons = accuracy[accuracy["n_persons"] < accuracy["n"]]
    tables = {
        "accuracy": accuracy,
        "recovery": recovery,
        "persons": persons.assign(n_each=persons["n"] / persons["n_persons"]),
    }
    rows = []
    for heads in accuracy["heads"].unique():
        for target in TARGETS:
            mine = tables[target.table]
            mine = mine[mine["heads"] == heads]
            if len(mine):
                asked = {"heads": heads, "target": target.name, "asked": target.asked()}
                rows.append(asked | _worst(target, mine.dropna(subset=[target.column])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def judged_real(pairs: pd.DataFrame) -> pd.DataFrame:
    """Hold the kept table of real scans against the targets; what is worst of a set of scans decides.

    Parameters
    ----------
    pairs : DataFrame
        As :func:`thalutils.training.real_scans.pairs` gives it.

    Returns
    -------
    DataFrame
        As :func:`judged`; ``in`` is the scan.
    """
    pairs = pairs.assign(
        contrast=pairs["head"].where(
            ~pairs["head"].isin(ON_REAL[THICK]), pairs["head"] + ", visit " + pairs["visit"].astype(str)
        ),
        more_percent=100 * (pairs["volume_ml"] / pairs["other_ml"] - 1),
    )
    rows = []
    for heads, targets in REAL_TARGETS.items():
        mine = pairs[pairs["head"].isin(ON_REAL[heads])]
        tables = {
            other: mine[(mine["method"] == ON_T1) & (mine["other"] == other)] for other in (SECOND, ON_FLAIR)
        }
        tables["visits"] = _between_visits(mine)
        for target in targets:
            asked = {"heads": heads, "target": target.name, "asked": target.asked()}
            rows.append(asked | _worst(target, tables[target.table].dropna(subset=[target.column])))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _between_visits(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return how much a contrast's volume differs between two visits of one head, in percent."""
    one = pairs[["head", "method", "visit", "volume_ml"]]
    other = pairs[["head", "other", "visit", "other_ml"]].set_axis(one.columns, axis=1)
    drawn = pd.concat([one, other])
    drawn = drawn[drawn["method"].isin((ON_T1, ON_FLAIR))]
    drawn = drawn.pivot_table(index=["head", "method"], columns="visit", values="volume_ml").dropna()
    if drawn.shape[1] < 2:
        return pd.DataFrame(columns=["contrast", "more_percent"])
    more = 100 * (drawn.iloc[:, -1] / drawn.iloc[:, 0] - 1)
    return pd.DataFrame({"contrast": drawn.index.get_level_values("method"), "more_percent": more.to_numpy()})


def _worst(target: Target, known: pd.DataFrame) -> dict[str, str]:
    if known.empty:
        return {"reached": UNKNOWN}
    worst = known.loc[known[target.column].map(target.beyond).idxmax()]
    low, high = (worst.get(f"{target.column}_{end}") for end in ("low", "high"))
    value = worst[target.column]
    return {
        "worst": interval(value, low, high, target.digits),
        "in": worst["contrast"],
        "reached": YES if target.beyond(value) <= 0 else NO,
    }
