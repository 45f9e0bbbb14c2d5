"""Whether a stage must run again, and why, in a sentence."""

import sys
from fnmatch import fnmatchcase
from functools import lru_cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from thalutils import __version__, fetch, finished
from thalutils.cohort import Cohort
from thalutils.files import hash_file, hash_files, hash_json, read_json
from thalutils.imaging import verdicts
from thalutils.named_files import named
from thalutils.process import module_path
from thalutils.segmenters.catalogue import availability
from thalutils.stages import Stage, imported_modules, notebook_path, stripped_hash
from thalutils.tables import SHARDS

MANY = 3
OF_A_DATASET = (".nii", ".nii.gz", ".tsv", ".json")
# By the part that changed; where several have, the first is told.
SENTENCES = {
    "code": "helper code that it imports has changed: {}.",
    "kept": "what is kept with the project has changed: {}.",
    "environment": "the environment has changed: {}.",
    "tools": "another tool or version is installed: {}.",
    "inputs": "the cohort's {} changed.",
    "public": "what of the public data lies under THALUTILS_DATA has changed: {}.",
    "upstream": "{} has new results.",
    "outputs": "what it made is missing or was changed: {}.",
}


def state_path(cohort: Cohort, stage: Stage) -> Path:
    """Return where a finished stage's state is kept."""
    return cohort.root / "build" / "state" / cohort.name / f"{stage.name}.json"


def executed_path(cohort: Cohort, stage: Stage) -> Path:
    """Return where a finished stage's executed notebook is kept."""
    return cohort.root / "build" / "executed" / cohort.name / f"{stage.name}.ipynb"


def key(
    cohort: Cohort, stage: Stage, parameters: dict[str, Any], read: dict[str, str] | None = None
) -> dict[str, Any]:
    """Return all that a stage's result depends on, in parts that can be compared by name.

    `read` is what :func:`inputs` returned just now, where many stages are asked about at once: it looks at every scan.
    """
    notebook = notebook_path(cohort.root, stage)
    modules = imported_modules(notebook)
    return {
        "notebook": stripped_hash(notebook),
        "parameters": parameters,
        "code": {module: hash_file(module_path(module)) for module in modules},
        "kept": {name: hash_file(path) for name, path in named(cohort.root, modules).items()},
        "environment": environment(),
        "tools": tools() if stage.tools else {},
        "inputs": inputs(cohort) if read is None else read,
        "public": public(cohort, stage),
        "upstream": {
            name: (read_json(state_path(cohort, Stage(name=name, title=""))) or {}).get("outputs_hash", "")
            for name in stage.after
        },
    }


@lru_cache(maxsize=1)
def environment() -> dict[str, str]:
    """Return the version of Python and of every package in its environment."""
    found = {dist.metadata["Name"].lower(): dist.version for dist in distributions() if dist.metadata["Name"]}
    found.pop("thalutils", None)  # its code is compared by content
    return {"python": ".".join(map(str, sys.version_info[:3]))} | dict(sorted(found.items()))


@lru_cache(maxsize=1)
def tools() -> dict[str, str]:
    """Return the version of every tool, empty where it is absent."""
    return {name: state.version for name, state in availability().items()}


def public(cohort: Cohort, stage: Stage) -> dict[str, str]:
    """Hash what is at hand of the public collections that a stage takes files of."""
    paths = {f"{one}/{name}": path for one in stage.public for name, path in fetch.at_hand(one).items()}
    sums = hash_files(paths.values(), _memo(cohort, f"public-{stage.name}")) if paths else {}
    return {name: sums[path] for name, path in paths.items()}


def inputs(cohort: Cohort) -> dict[str, str]:
    """Hash the cohort's settings and its tables, or its scans and the verdicts entered for them, by their content."""
    settings = cohort.settings.model_dump(mode="json", exclude={"stages"})
    if cohort.kind == "tables":
        tables = [(path.name, hash_file(path)) for path in cohort.table_files]
        return {"settings": hash_json(settings), "tables": hash_json(tables)}
    files = []
    if cohort.bids.is_dir():
        files = [path for path in sorted(cohort.bids.rglob("*")) if path.name.endswith(OF_A_DATASET)]
    sums = hash_files([path for path in files if path.is_file()], _memo(cohort, "scans"))
    scans = [(str(path.relative_to(cohort.bids)), content) for path, content in sums.items()]
    scans += [(path.name, hash_file(path)) for path, _ in cohort.clinical_tables if path.is_file()]
    results = hash_files(finished.watched(cohort), _memo(cohort, "finished"))
    return {
        "settings": hash_json(settings),
        "scans": hash_json(scans),
        "finished results": hash_json(sorted((str(path), content) for path, content in results.items())),
        "verdicts": verdicts.fingerprint(cohort),
    }


def _memo(cohort: Cohort, what: str) -> Path:
    """Return where the sums of many files are kept, so that those that stand are not read again."""
    return cohort.cache / "hashes" / f"{cohort.name}-{what}.json"


def outputs(cohort: Cohort, stage: Stage) -> dict[str, Any]:
    """Fingerprint what a stage has made: tables, rows of people and numbers by content, images by path, size and time."""
    found: dict[str, Any] = {}
    for table in stage.tables:
        path = cohort.results / f"{table}.tsv"
        found[f"table {table}"] = hash_file(path) if path.exists() else ""
    shards = [
        (str(path.relative_to(cohort.results)), hash_file(path))
        for name in (stage.name, *stage.shards)
        for path in sorted((cohort.results / SHARDS / name).glob("*/*.tsv"))
    ]
    if shards:
        found["rows of people"] = hash_json(shards)
    if stage.numbers:
        every = read_json(cohort.results / "numbers.json") or {}
        found["numbers"] = hash_json({key: every[key] for key in every if key.split(".")[0] in stage.numbers})
    images = []
    for path in sorted(cohort.derivatives.rglob("*")) if stage.images else []:
        name = path.name.split("_", 2)[-1]
        if any(fnmatchcase(name, pattern) for pattern in stage.images):
            status = path.stat()
            images.append((str(path.relative_to(cohort.derivatives)), status.st_size, status.st_mtime_ns))
    if stage.images:
        found["images"] = hash_json(images)
    return found


def reason_stale(
    cohort: Cohort, stage: Stage, parameters: dict[str, Any], read: dict[str, str] | None = None
) -> str | None:
    """Return in a sentence why a stage must run, or ``None`` where its result stands; `read` as in :func:`key`."""
    state = read_json(state_path(cohort, stage))
    if not state or not executed_path(cohort, stage).exists():
        return "it has not run yet."
    before = state["key"] | {"outputs": state["outputs"]}
    now = key(cohort, stage, parameters, read) | {"outputs": outputs(cohort, stage)}
    if before["notebook"] != now["notebook"]:
        return "its notebook has changed."
    old, new = before["parameters"], now["parameters"]
    changed = _changed(old, new)
    if changed:
        name = changed[0]
        return f"its parameter {name} changed from {old.get(name)!r} to {new.get(name)!r}."
    for part, sentence in SENTENCES.items():
        changed = _changed(before.get(part, {}), now[part])  # a state of an older version lacks parts
        if changed:
            return sentence.format(_list(changed))
    return None


def _changed(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    return [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]


def _list(names: list[str]) -> str:
    more = f" and {len(names) - MANY} more" if len(names) > MANY else ""
    return ", ".join(names[:MANY]) + more


def _origin(cohort: Cohort) -> str:
    return f"simulated {cohort.kind}" if cohort.simulated else f"{cohort.kind} of people"


def provenance(cohort: Cohort, stage: Stage, state: dict[str, Any]) -> dict[str, str]:
    """Return how a page was computed, for the page itself."""
    found = state["key"]
    packages = ("numpy", "scipy", "pandas", "nibabel", "antspyx", "simpleitk", "torch", "deepbet", "dipy")
    versions = [f"{name} {found['environment'][name]}" for name in packages if name in found["environment"]]
    versions += [f"{name} {version or 'absent'}" for name, version in found["tools"].items()]
    return {
        "Stage": stage.name,
        "Cohort": f"{cohort.name} ({_origin(cohort)})",
        "Parameters": ", ".join(f"{name} = {value!r}" for name, value in found["parameters"].items()),
        "Code": f"thalutils {__version__}, helper code {hash_json(found['code'])[:12]}, "
        f"notebook {found['notebook'][:12]}",
        "Inputs": ", ".join(f"{name} {value[:12] or 'none'}" for name, value in found["inputs"].items()),
        "Versions": f"Python {found['environment']['python']}, " + ", ".join(versions),
        "Run time": f"{state['seconds']:.0f} s",
    }
