"""Tables that take hours to compute: made case by case, resumed after a stop, and kept with the package."""

import json
import os
import platform
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd

from thalutils.cohort import Phantom
from thalutils.errors import TableError, ThalutilsError, ToolError
from thalutils.files import atomic_path, project_root, write_json
from thalutils.process import code_hash, parallel_map, run_program
from thalutils.segmenters.samseg import Samseg

TEXTS = {"anatomy": str}
GIT_LIMIT_S = 60.0
# Packages whose numbers, and not only whose names, are in the rows.
PACKAGES = ("antspyx", "bidsgate", "deepbet", "numpy", "scipy", "simpleitk", "torch")


def collect(
    kept: Callable[[Any], Path], wanted: list[Any], target: Path, *, label: str, memory_gb: float = 4.0
) -> Path:
    """Do every case that is not there yet, and write the rows of all of them as one table.

    Parameters
    ----------
    kept : callable
        Module-level; from a case, which has an ``anatomy`` and a ``number``, to the file of its rows.
    wanted : list
    target : Path
    label : str
        What is computed, for whoever waits.
    memory_gb : float
        What one process may need.

    Raises
    ------
    ToolError
        Where a case could not be done, with the reason.
    """
    commit()  # what the checkout is now is what is computed with, whatever it is at the end
    outcomes = parallel_map(
        kept, wanted, describe=lambda case: f"{case.anatomy} {case.number}", label=label, memory_gb=memory_gb
    )
    broken = [f"{one.item.anatomy} {one.item.number}: {one.error}" for one in outcomes if one.error]
    if broken:
        raise ToolError("\n".join(broken))
    table = pd.concat([pd.read_csv(one.value, sep="\t", dtype=TEXTS) for one in outcomes])
    with atomic_path(target) as draft:
        table.to_csv(draft, sep="\t", index=False, float_format="%.5g", lineterminator="\n")
    return target


def ground(module: str, settings: Phantom) -> dict[str, Any]:
    """Return what rows rest on beside their case, for the key of a cache.

    Parameters
    ----------
    module : str
        What computes them; its code and all that it imports count.
    settings : Phantom
        How heads are scanned; how many they are does not count.
    """
    return {
        "code": code_hash(module),
        "settings": settings.model_dump(mode="json", exclude={"participants", "seed"}),
        # the phantom's anatomy is the atlas that comes with it
        "samseg": Samseg().availability().version,
        "packages": {name: version(name) for name in PACKAGES},
    }


def sign(table: Path, made_with: str) -> Path:
    """Write beside a table which code made it, on which machine and when."""
    target = table.with_suffix(".json")
    origin = {"made_with": made_with, "commit": commit(), "machine": machine()}
    write_json(target, origin | {"date": datetime.now(UTC).date().isoformat()})
    return target


@lru_cache(maxsize=1)
def commit() -> str:
    """Return the checkout's commit, and whether files differ from it, as this process first asked."""
    git = ["git", "-C", project_root()]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "git.log"
        try:
            found = run_program([*git, "rev-parse", "--short=10", "HEAD"], log=log, timeout_s=GIT_LIMIT_S)
            changed = run_program(
                [*git, "status", "--porcelain", "thalutils"], log=log, timeout_s=GIT_LIMIT_S
            )
        except ThalutilsError:
            return "unknown"
    return found.strip() + (" with changes" if changed.strip() else "")


def machine() -> str:
    """Return the processor and how many cores it has."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores"


def read(name: str) -> pd.DataFrame:
    """Return one of the tables that are kept with the package.

    Raises
    ------
    TableError
        Where it has not been computed.
    """
    path = files("thalutils").joinpath("data", name)
    if not path.is_file():
        raise TableError(
            f"{name} is not among the tables that come with the package: it was not computed yet."
        )
    with path.open(encoding="utf-8") as text:
        return pd.read_csv(text, sep="\t", dtype=TEXTS)


def origin(name: str) -> dict[str, str]:
    """Return what :func:`sign` wrote beside a table that is kept with the package."""
    path = files("thalutils").joinpath("data", Path(name).with_suffix(".json").name)
    return json.loads(path.read_text(encoding="utf-8"))
