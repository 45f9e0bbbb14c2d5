"""Label maps made finer are kept by the map and by the code that does it."""

import nibabel as nib
import numpy as np

from thalutils.files import hash_file
from thalutils.simulate import anatomy


def test_a_label_map_is_made_finer_once_and_again_by_other_code(tmp_path, monkeypatch):
    labels = np.zeros((12, 12, 12), np.int16)
    labels[2:5, 4:8, 4:8], labels[7:10, 4:8, 4:8] = 10, 49
    path, made = tmp_path / "map.nii.gz", []
    nib.save(nib.Nifti1Image(labels, np.eye(4)), path)
    finer = anatomy.finer
    monkeypatch.setattr(anatomy, "finer", lambda *given: made.append(1) or finer(*given))
    first = anatomy.of_label_map(tmp_path / "cache", path)
    again = anatomy.of_label_map(tmp_path / "cache", path)
    assert len(made) == 1
    assert first.structure.shape == (24, 24, 24)
    assert (first.structure == again.structure).all() and list(first.values) == [0, 10, 49]
    monkeypatch.setattr(
        anatomy, "hash_file", lambda one: "other" if one == anatomy.__file__ else hash_file(one)
    )
    anatomy.of_label_map(tmp_path / "cache", path)
    assert len(made) == 2
