"""What was asked of ThalNet on simulated heads, and whether the kept evaluation reaches it."""

from dataclasses import dataclass
from math import inf

import pandas as pd

from thalutils.report.words import MINUS, interval

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
    Target("bias of volume (%)", "accuracy", "bias_percent", -3, 3, 1),
    Target("slope of volume", "accuracy", "slope", 0.9, 1.1),
    Target("ICC(A,1) of volume", "accuracy", "icc_a1", 0.95, digits=3),
    Target("pairs of visits", "recovery", "n", 60, digits=0),
    Target("slope of change", "recovery", "slope", 0.8, 1.2),
    Target("SD of a volume scanned again (%)", "recovery", "rescan_sd_percent", high=1),
)


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
