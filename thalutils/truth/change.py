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
from thalutils.process import cached
from thalutils.segmenters.samseg import Samseg
from thalutils.segmenters.thalnet import weight_files
from thalutils.truth import kept, visits
from thalutils.truth.methods import GROUPS, Bench
from thalutils.truth.visits import CONDITIONS, LOSSES, Person, Visit

DATA = "recovery_pairs.tsv"
COLUMNS = (
    "anatomy", "number", "disturbance", "planned_percent", "truth_first_ml", "truth_second_ml", "true_percent",
    "method", "contrast", "processing", "first_ml", "second_ml", "measured_percent", "dice_first", "weights", "note",
)  # fmt: skip
# Enough for slopes whose intervals are narrower than 0.2, where one person's change scatters by less than 1 %.
HEADS, DEFORMATIONS, SAMSEG_HEADS = 8, 2, 5


@dataclass(frozen=True)
class Case:
    """One person and the group of methods that measure their pairs of visits, each given as disturbance and loss."""

    person: Person
    group: str
    pairs: tuple[tuple[str, float], ...]

    @property
    def anatomy(self) -> str:
        """Whose anatomy it is."""
        return self.person.anatomy

    @property
    def number(self) -> str:
        """Which deformation, and which methods."""
        return f"{self.person.number} {self.group}"


def cases(
    cache: Path, heads: int, deformations: int, samseg_heads: int, groups: Sequence[str] = tuple(GROUPS),
    disturbances: Sequence[str] = tuple(CONDITIONS), losses: Sequence[float] = LOSSES,
) -> list[Case]:  # fmt: skip
    """List what is to be done: every group of methods on every person, SAMSEG's on the first few only."""
    found = []
    for place, person in enumerate(visits.people_of(cache, heads, deformations)):
        for group in groups:
            wanted = visits.pairs(GROUPS[group].plan)
            some = tuple(pair for pair in wanted if pair[0] in disturbances and pair[1] in losses)
            if some and (not group.startswith("samseg") or place < samseg_heads):
                found.append(Case(person, group, some))
    return found


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
        "planned_percent": 0.0 - planned_percent,
        "truth_first_ml": before,
        "truth_second_ml": after,
        "true_percent": 100 * (after / before - 1),
        "weights": weight_files.version(),
    }


def keep(case: Case) -> Path:
    """Measure every pair of a case that is not there yet; return the file of their rows."""
    key = {"anatomy": case.person.anatomy, "number": case.person.number, "group": case.group}
    key |= {"weights": weight_files.version()}
    key |= kept.ground("thalutils.truth.change", case.person.settings)
    cache = case.person.cache
    with tempfile.TemporaryDirectory() as scratch:
        pairs = Pairs(case, Path(scratch))

        def one(disturbance: str, loss: float) -> Path:
            def make(to: Path) -> None:
                with tempfile.TemporaryDirectory() as folder:
                    found = pairs.measured(disturbance, loss, Path(folder))
                found.to_csv(to / "rows.tsv", sep="\t", index=False)

            return cached(cache, "recovery-pair", key | {"pair": [disturbance, loss]}, make) / "rows.tsv"

        made = [one(*pair) for pair in case.pairs]

    def join(to: Path) -> None:
        parts = [pd.read_csv(path, sep="\t", dtype=kept.TEXTS) for path in made]
        pd.concat(parts).to_csv(to / "rows.tsv", sep="\t", index=False)

    return cached(cache, "recovery-case", key | {"pairs": case.pairs}, join) / "rows.tsv"


def run(
    folder: Path, heads: int = HEADS, deformations: int = DEFORMATIONS, samseg_heads: int = SAMSEG_HEADS,
    groups: Sequence[str] = tuple(GROUPS), disturbances: Sequence[str] = tuple(CONDITIONS),
    losses: Sequence[float] = LOSSES,
) -> Path:  # fmt: skip
    """Measure every pair that is not there yet; write the table of all of them, and what made it.

    Raises
    ------
    ToolError
        Where a case could not be done, with the reason.
    UsageError
        Where there is no such group of methods, disturbance or loss.
    """
    for given, known in ((groups, GROUPS), (disturbances, CONDITIONS), (losses, LOSSES)):
        unknown = [str(one) for one in given if one not in known]
        if unknown:
            raise UsageError(f"there is no {', '.join(unknown)}; give some of {', '.join(map(str, known))}.")
    if not Samseg().availability().ok:
        groups = [group for group in groups if not group.startswith("samseg")]
    wanted = cases(folder / "cache", heads, deformations, samseg_heads, groups, disturbances, losses)
    made = kept.collect(keep, wanted, folder / DATA, label="pairs of visits", memory_gb=4.5)
    options = {"heads": heads, "deformations": deformations, "samseg-heads": samseg_heads, "methods": groups}
    options |= {"disturbances": disturbances, "losses": losses}
    kept.sign(made, " ".join(["python -m thalutils.truth.change FOLDER", *map(_option, options.items())]))
    return made


def _option(given: tuple[str, object]) -> str:
    name, value = given
    text = ",".join(f"{one:g}" if isinstance(one, float) else one for one in value) if isinstance(value, Sequence) else value  # fmt: skip
    return f"--{name} {text}"


def main() -> None:
    """Read the command line and compute."""
    parser = argparse.ArgumentParser(prog="python -m thalutils.truth.change", description=__doc__.partition("\n")[0])  # fmt: skip
    parser.add_argument("folder", type=Path, help="where the table and what it is made of are kept")
    parser.add_argument("--heads", type=int, default=HEADS, help="heads of the phantom's anatomy")
    parser.add_argument("--deformations", type=int, default=DEFORMATIONS, help="heads of each person whom ThalNet has not seen")  # fmt: skip
    parser.add_argument("--samseg-heads", type=int, default=SAMSEG_HEADS, help="how many of all heads SAMSEG measures")  # fmt: skip
    parser.add_argument("--methods", default=",".join(GROUPS), help="groups of methods, with commas")
    parser.add_argument("--disturbances", default=",".join(CONDITIONS), help="what disturbs the pairs, with commas")  # fmt: skip
    parser.add_argument("--losses", default=",".join(f"{loss:g}" for loss in LOSSES), help="true losses in percent, with commas")  # fmt: skip
    given = parser.parse_args()
    losses = [float(loss) for loss in given.losses.split(",")]
    print(run(given.folder, given.heads, given.deformations, given.samseg_heads, given.methods.split(","), given.disturbances.split(","), losses))  # fmt: skip


if __name__ == "__main__":
    main()
