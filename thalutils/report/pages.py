"""How a notebook opens its page."""

from thalutils.cohort import Cohort
from thalutils.report import figures, privacy


def begin(study: Cohort) -> None:
    """Open a page of a cohort: how its figures look, and what of people it may show."""
    figures.theme()
    privacy.open_for(study)
