"""How a notebook opens its page."""

from IPython.display import display

from thalutils.cohort import Cohort
from thalutils.report import figures, privacy
from thalutils.report.embed import note
from thalutils.subset import Subset


def begin(study: Cohort) -> None:
    """Open a page of a cohort: how its figures look, and what of people it may show; of a subset it says so."""
    figures.theme()
    privacy.open_for(study)
    if isinstance(study, Subset):
        display(note(_of_whom(study)))


def _of_whom(study: Subset) -> str:
    some, every = (len(people) for people in (study.chosen, study.whole.participants))
    nobody = " Its data are simulated: nobody was scanned or examined." if study.simulated else ""
    return (
        f"<strong>This page is of {privacy.count(some)} of the {privacy.count(every)} people of the cohort "
        f"{study.name}.</strong> It is no page of the cohort's book, and the text is written for everyone: what it says of "
        f"numbers may not hold here.{nobody}"
    )
