"""What a kept mask of ThalNet rests on: weights, code, and the packages whose numbers are in it."""

from importlib.metadata import version

import pytest

from thalutils.files import hash_json, read_json
from thalutils.segmenters.thalnet import tool, weight_files


@pytest.mark.parametrize("package", ["numpy", "scipy", "torch"])
def test_another_version_of_a_package_draws_anew(monkeypatch, package):
    before = tool.ThalNet().options("fast")
    assert before["weights"] == read_json(weight_files.FOLDER / weight_files.CHECKSUMS)
    assert before["packages"][package] == version(package)
    monkeypatch.setattr(tool, "version", lambda name: "0.1" if name == package else version(name))
    assert hash_json(tool.ThalNet().options("fast")) != hash_json(before)
