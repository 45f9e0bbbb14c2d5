"""What the commands print: checks, progress and summaries."""

from collections.abc import Collection, Iterable
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from thalutils import book as book_builder
from thalutils import run as runner
from thalutils import stages as stage_list
from thalutils import tables
from thalutils.cohort import Cohort, shorten
from thalutils.course import Course
from thalutils.errors import TableError, UsageError
from thalutils.files import project_root, read_json
from thalutils.imaging import verdicts
from thalutils.segmenters.catalogue import tools_table
from thalutils.segmenters.registry import SEGMENTERS
from thalutils.segmenters.session import has_finished
from thalutils.stages import Stage
from thalutils.staleness import inputs, reason_stale, state_path
from thalutils.start.finding import times
from thalutils.subset import Subset, is_everyone

DONE, FAILED, WRONG_USE = 0, 1, 2
MOST_ALIKE = 10
R1_SOURCE = "source of R1 (MPM, VFA, or a map of R1 or T1)"
out = Console(highlight=False, soft_wrap=True)


def check(name: str, stage: str | None, given: list[str]) -> int:
    """Print the state of a cohort; return the exit code."""
    cohort = Cohort.load(name)
    stages = stage_list.load(cohort.root)
    only = stage_list.choose(stages, cohort, stage) if stage else None
    plans = runner.plan(cohort, stages, _parse(given), only)
    verdicts.check(cohort)
    out.print(f"[bold]{cohort.name}[/]: {cohort.settings.title}")
    if cohort.kind == "tables" and not _print_tables(cohort):
        return WRONG_USE
    if cohort.kind == "scans":
        _print_scans(cohort)
    if any(plan.stage.tools for plan in plans):
        columns = ["name", "available", "version", "reason"]
        found = tools_table()[columns].fillna("").to_numpy().tolist()
        out.print(_table("Tools", columns, found))
    rows, following = [], runner.follows(plans)
    for plan in plans:
        last = (read_json(state_path(cohort, plan.stage)) or {}).get("seconds")
        took = "not known, not run yet" if last is None else f"{last:.0f} s last time"
        after = shorten(following.get(plan.stage.name, []))
        what = "runs" if plan.reason else "may run" if after else "stands"
        why = plan.reason or (f"if new results come of {after}." if after else "")
        rows.append([plan.stage.name, what, why, took])
    out.print(_table("Stages", ["stage", "", "because", "time"], rows))
    excluded = _exclusions(cohort)
    if len(excluded):
        out.print(f"{len(excluded)} exclusions so far:")
        _print_exclusions(excluded)
    waiting = sum(bool(plan.reason) for plan in plans)
    more = f", and perhaps {len(following)} after them" if following else ""
    out.print(f"{waiting} of {len(plans)} stages would run{more}: [bold]thalutils run {cohort.name}[/]")
    return DONE


def _print_scans(cohort: Cohort) -> None:
    if not _has_people(cohort) and cohort.simulated:
        count = cohort.settings.phantom.participants
        out.print(f"Its scans are not made yet: {count} people will be simulated on the first run.")
        return
    if not _has_people(cohort) and cohort.settings.public:
        out.print(f"Its scans are not here yet: the first run has them, or `thalutils fetch {cohort.name}`.")
        return
    sessions = cohort.sessions()
    people = {session.participant_id for session in sessions}
    out.print(f"{_who(len(people), len(sessions))} in {cohort.bids}")
    missing: dict[str, list[str]] = {}
    for session in sessions:
        for place in _lacking(session.scans()):
            missing.setdefault(place, []).append(session.key)
    for place, keys in missing.items():
        out.print(f"  no {place} in {times(len(keys), 'visit')}: {shorten(keys)}")
    for tool in SEGMENTERS:
        count = sum(bool(has_finished(tool, cohort, session)) for session in sessions)
        if count:
            out.print(f"  finished results of {tool.name} in {times(count, 'visit')}: they are read")
    for row in cohort.told_exclusions.itertuples():
        out.print(f"  left out: {row.reason}", markup=False)


def _who(people: int, visits: int) -> str:
    return f"{times(people, 'person').replace('persons', 'people')}, {times(visits, 'visit')}"


def _lacking(found: Collection[str]) -> list[str]:
    """Return what a visit lacks of the scans that the study has a use for; of R1, what its source lacks.

    Examples
    --------
    >>> _lacking({"T1w"}), _lacking({"T1w", "FLAIR", "R1"}), _lacking({"T1w", "FLAIR", "VFA-1", "VFA-2"})
    (['FLAIR', 'source of R1 (MPM, VFA, or a map of R1 or T1)'], [], ['TB1map'])
    """
    wanted = ["T1w", "FLAIR"]
    if "R1" not in found:
        if any(place.startswith("MPM") for place in found):
            wanted += ["MPM-PDw-1", "MPM-T1w-1", "MPM-MTw-1", "TB1map"]
        else:
            wanted.append("TB1map" if any(place.startswith("VFA") for place in found) else R1_SOURCE)
    return [place for place in wanted if place not in found]


def _print_tables(cohort: Cohort) -> bool:
    """Print what a cohort of tables holds and everything that is wrong; return whether it can be used."""
    if cohort.simulated and not cohort.table_files:
        out.print("Its tables are not made yet: they will be drawn on the first run.")
        return True
    entry = cohort.entry
    if not entry.refusals:
        people, visits = len(entry.tables["participants"]), len(entry.tables["sessions"])
        names = shorten(sorted(entry.tables["sessions"]["session_id"].unique()))
        out.print(f"{_who(people, visits)} ({names}, in this order) in {entry.path}", markup=False)
        for method, count in entry.tables["volumes"]["method"].value_counts(sort=False).items():
            out.print(f"  {method}: volumes of {count} visits", markup=False)
    rows = pd.Series(entry.fault_rows, dtype=int)
    for what, found in entry.told.groupby("method", sort=False, dropna=False):
        for reason in found["reason"].head(MOST_ALIKE):
            out.print(f"  left out: {reason}", markup=False)
        more = rows[found.index[MOST_ALIKE:]]
        if len(more):
            kind = "rows" if pd.isna(what) else what
            out.print(f"  left out: and {len(more)} more of {kind}: rows {spans(more)}", markup=False)
    for refusal in entry.refusals:
        out.print(f"  [red]wrong[/]: {escape(refusal)}")
    if entry.refusals:
        out.print(
            f"{escape(str(entry.path))} cannot be used as it is. What is wrong in the YAML, correct there."
        )
    return not entry.refusals


def spans(rows: Iterable[int]) -> str:
    """Write row numbers shortly, those that follow each other as a span.

    Examples
    --------
    >>> spans([2, 3, 4, 7])
    '2-4, 7'
    """
    found: list[list[int]] = []
    for row in sorted(set(rows)):
        if found and row == found[-1][-1] + 1:
            found[-1] = [found[-1][0], row]
        else:
            found.append([row])
    return ", ".join("-".join(map(str, span)) for span in found)


def run(
    name: str, stage: str | None, participants: str, jobs: int | None, force: bool, given: list[str]
) -> int:
    """Run what does not stand; return the exit code."""
    cohort = Cohort.load(name)
    every = stage_list.load(cohort.root)
    only = stage_list.choose(every, cohort, stage) if stage else None
    runner.set_jobs(jobs)
    values = _parse(given)
    if only is None:
        _check_known(cohort, stage_list.applicable(every, cohort), values)
    settled = runner.settle(cohort, every, values, only)  # refuses unknown parameters before anything runs
    verdicts.check(cohort)
    whole = is_everyone(participants)
    if not whole and _has_people(cohort):
        cohort.choose(participants)
    if not whole and only and "participants" not in stage_list.parameters(cohort.root, only):
        raise UsageError(f"{only.name} is of nobody in the cohort: leave --participants out.")
    people = None if whole else participants
    with runner.stoppable(), _bars() as bars, Course(cohort, _Watcher(cohort, people, bars)) as course:
        for one, parameters in settled:
            if people and not only and not one.slices:
                course.leave(
                    one, "works on everyone at once; left for a run over all, or name it with --stage."
                )
            else:
                course.take(one, parameters, people=people, force=force)
        results = course.results()
    return _summary(cohort, results)


def _has_people(cohort: Cohort) -> bool:
    """Return whether it can be told who is in a cohort; a simulated or public one is made on its first run."""
    if cohort.kind == "tables":
        return bool(cohort.table_files)
    return bool(cohort.settings.clinical) or (cohort.bids / "participants.tsv").exists()


class _Watcher:
    """Shows a course: a bar for every stage that goes on, a line for every one that ended."""

    def __init__(self, cohort: Cohort, people: str | None, bars: Progress) -> None:
        self.cohort, self.people, self.bars = cohort, people, bars
        self.bar_of: dict[str, TaskID] = {}

    def began(self, stage: Stage, why: str) -> None:
        self.bar_of[stage.name] = self.bars.add_task(stage.name, total=None, what=why)

    def moved(self, stage: Stage, how_far: list) -> None:
        label, done, total, what = how_far
        what = f"{label} {what}" if label != stage.name else what
        self.bars.update(self.bar_of[stage.name], completed=done, total=total or None, what=what)

    def ended(self, result: runner.Result) -> None:
        stage = result.stage
        mark = "[green]done[/]" if result.state == "done" else "[red]failed[/]"
        self.bars.remove_task(self.bar_of.pop(stage.name))
        self.bars.console.print(f"{mark} {stage.name} ({result.seconds:.0f} s)")
        if self.people and result.state == "done" and not stage.slices:
            page = runner.slice_path(self.cohort, stage, self.people)
            made = Subset(self.cohort, self.people).results
            where = f"{page.relative_to(self.cohort.root)}, tables in {made.relative_to(self.cohort.root)}"
            self.bars.console.print(f"  of these people alone: {where}", markup=False)


def _summary(cohort: Cohort, results: list[runner.Result]) -> int:
    counts = {
        state: [one for one in results if one.state == state]
        for state in ("done", "unchanged", "failed", "skipped")
    }
    out.print(", ".join(f"{len(found)} {state}" for state, found in counts.items() if found) + ".")
    for one in counts["failed"] + counts["skipped"]:
        out.print(f"[red]{one.state}[/] {one.stage.name}: ", end="")
        out.print(one.why, markup=False)
    excluded = _exclusions(cohort)
    if len(excluded):
        out.print(f"{len(excluded)} exclusions (listed on the book's page 2.1):")
        _print_exclusions(excluded)
        out.print("What a tool, memory or time failed at is tried again by the same command with --force.")
    return FAILED if counts["failed"] or counts["skipped"] else DONE


def _exclusions(cohort: Cohort) -> Any:
    try:
        return tables.read(cohort.results / "exclusions.tsv")
    except TableError:
        return tables.empty("exclusions")


def _print_exclusions(excluded: Any, most: int = 20) -> None:
    for row in excluded.head(most).fillna("").itertuples():
        where = " ".join(part for part in (row.participant_id, row.session_id, row.method) if part)
        out.print(f"  {row.stage}: {where}: {row.reason}", markup=False)
    if len(excluded) > most:
        out.print(f"  and {len(excluded) - most} more in build/results")


def book(names: list[str]) -> int:
    """Build the book of some cohorts; return the exit code."""
    cohorts = [Cohort.load(name) for name in names]
    if len({cohort.name for cohort in cohorts}) < len(cohorts):
        raise UsageError(f"book: {', '.join(names)}: name each cohort once, and give no two the same name.")
    stages = stage_list.load(cohorts[0].root)
    stale, waiting = [], []
    for name, cohort in zip(names, cohorts, strict=True):
        stage_list.check_settings(cohort.root, stages, cohort)
        read = inputs(cohort)
        for stage in stage_list.applicable(stages, cohort):
            parameters = stage_list.settle(cohort.root, stage, cohort, _last_given(cohort, stage))
            reason = reason_stale(cohort, stage, parameters, read)
            if reason:
                stale.append(f"{cohort.name}/{stage.name}: {reason}")
                waiting += [] if name in waiting else [name]
    if stale:
        out.print("[red]The book is not built, since these pages do not stand:[/]")
        for line in stale:
            out.print(f"  {line}", markup=False)
        out.print("Run first: " + " and ".join(f"thalutils run {name}" for name in waiting))
        return FAILED
    page = book_builder.build(cohorts, stages, out.print)
    out.print(f"[green]done[/] {page}")
    return DONE


def _last_given(cohort: Cohort, stage: Stage) -> dict[str, Any]:
    """Return what -p gave the stage's last run that is still known, so that -p does not make it stale.

    What the YAML gave it is not taken from there: it may have changed since.
    """
    given = (read_json(state_path(cohort, stage)) or {}).get("given", {})
    known = stage_list.parameters(cohort.root, stage)
    return {name: value for name, value in given.items() if name in known}


def stages() -> int:
    """Print the stages and their parameters; return the exit code."""
    root = project_root()
    for stage in stage_list.load(root):
        needs = f", needs {stage.needs}" if stage.needs else ""
        after = f", after {', '.join(stage.after)}" if stage.after else ""
        out.print(f"[bold]{stage.name}[/]  {stage.title}{needs}{after}")
        for parameter in stage_list.parameters(root, stage).values():
            if parameter.name not in ("cohort", "participants"):
                out.print(
                    f"    {parameter.name}: {parameter.kind.__name__} = {parameter.default!r}  {parameter.help}",
                    markup=False,
                )
    return DONE


def _check_known(cohort: Cohort, stages: list[Stage], values: dict[str, Any]) -> None:
    known = {name for stage in stages for name in stage_list.parameters(cohort.root, stage)}
    unknown = [name for name in values if name not in known - {"cohort", "participants"}]
    if unknown:
        raise UsageError(f"-p: no stage has a parameter {', '.join(unknown)}; see `thalutils stages`.")


def _parse(given: list[str]) -> dict[str, str]:
    values = {}
    for text in given:
        name, mark, value = text.partition("=")
        if not mark or not name:
            raise UsageError(f"-p {text}: write NAME=VALUE.")
        values[name] = value
    return values


def _table(title: str, columns: list[str], rows: list[list[str]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    return table


def _bars() -> Progress:
    return Progress(
        SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), TextColumn("{task.fields[what]}"), console=out, transient=True,
    )  # fmt: skip
