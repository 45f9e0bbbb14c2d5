"""The drawings of pages of prose, made of what ``notebooks/stages.yml`` declares."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence, Set
from typing import Any

from thalutils.report.drawing import Box, Drawing, alike, direct, levels

Stages = Sequence[Mapping[str, Any]]
GB = 2.0
# Of the page of commands: what each writes, on which the next builds. A test holds the names against the command line.
COMMANDS = (
    ("fetch", "scans of a public cohort"),
    ("init", "cohorts/name.yml"),
    ("check", "nothing: it tells"),
    ("run", "build/results, build/executed"),
    ("book", "build/html-name"),
)
ALONE = (("tools", "what is here"), ("train", "weights"), ("segment", "a mask of a scan"))


def road(stages: Stages, here: Set[str]) -> Drawing:
    """Draw which stage reads what other stages made; those that the book has no page of are dashed."""
    read = {name for stage in stages for name in stage.get("after", ())}
    joined = {stage["name"]: stage for stage in stages if stage.get("after") or stage["name"] in read}
    after = {name: stage.get("after", ()) for name, stage in joined.items()}
    groups = alike(after, lambda name: (joined[name].get("needs"), name in here))
    box = {group[0]: _stages_box([joined[name] for name in group], here) for group in groups}
    rows = [[box[name] for name in step if name in box] for step in levels(after)]
    arrows = [(start, end) for start, end in direct(after) if start in box and end in box]
    caption = (
        f"{len(joined)} stages; an arrow leads from a stage to one that reads its results. Blue stages need scans, orange "
        f"ones tables, green ones take either; those in one box read the same. {len(stages) - len(joined)} more read no other stage."
    )
    if any(one.dashed for one in box.values()):
        caption += " Dashed: not in this book."
    return Drawing(rows, arrows, "Which stage reads what other stages made", caption)


def jobs(stages: Stages, here: Set[str]) -> Drawing:
    """Draw the jobs of the workflow: the visit-by-visit stages for each part of the people, then one for everyone."""
    of_scans = [stage for stage in stages if stage.get("needs") in (None, "scans")]
    sliced = [stage for stage in of_scans if stage.get("slices")]
    names = [stage["name"] for stage in sliced]
    after = {stage["name"]: [one for one in stage.get("after", ()) if one in names] for stage in sliced}
    box = {
        stage["name"]: _stages_box([stage], set(names), f"{stage.get('memory_gb', GB):g} GB")
        for stage in sliced
    }
    steps = levels(after)
    rest = len(of_scans) - len(sliced)
    last = Box(
        "everyone", f"one job for everyone: the other {rest} stages, the tables and the pages", "either"
    )
    ends = [name for name in names if not any(name in after[other] for other in names)]
    return Drawing(
        [*([box[name] for name in step] for step in steps), [last]],
        [*direct(after), *((name, last.key) for name in ends)],
        "The jobs of a study of scans",
        f"{len(sliced)} jobs for each participant, or for each batch of them, with the memory that each asks for; then one for "
        "everyone, when all are done. Of a simulated cohort, the first stage makes everyone's scans in one job.",
        width_px=560,
        box_px=180,
        stacked=(0, len(steps) - 1, "for each participant or batch"),
    )  # fmt: skip


def doors(stages: Stages, here: Set[str]) -> Drawing:
    """Draw where scans and ready-made tables come in, and where their ways meet."""
    made = {stage["name"]: stage.get("tables", ()) for stage in stages}
    ready = next(stage for stage in stages if stage.get("needs") == "tables")
    both = [
        table
        for table in ready["tables"]
        if any(table in made[name] for name in made if name != ready["name"])
    ]
    ways = [stage for stage in stages if stage.get("needs") == "scans" and stage.get("slices")]
    either = [stage["title"] for stage in stages if not stage.get("needs") and stage.get("after")]
    rows = [
        [Box("bids", "a BIDS dataset of scans\n(bids:)", "file"), Box("sheet", "a spreadsheet, or a folder of tables\n(tables:)", "file")],
        [
            Box("scans", f"{len(ways)} stages of scans: {', '.join(stage['title'] for stage in ways)}", "scans"),
            Box("ready", ready["title"], "tables", (f"notebooks/{ready['name']}",)),
        ],
        [Box("tables", f"tables: {', '.join(both)}", "file")],
        [Box("either", f"{len(either)} stages that work on either: {', '.join(either)}", "either")],
    ]  # fmt: skip
    return Drawing(
        rows,
        [("bids", "scans"), ("sheet", "ready"), ("scans", "tables"), ("ready", "tables"), ("tables", "either")],
        "Two ways into the study",
        "A cohort's YAML names one of two doors. Behind both stand tables of the same form, so the pages on statistics are the same. "
        "What did not come in is left out.",
        width_px=620,
        box_px=290,
    )  # fmt: skip


def commands(stages: Stages, here: Set[str]) -> Drawing:
    """Draw which command builds on what another wrote."""
    box = {name: Box(name, f"{name}\n{writes}", "either") for name, writes in COMMANDS}
    alone = [Box(name, f"{name}\n{writes}", "file") for name, writes in ALONE]
    return Drawing(
        [[box["fetch"], box["init"]], [box["check"]], [box["run"]], [box["book"]], alone],
        [("fetch", "check"), ("init", "check"), ("check", "run"), ("run", "book"), ("train", "segment")],
        "How the commands follow each other",
        f"What each command writes, and which comes next; run works off {len(stages)} stages at most; make book is run, and then "
        "book. White commands need no cohort.",
        width_px=620,
        box_px=190,
    )  # fmt: skip


def _stages_box(stages: Stages, here: Set[str], more: str = "") -> Box:
    """Return a box of stages, a line each; of one stage it may say more."""
    names = [stage["name"] for stage in stages]
    kind = stages[0].get("needs") or "either"
    return Box(
        names[0],
        "\n".join([_label(stage) for stage in stages] + ([more] if more else [])),
        "tables" if kind == "twin" else kind,
        tuple(f"notebooks/{name}" for name in names),
        not here.issuperset(names),
    )


def _label(stage: Mapping[str, Any]) -> str:
    """Return a stage's section and title.

    Examples
    --------
    >>> _label({"name": "2-6-3-volumes", "title": "Volumes"}), _label({"name": "tools", "title": "The tools"})
    ('2.6.3 Volumes', 'The tools')
    """
    section = re.match(r"(\d+(?:-\d+)*)-", stage["name"])
    return f"{section[1].replace('-', '.')} {stage['title']}" if section else stage["title"]


DRAWN: dict[str, Callable[[Stages, Set[str]], Drawing]] = {
    "stages": road,
    "jobs": jobs,
    "doors": doors,
    "commands": commands,
}
