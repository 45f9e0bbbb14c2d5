"""Public files are taken from a local folder if one is named, and are believed only by their content."""

import pytest

from thalutils import fetch
from thalutils.errors import ImageError

PATH = "training_seg_01.nii.gz"


def test_changed_content_is_refused(tmp_path, monkeypatch):
    (tmp_path / "label_maps").mkdir()
    (tmp_path / "label_maps" / PATH).write_bytes(b"something else")
    monkeypatch.setenv(fetch.DATA_VARIABLE, str(tmp_path))
    with pytest.raises(ImageError, match="its content is not the published one"):
        fetch.fetch("label_maps", PATH)


def test_the_known_content_is_taken(tmp_path, monkeypatch):
    (tmp_path / "label_maps").mkdir()
    (tmp_path / "label_maps" / PATH).write_bytes(b"a\n")
    monkeypatch.setenv(fetch.DATA_VARIABLE, str(tmp_path))
    # git hash-object of a file that holds "a" and a newline
    known = {f"data/training_label_maps/{PATH}": "78981922613b2afb6025042ff6bd878ac1994e85"}
    monkeypatch.setattr(fetch, "_blob_ids", lambda collection: known)
    assert fetch.fetch("label_maps", PATH).read_bytes() == b"a\n"


def test_no_network_is_said_with_the_way_out(checkout, monkeypatch):
    monkeypatch.delenv(fetch.DATA_VARIABLE, raising=False)
    with pytest.raises(ImageError, match=r"cannot be downloaded .*THALUTILS_DATA"):
        fetch.fetch("label_maps", PATH)
