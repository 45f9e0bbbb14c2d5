"""Where the scans of a cohort come from: simulated, fetched, or a dataset that is there."""

from thalutils import open_ms
from thalutils.cohort import Cohort
from thalutils.process import Progress
from thalutils.simulate import phantom


def provide(cohort: Cohort) -> str:
    """See that a cohort's scans are there, made or fetched where they can be; return where they are from."""
    if cohort.settings.public is None:
        return phantom.provide(cohort)
    progress = Progress(cohort.settings.public, 0)

    def tell(what: str, done: int, total: int) -> None:
        progress.total, progress.done = total, done - 1
        progress.step(what)

    return open_ms.provide(cohort, tell)
