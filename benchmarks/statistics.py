"""Agreement of the volumes of nine methods with a reference, at the size of the study."""

import shutil

import numpy as np
import pandas as pd

from benchmarks.harness import Peer, Work
from thalutils.schemas import SCHEMAS
from thalutils.stats.agreement import volume_agreement

PEOPLE, METHODS = 321, 9


def works() -> list[Work]:
    """Return the work; its peer, the same coefficients in R, is not written for a machine without R."""
    rng = np.random.default_rng(6)
    truth = rng.normal(14, 1.5, PEOPLE)
    rows = [
        (f"sub-{person:03}", "ses-01", method, None, None, volume, volume / 2, volume / 2)
        for number, method in enumerate(["manual", *(f"M{place}" for place in range(METHODS))])
        for person, volume in enumerate(truth + 0.1 * number + rng.normal(0, 0.3 + 0.1 * number, PEOPLE))
    ]
    volumes = pd.DataFrame(rows, columns=list(SCHEMAS["volumes"].columns))
    absent = "its values are kept as test oracles" if shutil.which("Rscript") else "it is not installed"
    work = f"agreement of the volumes of {METHODS} methods, {PEOPLE} people"
    return [Work(work, lambda: volume_agreement(volumes), (Peer("R", absent=absent),))]
