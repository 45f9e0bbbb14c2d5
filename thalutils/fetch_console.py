"""What ``thalutils fetch`` does: a public cohort's scans, with a progress bar."""

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from thalutils import open_ms
from thalutils.cohort import Cohort
from thalutils.errors import UsageError

DONE = 0
out = Console(highlight=False, soft_wrap=True)


def fetch(name: str) -> int:
    """Have the scans of a public cohort, lay them out as BIDS, and say how many there are; return the exit code.

    Raises
    ------
    UsageError
        Where the cohort's scans are not public.
    """
    cohort = Cohort.load(name)
    if cohort.settings.public is None:
        raise UsageError(f"{cohort.name}: its scans are not public (no `public` in {cohort.path.name}).")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=out, transient=True) as bars:
        bar = bars.add_task(cohort.name, total=None)
        said = open_ms.provide(
            cohort, lambda what, done, total: bars.update(bar, description=what, completed=done, total=total)
        )
    out.print(f"{said} They lie in {cohort.bids}.", markup=False)
    return DONE
