"""The stages of the study: one notebook each, what it reads and makes, and its parameters."""

import ast
import builtins
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import nbformat
import papermill
import yaml
from pydantic import BaseModel, ConfigDict

from thalutils import choices, listed_names
from thalutils.cohort import Cohort, shorten
from thalutils.errors import UsageError
from thalutils.files import hash_json
from thalutils.process import code_modules

TYPES = {"bool": bool, "int": int, "float": float, "str": str}


class Stage(BaseModel):
    """One stage as ``notebooks/stages.yml`` declares it; the meaning of each key stands there."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    needs: Literal["scans", "tables", "twin"] | None = None
    after: tuple[str, ...] = ()
    slices: bool = False
    spreads: bool = False
    tables: tuple[str, ...] = ()
    shards: tuple[str, ...] = ()
    images: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    tools: bool = False
    public: tuple[Literal["label_maps", "open_ms", "colin27"], ...] = ()
    leads: Literal["scans", "tables"] | None = None
    alike: bool = False
    memory_gb: float = 2.0


@dataclass(frozen=True)
class Parameter:
    """One parameter of a notebook: its default, the type it must have and what it means."""

    name: str
    kind: type
    default: Any
    help: str


def load(root: Path) -> list[Stage]:
    """Return the stages in the order in which they run."""
    content = yaml.safe_load((root / "notebooks" / "stages.yml").read_text(encoding="utf-8"))
    return [Stage.model_validate(entry) for entry in content]


def applies(stage: Stage, cohort: Cohort) -> bool:
    """Return whether a stage works on what a cohort is: scans, tables, or tables drawn from the twin's model."""
    return stage.needs in (None, cohort.kind) or (stage.needs == "twin" and cohort.settings.twin is not None)


def applicable(stages: list[Stage], cohort: Cohort) -> list[Stage]:
    """Return the stages that work on a cohort; each reads only those of them."""
    kept = [stage for stage in stages if applies(stage, cohort)]
    names = [stage.name for stage in kept]
    return [
        stage.model_copy(update={"after": tuple(name for name in stage.after if name in names)})
        for stage in kept
    ]


def find(stages: list[Stage], name: str) -> Stage:
    """Return a stage by its name, or by the part of it behind the section's number.

    Raises
    ------
    UsageError
        Where no stage, or more than one, is called so.

    Examples
    --------
    >>> find([Stage(name="2-6-3-volumes", title="Volumes")], "volumes").name
    '2-6-3-volumes'
    """
    exact = [stage for stage in stages if stage.name == name]
    found = exact or [stage for stage in stages if stage.name.lstrip("0123456789-") == name]
    if len(found) != 1:
        raise UsageError(f"{name}: no such stage. There are {shorten([stage.name for stage in stages], 30)}.")
    return found[0]


def choose(stages: list[Stage], cohort: Cohort, name: str) -> Stage:
    """Return the stage of a cohort that a name means, as :func:`find` does.

    Raises
    ------
    UsageError
        Where there is none, or it does not work on what the cohort came as.
    """
    stage = find(stages, name)
    if not applies(stage, cohort):
        raise UsageError(
            f"{stage.name} needs {stage.needs}, and the cohort {cohort.name} came as {cohort.kind}."
        )
    return next(one for one in applicable(stages, cohort) if one.name == stage.name)


def notebook_path(root: Path, stage: Stage) -> Path:
    """Return the path of a stage's notebook."""
    return root / "notebooks" / f"{stage.name}.ipynb"


def parameters(root: Path, stage: Stage) -> dict[str, Parameter]:
    """Return a notebook's parameters, as its tagged cell declares them."""
    found = {}
    for name, entry in papermill.inspect_notebook(str(notebook_path(root, stage))).items():
        kind = TYPES[entry["inferred_type_name"]]
        found[name] = Parameter(name, kind, ast.literal_eval(entry["default"]), entry["help"])
    return found


def settle(root: Path, stage: Stage, cohort: Cohort, given: dict[str, Any]) -> dict[str, Any]:
    """Return a stage's parameters: the notebook's defaults, the cohort's YAML, then what was given.

    Raises
    ------
    UsageError
        Where a parameter is not the notebook's, has another type, or a value that it cannot have.
    """
    known = parameters(root, stage)
    settled = {name: parameter.default for name, parameter in known.items()}
    sources = ((cohort.settings.stages.get(stage.name, {}), cohort.path.name), (given, "-p"))
    given_by: dict[str, str] = {}
    for values, source in sources:
        for name, value in values.items():
            if name not in known or name in ("cohort", "participants"):
                raise UsageError(
                    f"{source}: {stage.name} has no parameter {name}; it has {shorten(_settable(known), 30)}."
                )
            settled[name] = convert(known[name], value, source)
            choices.check({name: settled[name]}, source)
            given_by[name] = source
    listed_names.check(cohort, stage.name, settled, given_by)
    return settled | {"cohort": cohort.name if _is_known(cohort) else str(cohort.path)}


def _is_known(cohort: Cohort) -> bool:
    return cohort.path.parent == cohort.root / "cohorts"


def _settable(known: dict[str, Parameter]) -> list[str]:
    return [name for name in known if name not in ("cohort", "participants")] or ["none of its own"]


def convert(parameter: Parameter, value: Any, source: str) -> Any:
    """Return `value` as the parameter's type; text is read as the command line writes it.

    Raises
    ------
    UsageError
        Where it is not of that type.

    Examples
    --------
    >>> convert(Parameter("unring", bool, False, ""), "true", "-p")
    True
    >>> convert(Parameter("bins", int, 64, ""), "many", "-p")
    Traceback (most recent call last):
    thalutils.errors.UsageError: -p: bins must be int, not 'many'.
    """
    kind = parameter.kind
    try:
        if isinstance(value, str) and kind is not builtins.str:
            if kind is bool:
                return {"true": True, "false": False}[value.lower()]
            return kind(value)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is kind:
            return value
    except (ValueError, KeyError):
        pass
    raise UsageError(f"{source}: {parameter.name} must be {kind.__name__}, not {value!r}.")


def check_settings(root: Path, stages: list[Stage], cohort: Cohort) -> None:
    """Check that the cohort's YAML sets parameters of stages that exist and work on the cohort.

    Raises
    ------
    UsageError
        Naming the stage that does not.
    """
    known = {stage.name: stage for stage in stages}
    for name in cohort.settings.stages:
        if name not in known:
            raise UsageError(f"{cohort.path.name}: stages has {name}, which is no stage.")
        if not applies(known[name], cohort):
            raise UsageError(
                f"{cohort.path.name}: stages has {name}, which needs {known[name].needs}, and this cohort came "
                f"as {cohort.kind}. Remove it there."
            )


def stripped_hash(path: Path) -> str:
    """Hash what a notebook says: its cells' sources, kinds and tags, without outputs."""
    notebook = nbformat.read(path, as_version=4)
    return hash_json(
        [(cell.cell_type, cell.source, sorted(cell.metadata.get("tags", []))) for cell in notebook.cells]
    )


def imported_modules(path: Path) -> list[str]:
    """List the modules of thalutils that a notebook imports, directly or not."""
    found = set()
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type != "code":
            continue
        for node in ast.walk(ast.parse(cell.source)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("thalutils"):
                found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
            elif isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names if alias.name.startswith("thalutils")}
    package = Path(__file__).parent
    real = [name for name in found if _exists(package, name)]
    return code_modules(*sorted(real))


def _exists(package: Path, module: str) -> bool:
    inner = package.joinpath(*module.split(".")[1:])
    return inner.is_dir() or inner.with_suffix(".py").exists()
