"""Review by eye: every registration and brain mask as a sheet under a code, a page to go through them, and the table to fill."""

from collections.abc import Callable, Iterable, Mapping
from html import escape
from importlib.metadata import version
from pathlib import Path

import nibabel as nib
from PIL import Image

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.files import hash_file, place, write_text
from thalutils.imaging import review_table, reviewed, sheets
from thalutils.imaging.reviewed import Reviewed
from thalutils.process import cached, code_hash
from thalutils.stage import Task

INDEX, UNBLINDING = "index.html", "unblinding.tsv"
ASKED = {
    "R1": "The R1 map in grey, with the edges of the T1w as lines: do they lie on the edges beneath, the ventricles' above all?",
    "FLAIR": "The FLAIR in grey, with the edges of the T1w as lines: do they lie on the edges beneath, the ventricles' above all?",
    reviewed.BRAIN: "The T1w in grey, with the outline of the brain mask: does it hold the whole brain, and no skull?",
}


def keep_registrations(task: Task, t1w: Path, mask: Path, moved: Mapping[str, Path], result: str) -> None:
    """Draw a sheet for each strategy tried on an image of a visit.

    Parameters
    ----------
    task : Task
        Whose ``what`` is the image.
    t1w, mask : Path
        The visit's T1w and brain mask.
    moved : mapping
        From a strategy to the image on the T1w's grid.
    result : str
        What tells these images from those of another run.
    """

    def draw() -> Iterable[Image.Image]:
        images = (nib.load(path) for path in moved.values())
        return sheets.registrations(nib.load(t1w), nib.load(mask), images)

    key = {"t1w": hash_file(t1w), "mask": hash_file(mask), "result": result, "strategies": list(moved)}
    _keep(task, task.what, list(moved), key, draw)


def keep_brain(task: Task, t1w: Path, mask: Path, tool: str) -> None:
    """Draw the sheet of a visit's brain mask."""
    key = {"t1w": hash_file(t1w), "mask": hash_file(mask)}
    _keep(task, reviewed.BRAIN, [tool], key, lambda: [sheets.brain(nib.load(t1w), nib.load(mask))])


def _keep(
    task: Task, image: str, strategies: list[str], key: dict[str, object], draw: Callable[[], Iterable[Image.Image]]
) -> None:  # fmt: skip
    def make(folder: Path) -> None:
        for strategy, sheet in zip(strategies, draw(), strict=True):
            sheets.save(sheet, folder / f"{strategy}.jpg")

    key |= {"pillow": version("pillow"), "code": code_hash(sheets.__name__)}
    drawn = cached(task.cohort.cache, "review", key, make)
    for strategy in strategies:
        one = Reviewed(task.session.participant_id, task.session.session_id, image, strategy)
        place(drawn / f"{strategy}.jpg", _path(task.cohort, one.code))


def clear(cohort: Cohort, session: Session, *images: str) -> None:
    """Remove the sheets of some images of a visit."""
    for one in reviewed.of_visit(session.participant_id, session.session_id, *images):
        _path(cohort, one.code).unlink(missing_ok=True)


def codes(cohort: Cohort) -> dict[str, Reviewed]:
    """Return what there is a sheet of, by its code, in the codes' order."""
    there = _there(cohort)
    return {code: one for code, one in reviewed.by_code(cohort).items() if code in there}


def gather(cohort: Cohort) -> None:
    """Write the page that shows every sheet there is, and what the codes stand for; list the codes in the reviewer's table.

    Sheets of people and visits that the cohort does not have any more are removed.
    """
    if not cohort.review.is_dir():
        return
    found = codes(cohort)
    for code in _there(cohort) - set(found):
        _path(cohort, code).unlink(missing_ok=True)
    rows = ["\t".join(("code", *Reviewed._fields)), *("\t".join((code, *one)) for code, one in found.items())]
    write_text(cohort.review / UNBLINDING, "\n".join(rows) + "\n")
    write_text(cohort.review / INDEX, _page(cohort, found))
    review_table.complete(cohort, found)


def _there(cohort: Cohort) -> set[str]:
    return {path.stem for path in cohort.review.glob("*.jpg")}


def _path(cohort: Cohort, code: str) -> Path:
    return cohort.review / f"{code}.jpg"


def shown_path(cohort: Cohort, path: Path) -> str:
    """Return a path as a reader of the checkout finds it; of what lies elsewhere, the name alone."""
    return str(path.relative_to(cohort.root)) if path.is_relative_to(cohort.root) else path.name


STYLE = """
html { scroll-snap-type: y mandatory; background: black; color: white; font: 16px sans-serif; }
body { margin: 0; }
header, figure { box-sizing: border-box; height: 100vh; margin: 0; padding: 1em; scroll-snap-align: start; }
header { max-width: 45em; margin: auto; line-height: 1.5; }
figure { display: flex; flex-direction: column; align-items: center; }
img { flex: 1; min-height: 0; max-width: 100%; object-fit: contain; }
a { color: #ff8c00; }
code { font-size: 1.1em; user-select: all; }
"""


def _page(cohort: Cohort, found: Mapping[str, Reviewed]) -> str:
    """Return a page that needs no script: the browser loads a sheet as it comes near, and stops at each."""
    kinds = {
        image: [code for code, one in found.items() if one.image == image] for image in reviewed.STRATEGIES
    }
    links, figures = [], []
    for image, mine in kinds.items():
        if mine:
            links.append(f'<li><a href="#{mine[0]}">{image}: {len(mine)} sheets</a></li>')
        for number, code in enumerate(mine, 1):
            caption = f"<p><code>{code}</code> {number} of {len(mine)}. {escape(ASKED[image])}</p>"
            picture = f'<img loading="lazy" src="{code}.jpg" alt="Nine slices, three in each plane.">'
            figures.append(f'<figure id="{code}">{picture}<figcaption>{caption}</figcaption></figure>')
    table = escape(shown_path(cohort, cohort.blinded_verdicts))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>For review: {escape(cohort.name)}</title><style>{STYLE}</style></head><body>
<header><h1>For review by eye: {escape(cohort.name)}</h1>
<p>Each sheet shows three slices in each plane of one registration or brain mask. It stands under a code. Neither the code nor the
order tells whose it is, which strategy made it or what number it has. Page Down goes to the next.</p>
<p>Enter <code>pass</code> or <code>fail</code> in the row of the code, in the column <code>verdict</code> of <code>{table}</code>. A row that
stays empty says nothing. The next run obeys what you entered.</p>
<p>What the codes stand for is in <code>{UNBLINDING}</code>. Open it after the review.</p>
<ul>{"".join(links)}</ul></header>
{chr(10).join(figures)}
</body></html>
"""
