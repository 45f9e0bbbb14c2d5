"""Who tracks true change? Losses that are known, measured by every method on pairs of simulated visits.

``python -m thalutils.truth.change FOLDER`` computes it, one pair of visits at a time, goes on after a stop, and leaves
``recovery_pairs.tsv`` with a note of what made it. ``--help`` lists how many heads, and by which methods.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from thalutils.errors import UsageError
from thalutils.process import cached, code_hash
from thalutils.segmenters.samseg import Samseg
from thalutils.segmenters.thalnet import weight_files
from thalutils.truth import kept, visits
from thalutils.truth.methods import GROUPS, Bench
from thalutils.truth.visits import Person, Visit

DATA = "recovery_pairs.tsv"
COLUMNS = (
    "anatomy", "number", "disturbance", "planned_percent", "truth_first_ml", "truth_second_ml", "true_percent",
    "method", "contrast", "processing", "first_ml", "second_ml", "measured_percent", "dice_first", "weights", "note",
)  # fmt: skip
HEADS, DEFORMATIONS, SAMSEG_HEADS = 12, 3, 6


@dataclass(frozen=True)
class Case:
    """One person and the group of methods that measure their pairs of visits."""

    person: Person
    group: str

    @property
    def anatomy(self) -> str:
        """Whose anatomy it is."""
        return self.person.anatomy

    @property
    def number(self) -> str:
        """Which deformation, and which methods."""
        return f"{self.person.number} {self.group}"


def cases(
    cache: Path, heads: int, deformations: int, samseg_heads: int, groups: Sequence[str] = tuple(GROUPS)
) -> list[Case]:
    """List what is to be done: every group of methods on every person, SAMSEG's on the first few only."""
    everyone = visits.people_of(cache, heads, deformations)
    return [
        Case(person, group)
        for place, person in enumerate(everyone)
        for group in groups
        if not group.startswith("samseg") or place < samseg_heads
    ]


class Pairs:
    """The pairs of visits of one case; what they share is made when the first of them needs it."""

    def __init__(self, case: Case, folder: Path) -> None:
        self.person, self.group, self.folder = case.person, GROUPS[case.group], folder

    @cached_property
    def bench(self) -> Bench:
        """The person, with the first visit."""
        return Bench(self.person, self.group.kinds, self.folder)

    def measured(self, disturbance: str, loss_percent: float, folder: Path) -> pd.DataFrame:
        """Scan the second visit and measure the change by every method of the group."""
        second = self.person.second(disturbance, loss_percent, self.group.kinds)
        known = truth(self.person, self.bench.first, second, disturbance, loss_percent)
        rows = self.group.measure(self.bench, second, folder)
        return pd.DataFrame([known | row for row in rows]).reindex(columns=list(COLUMNS))


def truth(person: Person, first: Visit, second: Visit, disturbance: str, planned_percent: float) -> dict[str, object]:  # fmt: skip
    """Return what is known of a pair: whose it is, what disturbs it, and the volumes as counted."""
    before, after = first.truth_ml, second.truth_ml
    return {
        "anatomy": person.anatomy,
        "number": person.number,
        "disturbance": disturbance,
        "planned_percent": -planned_percent,
        "truth_first_ml": before,
        "truth_second_ml": after,
        "true_percent": 100 * (after / before - 1),
        "weights": weight_files.version(),
    }


def keep(case: Case) -> Path:
    """Measure every pair of a case that is not there yet; return the file of their rows."""
    key = {"anatomy": case.person.anatomy, "number": case.person.number, "group": case.group}
    key |= {"weights": weight_files.version(), "samseg": Samseg().availability().version}
    key |= {"code": code_hash("thalutils.truth.methods")}
    cache = case.person.cache
    wanted = visits.pairs(GROUPS[case.group].plan)
    with tempfile.TemporaryDirectory() as scratch:
        pairs = Pairs(case, Path(scratch))

        def one(disturbance: str, loss: float) -> Path:
            def make(to: Path) -> None:
                with tempfile.TemporaryDirectory() as folder:
                    found = pairs.measured(disturbance, loss, Path(folder))
                found.to_csv(to / "rows.tsv", sep="\t", index=False)

            return cached(cache, "recovery-pair", key | {"pair": [disturbance, loss]}, make) / "rows.tsv"

        made = [one(*pair) for pair in wanted]

    def join(to: Path) -> None:
        parts = [pd.read_csv(path, sep="\t", dtype=kept.TEXTS) for path in made]
        pd.concat(parts).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(cache, "recovery-case", key | {"pairs": wanted}, join) / "rows.tsv"


def run(
    folder: Path, heads: int = HEADS, deformations: int = DEFORMATIONS, samseg_heads: int = SAMSEG_HEADS,
    groups: Sequence[str] = tuple(GROUPS),
) -> Path:  # fmt: skip
    """Measure every pair that is not there yet; write the table of all of them, and what made it.

    Raises
    ------
    ToolError
        Where a case could not be done, with the reason.
    UsageError
        Where there is no such group of methods.
    """
    unknown = [group for group in groups if group not in GROUPS]
    if unknown:
        raise UsageError(f"there are no methods called {', '.join(unknown)}; give {', '.join(GROUPS)}.")
    if not Samseg().availability().ok:
        groups = [group for group in groups if not group.startswith("samseg")]
    wanted = cases(folder / "cache", heads, deformations, samseg_heads, groups)
    made = kept.collect(keep, wanted, folder / DATA, label="pairs of visits", memory_gb=4.5)
    counts = f"--heads {heads} --deformations {deformations} --samseg-heads {samseg_heads} --methods {','.join(groups)}"  # fmt: skip
    kept.sign(made, f"python -m thalutils.truth.change FOLDER {counts}")
    return made


def main() -> None:
    """Read the command line and compute."""
    parser = argparse.ArgumentParser(prog="python -m thalutils.truth.change", description=__doc__.partition("\n")[0])  # fmt: skip
    parser.add_argument("folder", type=Path, help="where the table and what it is made of are kept")
    parser.add_argument("--heads", type=int, default=HEADS, help="heads of the phantom's anatomy")
    parser.add_argument("--deformations", type=int, default=DEFORMATIONS, help="heads of each person whom ThalNet has not seen")  # fmt: skip
    parser.add_argument("--samseg-heads", type=int, default=SAMSEG_HEADS, help="how many of all heads SAMSEG measures")  # fmt: skip
    parser.add_argument("--methods", default=",".join(GROUPS), help="groups of methods, with commas")
    given = parser.parse_args()
    print(run(given.folder, given.heads, given.deformations, given.samseg_heads, given.methods.split(",")))


if __name__ == "__main__":
    main()
