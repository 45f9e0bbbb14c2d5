"""Small tables of what tests have seen on one machine, kept with the project where a variable names the file."""

import os
from pathlib import Path

import pandas as pd

from thalutils.files import atomic_path


def keep_row(variable: str, row: dict[str, object], keys: list[str]) -> None:
    """Write a row into the table whose path stands in `variable`, in place of the one with the same keys."""
    if not os.environ.get(variable):
        return
    path = Path(os.environ[variable]).resolve()
    found = pd.DataFrame([row])
    if path.exists():
        before = pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["n/a"])
        same = (before[keys] == pd.Series({key: row[key] for key in keys})).all(axis=1)
        found = pd.concat([before[~same], found])
    with atomic_path(path) as draft:
        found.to_csv(draft, sep="\t", index=False, na_rep="n/a", lineterminator="\n")
