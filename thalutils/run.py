"""Executes stage notebooks: strict parameters, atomic output, provenance, nothing run twice."""

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.exceptions import PapermillExecutionError

from thalutils import stages as stage_list
from thalutils.cohort import Cohort
from thalutils.entry import STAGE as ENTRY
from thalutils.errors import ThalutilsError
from thalutils.files import atomic_path, hash_json, read_json, write_json
from thalutils.process import JOBS_VARIABLE, PROGRESS_VARIABLE
from thalutils.report import privacy
from thalutils.stage import ACQUISITION
from thalutils.stages import Stage
from thalutils.staleness import executed_path, inputs, key, outputs, provenance, reason_stale, state_path
from thalutils.subset import label
from thalutils.tables import SHARDS

KERNEL = "python3"
POLL_S = 0.3


@dataclass(frozen=True)
class Result:
    """What became of one stage: ``done``, ``unchanged``, ``failed`` or ``skipped``, and why."""

    stage: Stage
    state: str
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True)
class Plan:
    """One stage to consider: its settled parameters, and why it must run if it must."""

    stage: Stage
    parameters: dict[str, Any]
    reason: str | None


def plan(
    cohort: Cohort, stages: list[Stage], given: dict[str, Any] | None = None, only: Stage | None = None
) -> list[Plan]:
    """Settle the parameters of every stage that works on the cohort, and say which must run.

    Raises
    ------
    UsageError
        Where a parameter is unknown or of another type: before anything runs.
    """
    settled = settle(cohort, stages, given, only)
    read = inputs(cohort)
    return [Plan(stage, values, reason_stale(cohort, stage, values, read)) for stage, values in settled]


def follows(plans: list[Plan]) -> dict[str, list[str]]:
    """Return, of stages that stand, those that read what others are about to make: by name, after which.

    They run too where the results of these come out otherwise than before.
    """
    moving, found = set(), {}
    for one in plans:
        before = [name for name in one.stage.after if name in moving]
        if before and not one.reason:
            found[one.stage.name] = before
        if before or one.reason:
            moving.add(one.stage.name)
    return found


def settle(
    cohort: Cohort, stages: list[Stage], given: dict[str, Any] | None = None, only: Stage | None = None
) -> list[tuple[Stage, dict[str, Any]]]:
    """Settle parameters as :func:`plan` does, without looking at scans and results."""
    stage_list.check_settings(cohort.root, stages, cohort)
    found = []
    for stage in stage_list.applicable(stages, cohort):
        mine = given if given and (only is None or stage.name == only.name) else {}
        found.append((stage, stage_list.settle(cohort.root, stage, cohort, _mine(cohort, stage, mine, only))))
    return [one for one in found if only is None or one[0].name == only.name]


def _mine(cohort: Cohort, stage: Stage, given: dict[str, Any] | None, only: Stage | None) -> dict[str, Any]:
    """Without a chosen stage, a given parameter goes to every stage that has it."""
    if not given or only is not None:
        return given or {}
    known = stage_list.parameters(cohort.root, stage)
    return {name: value for name, value in given.items() if name in known}


def execute(
    cohort: Cohort, stage: Stage, parameters: dict[str, Any], *, tell: Callable[[list], None] = lambda _: None
) -> Result:
    """Execute one stage's notebook over all participants and keep its page, tables and state.

    Parameters
    ----------
    cohort, stage, parameters
        What to run; `parameters` as :func:`plan` settled them.
    tell : callable
        Told how far the stage is, as ``[label, done, total, what]``.
    """
    began = time.monotonic()
    state_path(cohort, stage).unlink(missing_ok=True)
    before = key(cohort, stage, parameters)
    error = _run_notebook(cohort, stage, parameters, executed_path(cohort, stage), tell)
    error = error or _undeclared_numbers(cohort, stage)
    seconds = time.monotonic() - began
    if error:
        executed_path(cohort, stage).unlink(missing_ok=True)
        return Result(stage, "failed", error, seconds)
    made = outputs(cohort, stage)
    state = {
        "key": _what_was_read(cohort, stage, before, key(cohort, stage, parameters)),
        "outputs": made,
        "outputs_hash": hash_json(made),
        "given": _given(cohort, stage, parameters),
        "seconds": round(seconds, 1),
    }
    _sign(executed_path(cohort, stage), cohort, stage, state)
    write_json(state_path(cohort, stage), state)
    return Result(stage, "done", seconds=seconds)


def _given(cohort: Cohort, stage: Stage, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return which of a stage's parameters are neither the notebook's nor the YAML's, but were given for this run."""
    own = stage_list.settle(cohort.root, stage, cohort, {})
    return {name: value for name, value in parameters.items() if value != own[name]}


def _what_was_read(
    cohort: Cohort, stage: Stage, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    """Return what a result depends on: as it was before the stage read it, but for what the stage itself brought.

    What changed while the stage worked may or may not have been read: it is taken as not read, so that the next run
    says that the stage is stale.
    """
    brings = stage.name in (ACQUISITION, ENTRY) and (cohort.simulated or cohort.settings.public)
    return before | ({"inputs": after["inputs"]} if brings else {})


def slice_path(cohort: Cohort, stage: Stage, participants: str) -> Path:
    """Return where the page of a stage on some participants is kept."""
    people = [name.strip() for name in participants.split(",") if name.strip()]
    return executed_path(cohort, stage).parent / "slices" / f"{stage.name}_{label(people)}.ipynb"


def execute_slice(
    cohort: Cohort, stage: Stage, parameters: dict[str, Any], participants: str, *,
    tell: Callable[[list], None] = lambda _: None,
) -> Result:  # fmt: skip
    """Execute one stage for some participants: a page of theirs is made, the stage's own is not.

    Of a stage that works visit by visit their shards are made; of another, tables of a subset (:mod:`thalutils.subset`).
    """
    began = time.monotonic()
    target = slice_path(cohort, stage, participants)
    error = _run_notebook(cohort, stage, parameters | {"participants": participants}, target, tell)
    return Result(stage, "failed" if error else "done", error or "", time.monotonic() - began)


def _run_notebook(
    cohort: Cohort, stage: Stage, parameters: dict[str, Any], target: Path, tell: Callable[[list], None]
) -> str | None:
    """Execute a notebook to `target`, whole or not at all; return its error, or ``None``."""
    failed = target.parent / "failed" / target.name
    failed.unlink(missing_ok=True)
    try:
        with atomic_path(target) as draft, _environment(cohort), stoppable(), _progress(cohort, tell):
            try:
                papermill.execute_notebook(
                    str(stage_list.notebook_path(cohort.root, stage)), str(draft), parameters=parameters,
                    kernel_name=KERNEL, cwd=str(cohort.root), progress_bar=False,
                    request_save_on_cell_execute=False, extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
                )  # fmt: skip
            except PapermillExecutionError:
                failed.parent.mkdir(parents=True, exist_ok=True)
                draft.replace(failed)
                raise
            _redact(draft, cohort)
    except PapermillExecutionError as error:
        target.unlink(missing_ok=True)
        return f"{error.evalue} (the page as far as it came: {failed.relative_to(cohort.root)})"
    except KeyboardInterrupt:
        # the cell ends by the same interruption, of which asyncio would tell at length
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)
        raise
    except DeadKernelError:
        target.unlink(missing_ok=True)
        return "its kernel died, perhaps for want of memory. Run it again with --jobs 1."
    return None


def _redact(path: Path, cohort: Cohort) -> None:
    """Strip libraries' notices from an executed notebook, and what its cohort does not publish."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
    privacy.redact(notebook, cohort)
    nbformat.write(notebook, path)


def _undeclared_numbers(cohort: Cohort, stage: Stage) -> str | None:
    """Say which number of a stage would not be missed in a book that is made without the stage."""
    found = read_json(cohort.results / SHARDS / stage.name / "numbers.json") or {}
    unknown = sorted({key.split(".")[0] for key in found} - {*stage.numbers})
    if not unknown:
        return None
    return f"it keeps numbers that begin with {', '.join(unknown)}. Add these to `numbers` in notebooks/stages.yml."


@contextmanager
def stoppable():
    """Take SIGTERM as a keyboard's stop."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    main = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGTERM, stop) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, previous)


@contextmanager
def _environment(cohort: Cohort):
    """Give kernels this interpreter's own Jupyter and the study's root."""
    wanted = {"JUPYTER_PREFER_ENV_PATH": "1", "THALUTILS_ROOT": str(cohort.root), "PYTHONHASHSEED": "0"}
    before = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@contextmanager
def _progress(cohort: Cohort, tell: Callable[[list], None]):
    """Watch the file in which a stage says how far it is."""
    path = cohort.root / "build" / "state" / cohort.name / f"progress-{os.getpid()}.json"
    over = threading.Event()

    def watch() -> None:
        while not over.wait(POLL_S):
            found = read_json(path)
            if found:
                tell(found)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    os.environ[PROGRESS_VARIABLE] = str(path)
    try:
        yield
    finally:
        os.environ.pop(PROGRESS_VARIABLE, None)
        over.set()
        thread.join()
        path.unlink(missing_ok=True)


def set_jobs(jobs: int | None) -> None:
    """Set how many processes stages use; ``None`` leaves one a core."""
    if jobs is not None:
        if jobs < 1:
            raise ThalutilsError("--jobs must be 1 or more.")
        os.environ[JOBS_VARIABLE] = str(jobs)


def _origin(cohort: Cohort, stage: Stage) -> str | None:
    """Say where a page's simulated numbers come from; ``None`` where real people were scanned for it."""
    if stage.name == "real-heads":
        return None
    if stage.alike:
        return "It is the same in every book, whichever its cohort: its numbers come from simulated data, and are kept with the project."
    return (
        f"Its numbers come from the cohort `{cohort.name}`: {cohort.settings.title}."
        if cohort.simulated
        else None
    )


def _sign(path: Path, cohort: Cohort, stage: Stage, state: dict[str, Any]) -> None:
    """Strip what differs from run to run, say that data are simulated, and add the provenance."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for name in ("execution", "papermill"):
            cell.metadata.pop(name, None)
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.metadata["tags"] = [*cell.metadata["tags"], "remove-cell"]
    notebook.metadata.pop("papermill", None)
    if origin := _origin(cohort, stage):
        notice = f"```{{admonition}} Simulated data\n:class: warning\nNobody was scanned for this page. {origin} {{doc}}`What is simulated </book/simulated>`\n```"
        notebook.cells.insert(1, nbformat.v4.new_markdown_cell(notice))
    rows = "\n".join(f"{name}\n: {value}\n" for name, value in provenance(cohort, stage, state).items())
    text = f"````{{dropdown}} How this page was computed\n{rows}````"
    notebook.cells.append(nbformat.v4.new_markdown_cell(text))
    with atomic_path(path) as draft:
        nbformat.write(notebook, draft)
