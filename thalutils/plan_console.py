"""What ``thalutils plan`` prints: a cohort's people and stages, for programs that spread them over machines."""

import json
from typing import Any

from thalutils import stages as stage_list
from thalutils.cohort import Cohort
from thalutils.files import hash_json
from thalutils.simulate import people
from thalutils.stage import ACQUISITION
from thalutils.stages import Stage
from thalutils.staleness import inputs, key

DONE = 0


def plan(name: str) -> int:
    """Print the plan of a cohort as JSON; return the exit code."""
    print(json.dumps(described(Cohort.load(name)), indent=1))
    return DONE


def described(cohort: Cohort) -> dict[str, Any]:
    """Return who is in a cohort, and which stages work on it.

    Returns
    -------
    dict
        ``cohort``, ``participants``, and ``stages`` in the order in which they run: ``name``, ``slices`` (whether it can
        be run for some participants), ``after``, ``memory_gb`` (of one process) and ``version``, which differs where
        anything differs that the stage's result depends on.
    """
    stages = stage_list.applicable(stage_list.load(cohort.root), cohort)
    read = inputs(cohort)
    if cohort.simulated:  # scans that are not made yet follow from the settings and the code
        read = {"settings": read["settings"]}
    versions: dict[str, str] = {}
    rows = []
    for stage in stages:
        versions[stage.name] = hash_json(
            [_basis(cohort, stage, read), [versions.get(name, "") for name in stage.after]]
        )
        rows.append(
            {
                "name": stage.name, "slices": stage.slices and not _makes_scans(cohort, stage),
                "after": [name for name in stage.after if name in versions], "memory_gb": stage.memory_gb,
                "version": versions[stage.name],
            }
        )  # fmt: skip
    return {"cohort": cohort.name, "participants": participants(cohort), "stages": rows}


def participants(cohort: Cohort) -> list[str]:
    """Return the ids of a cohort's people; a simulated cohort's are known before it is made."""
    if cohort.settings.phantom is not None:
        return [person.participant_id for person in people.draw(cohort.settings.phantom)]
    return list(cohort.participants["participant_id"])


def _makes_scans(cohort: Cohort, stage: Stage) -> bool:
    """Return whether a stage makes the simulated scans of everyone, so that others wait for it as a whole."""
    return cohort.settings.phantom is not None and stage.name == ACQUISITION


def _basis(cohort: Cohort, stage: Stage, read: dict[str, str]) -> dict[str, Any]:
    found = key(cohort, stage, stage_list.settle(cohort.root, stage, cohort, {}), read)
    del found["upstream"]  # what earlier stages depend on stands in their versions
    return found
