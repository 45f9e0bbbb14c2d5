"""Real notebooks on a cohort of people: what they write holds no row of anybody, unless the YAML says so."""

import base64
import re
import shutil
from pathlib import Path

from thalutils import console, stages
from thalutils.cohort import Cohort
from thalutils.staleness import executed_path

REPOSITORY = Path(__file__).parents[1]
NAMES = ("2-4-acquisition", "2-1-cohort")
PEOPLE = [f"sub-{number:02}" for number in range(1, 7)]
ROWS = (
    "participant_id\tsex\tgroup\n" + "\n".join(f"{person}\tF\tRRMS" for person in [*PEOPLE, "sub-99"]) + "\n"
)


def written(cohort: Cohort, name: str) -> str:
    """Return an executed notebook's text, with that of every table and drawing it carries."""
    stage = stages.Stage(name=name, title="")
    text = executed_path(cohort, stage).read_text()
    carried = re.findall(r"data:(?:text|image/svg)[^,]*;base64,([A-Za-z0-9+/=]+)", text)
    return text + "".join(base64.b64decode(found).decode() for found in carried)


def test_pages_of_a_private_cohort_hold_counts_and_those_of_an_open_one_rows(checkout, make_dataset):
    for name in NAMES:
        shutil.copy2(REPOSITORY / "notebooks" / f"{name}.ipynb", checkout / "notebooks")
    (checkout / "notebooks" / "stages.yml").write_text(
        "- {name: 2-4-acquisition, title: A, needs: scans, slices: true, tables: [scans]}\n"
        "- {name: 2-1-cohort, title: B, after: [2-4-acquisition], tables: [exclusions], numbers: [cohort]}\n"
    )
    cohort = make_dataset("mine", people=PEOPLE, visits=["ses-01"], rows=ROWS)
    assert console.run("mine", None, "all", 1, False, []) == 0
    scans, people = (written(cohort, name) for name in NAMES)
    for text in (scans, people):
        assert not re.search(r"sub-\d", text)
    assert "The scans of a visit would show single people" in scans
    assert "T1w\t6\t6\t6\t6" in scans
    assert "2-1-cohort\tn/a\t<5\tn/a" in people
    cohort.path.write_text(cohort.path.read_text() + "publish_individuals: true\n")
    assert console.run("mine", None, "all", 1, False, []) == 0
    assert "sub-99 has no folder" in written(cohort, "2-1-cohort")
    assert "The scans of sub-01_ses-01" in written(cohort, "2-4-acquisition")
