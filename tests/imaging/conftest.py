"""What several tests of imaging share."""

import shutil
from collections.abc import Callable

import numpy as np
import pytest

from thalutils import stage
from thalutils.cohort import Cohort
from thalutils.files import write_json
from thalutils.imaging import brain_mask, inspection, registration


@pytest.fixture
def matching_heads(make_dataset, in_process, monkeypatch) -> Callable[..., Cohort]:
    """Make people with a T1w and a FLAIR that lie on each other, whose brain is their head."""

    def extract(t1w, folder):
        shutil.copyfile(t1w, folder / "brain.nii.gz")
        write_json(folder / "volume.json", {"brain_ml": 1200.0})

    monkeypatch.setattr(brain_mask, "extract", extract)
    monkeypatch.setattr(registration, "register", lambda *images, **_: np.eye(4))

    def make(**settings: object) -> Cohort:
        found = make_dataset(**({"visits": ["ses-01"], "scans": ("anat/T1w", "anat/FLAIR")} | settings))
        stage.run(found, stage.ACQUISITION, "all", inspection.inspect, makes=["scans"])
        return found

    return make
