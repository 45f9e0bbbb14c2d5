"""A whole result table to save from a page that shows it in another form."""

from html import escape

import pandas as pd
from IPython.display import HTML

from thalutils.report import privacy
from thalutils.report.embed import download_link, file_stem, note

MISSING = "n/a"


def tidy(frame: pd.DataFrame, *, name: str, what: str) -> HTML:
    """Return a sentence with a link that saves a table of the contract, a row a result, in full precision.

    On the page of a cohort that publishes no individual rows, small groups are empty in it as well.

    Parameters
    ----------
    frame
        A result table; what has ``participant_id`` is saved as counts.
    name
        Stem of the saved file.
    what
        What the table holds, in words that can stand behind "Download".
    """
    if frame.empty:
        return note("There are no results to save.")
    shown, became = privacy.shareable(frame)
    content = shown.to_csv(sep="\t", index=False, na_rep=MISSING, lineterminator="\n").encode()
    link = download_link(
        f"Download {what}", f"{file_stem(name)}.tsv", content, "text/tab-separated-values;charset=utf-8"
    )
    about = f"{len(shown)} rows, a tidy table in full precision. {became}".strip()
    return privacy.checked(f'<p class="thal-note">{link} ({escape(about)})</p>', "This table")
