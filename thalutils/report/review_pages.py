"""What a page says of review by eye: a few examples, where every sheet lies, and how a verdict is entered."""

from html import escape

import nibabel as nib
from IPython.display import HTML

from thalutils.cohort import Cohort
from thalutils.imaging import alignment, brain_mask, review, review_table
from thalutils.report import figures, imaging_pages, pictures, privacy
from thalutils.report.embed import note
from thalutils.stage import derivative

EXAMPLES = 3


def examples(cohort: Cohort, image: str) -> list[HTML]:
    """Return review sheets of the chosen registration of the first visits, without any metric."""
    if not privacy.publishes():
        return [privacy.withheld(f"The sheets to review {image} by")]
    sheets = []
    for session in cohort.sessions():
        moved = derivative(cohort, session, alignment.ENDINGS[image])
        if moved.exists() and len(sheets) < EXAMPLES:
            mask = nib.load(derivative(cohort, session, brain_mask.ENDING))
            fig = pictures.review_sheet(imaging_pages.t1w_of(cohort, session), nib.load(moved), mask=mask)
            caption = f"{image} of {session.key} on its T1w, whose edges are drawn: do they lie on the edges beneath?"
            sheets.append(figures.figure(fig, caption=caption, name=f"review-{image}-{session.key}",
                                         alt=f"Nine slices of {image} with the outlines of the T1w on them."))  # fmt: skip
    return sheets or [note(f"No visit has a registered {image}.")]


def where(cohort: Cohort, *images: str) -> HTML:
    """Say how many sheets of these images there are, where they lie, and how a verdict on one is entered."""
    found = [code for code, one in review.codes(cohort).items() if one.image in images]
    if not found:
        return note(f"There is no sheet of {' or '.join(images)} to review.")
    entered = set(review_table.entered(cohort)) & set(found)
    index = escape(review.shown_path(cohort, cohort.review / review.INDEX))
    table = escape(review.shown_path(cohort, cohort.blinded_verdicts))
    return note(
        f"{escape(privacy.count(len(found)))} sheets of {' and '.join(images)} lie on the machine that made this page, one for each visit "
        f"and each way tried. They are in no page of the book. Open <code>{index}</code> there to go through them. Each stands under a code "
        "that tells neither whose it is, nor how it was made, nor any metric. "
        f"Enter <code>pass</code> or <code>fail</code> beside the code in <code>{table}</code>, which lists every code; the next run "
        f"obeys it. So far {escape(privacy.count(len(entered)))} of them have a verdict there."
    )
