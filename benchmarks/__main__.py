"""``python -m benchmarks [NAME...]``: time the named works, or all, and write ``benchmarks/results.tsv``."""

import importlib
import os
import platform
import sys
from pathlib import Path

RESULTS = Path(__file__).with_name("results.tsv")
NAMES = ("masks", "information", "statistics", "maps", "registration", "thalamus")
COLUMNS = ("work", "ours_s", "peer", "peer_s", "ratio", "ratio_low", "ratio_high", "agreement", "machine")
# One thread for everyone, said before any library starts its own.
THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS",
)


def machine() -> str:
    """Return the processor, its cores and the Python."""
    from thalutils.truth import kept  # here, since the libraries that it brings read THREADS when they start

    return f"{kept.machine()}, Python {platform.python_version()}, 1 thread each where the work does not say otherwise"


def main(names: list[str]) -> None:
    """Time, write, and print as it goes; rows of works that were not asked for stay.

    The table is written after each work, so that a bench that is stopped keeps what it has.
    """
    unknown = set(names) - set(NAMES)
    if unknown:
        sys.exit(f"benchmarks: no {', '.join(sorted(unknown))}; there are {', '.join(NAMES)}.")
    import pandas as pd
    import torch

    from benchmarks.harness import measure
    from thalutils.files import atomic_path

    torch.set_num_threads(1)
    for name in names or NAMES:
        for work in importlib.import_module(f"benchmarks.{name}").works():
            rows = [row | {"machine": machine()} for row in measure(work)]
            for row in rows:
                print("\t".join(f"{row.get(column, '')}" for column in COLUMNS[:-1]), flush=True)
            found = pd.DataFrame(rows, columns=list(COLUMNS))
            if RESULTS.exists():
                before = pd.read_csv(RESULTS, sep="\t", keep_default_na=False, na_values=["n/a"])
                found = pd.concat([before[before["work"] != work.name], found], ignore_index=True)
            with atomic_path(RESULTS) as draft:
                found.to_csv(
                    draft, sep="\t", index=False, na_rep="n/a", float_format="%.4g", lineterminator="\n"
                )


if __name__ == "__main__":
    for variable in THREADS:
        os.environ[variable] = "1"
    main(sys.argv[1:])
