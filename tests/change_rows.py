"""Changes over a year as stats.frames makes them, for tests of plots and pages."""

import numpy as np
import pandas as pd

from thalutils.stats.frames import CHANGING

METHODS = ("MindGlide-T1", "FIRST")  # not the order of the study


def changes(groups=("RRMS",) * 8, methods=METHODS, seed=1):
    """Return a row a person and method; FIRST's change is the other method's less 1 %."""
    rng = np.random.default_rng(seed)
    percent = rng.normal(-0.5, 1, len(groups))
    people = pd.DataFrame(
        {"participant_id": [f"sub-{i:02d}" for i in range(len(groups))], "group": list(groups)}
        | {f"delta_{name}": rng.normal(0, 1, len(groups)) for name in CHANGING}
    )
    frames = []
    for place, method in enumerate(methods):
        mine = percent - place + 0.1 * rng.normal(size=len(groups))
        frames.append(people.assign(method=method, volume_ml=10.0, delta_ml=mine / 10, percent=mine))
    return pd.concat(frames, ignore_index=True)


def brain(frame, engine="SIENA", seed=2):
    """Return the table brain_change of the same people."""
    once = frame.drop_duplicates("participant_id")
    noise = np.random.default_rng(seed).normal(0, 0.3, len(once))
    return pd.DataFrame(
        {
            "participant_id": once["participant_id"],
            "engine": engine,
            "pbvc_percent": 0.5 * once["percent"] + noise,
        }
    )
