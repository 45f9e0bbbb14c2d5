"""What is reviewed by eye, and the code under which a reviewer sees it, which tells nothing of whose it is or how it was made."""

from typing import NamedTuple

from thalutils import scan_tables
from thalutils.cohort import Cohort
from thalutils.files import hash_json
from thalutils.imaging import finished_brain, flirt, registration

BRAIN, BRAIN_TOOL = "brain", "deepbet"
# FLIRT's belong to the table on any machine: a verdict stays where FSL is not installed.
STRATEGIES = {
    "R1": (*registration.R1_STRATEGIES, *flirt.R1_STRATEGIES),
    "FLAIR": (registration.FLAIR_STRATEGY, flirt.FLAIR_STRATEGY),
    BRAIN: (BRAIN_TOOL, finished_brain.TOOL),
}
DIGITS = 12


class Reviewed(NamedTuple):
    """One result that is looked at: an image of a visit, and the strategy or tool that made it."""

    participant_id: str
    session_id: str
    image: str
    strategy: str

    @property
    def code(self) -> str:
        """The image and a hash of all four: in the order of codes, people and strategies are shuffled.

        Examples
        --------
        >>> Reviewed("sub-01", "ses-01", "R1", "sitk-mi").code
        'R1-813015333e54'
        """
        return f"{self.image}-{hash_json(list(self))[:DIGITS]}"


def of_visit(participant_id: str, session_id: str, *images: str) -> list[Reviewed]:
    """List all that may be reviewed of a visit, of these images or of any."""
    return [
        Reviewed(participant_id, session_id, image, strategy)
        for image in images or STRATEGIES
        for strategy in STRATEGIES[image]
    ]


def by_code(cohort: Cohort, *, left_out: bool = False) -> dict[str, Reviewed]:
    """Return all that may be reviewed of a cohort by its code, in the codes' order.

    Parameters
    ----------
    cohort : Cohort
    left_out : bool
        Whether people of the dataset who are left out of the cohort count too.
    """
    visits = {(session.participant_id, session.session_id) for session in cohort.sessions()}
    for person in set(cohort.row_exclusions["participant_id"].dropna()) if left_out else ():
        visits |= {(person, visit) for visit in scan_tables.visits(cohort.bids / person)}
    found = {one.code: one for visit in visits for one in of_visit(*visit)}
    return dict(sorted(found.items()))
