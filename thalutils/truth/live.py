"""A small slice of the kept pairs, computed anew: does this code still give what is kept?"""

from pathlib import Path

import numpy as np
import pandas as pd

from thalutils.errors import ThalutilsError
from thalutils.process import cached
from thalutils.segmenters.thalnet import network, segmenting, weight_files
from thalutils.truth import change, kept
from thalutils.truth.methods import ALONE, THALNET, Bench
from thalutils.truth.visits import RESCAN, Person

# One pair with the largest loss, on T1w by ThalNet: a minute of one core.
PLANNED_PERCENT = 5.0
METHOD = f"{THALNET}-T1"
KIND = ("T1w",)
# Between machines a voxel at the border may fall to the other side; a mask has some ten thousand.
TOLERANCE_PERCENT = 0.1
COMPARED = ("truth_first_ml", "truth_second_ml", "first_ml", "second_ml")


def recompute(cache: Path, found: pd.DataFrame) -> pd.DataFrame | str:
    """Scan and measure one of the kept pairs again.

    Parameters
    ----------
    cache : Path
        What was recomputed by the same code and weights before is taken from there.
    found : DataFrame
        The kept pairs.

    Returns
    -------
    DataFrame or str
        A row each of :data:`COMPARED`: ``quantity``, ``kept``, ``recomputed``, ``difference_percent`` and ``agrees``; or a
        sentence where it cannot be done here.
    """
    mine = found[
        (found["method"] == METHOD) & (found["processing"] == ALONE) & (found["disturbance"] == RESCAN)
        & np.isclose(found["planned_percent"], -PLANNED_PERCENT)
    ].dropna(subset=["first_ml", "second_ml"])  # fmt: skip
    reason = "no such pair is kept"
    for row in mine.drop_duplicates("anatomy").to_dict("records"):
        person = Person(cache, str(row["anatomy"]), int(row["number"]))
        try:
            again = pd.read_csv(_kept(person) / "row.tsv", sep="\t").iloc[0]
        except ThalutilsError as error:  # an anatomy that this machine does not have
            reason = str(error)
            continue
        rows = [(name, row[name], float(again[name])) for name in COMPARED]
        table = pd.DataFrame(rows, columns=["quantity", "kept", "recomputed"])
        table["difference_percent"] = 100 * (table["recomputed"] / table["kept"] - 1)
        return table.assign(agrees=table["difference_percent"].abs() <= TOLERANCE_PERCENT)
    return f"No pair could be computed anew here: {reason}"


def _kept(person: Person) -> Path:
    key = {"anatomy": person.anatomy, "number": person.number, "weights": weight_files.version()}
    key |= kept.ground("thalutils.truth.live", person.settings) | {"pair": [RESCAN, PLANNED_PERCENT]}

    def make(to: Path) -> None:
        _measured(person, to).to_csv(to / "row.tsv", sep="\t", index=False)

    return cached(person.cache, "recovery-live", key, make)


def _measured(person: Person, folder: Path) -> pd.DataFrame:
    """Measure the pair by ThalNet on T1w alone; its scans are those that were made beside FLAIR and R1."""
    bench, networks = Bench(person, KIND, folder), network.load()
    second = person.second(RESCAN, PLANNED_PERCENT, KIND)
    masks = [segmenting.segment(visit.images["T1w"], networks).labels for visit in (bench.first, second)]
    known = change.truth(person, bench.first, second, RESCAN, PLANNED_PERCENT)
    return pd.DataFrame([known | bench.row(METHOD, "T1", ALONE, *masks)])
