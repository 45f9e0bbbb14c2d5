"""The weights that ship: small, checked, and never unpickled."""

import json
import shutil

import pytest
import torch

from thalutils.errors import ToolError
from thalutils.segmenters.thalnet import network, weight_files

LARGEST_MB = 10


def test_weights_are_small_and_whole():
    files = list(weight_files.FOLDER.glob("*.safetensors"))
    assert {path.stem for path in files} == set(weight_files.PARTS)
    assert sum(path.stat().st_size for path in files) < LARGEST_MB * 1e6


def test_networks_give_classes_on_their_grids():
    networks = network.load()
    with torch.inference_mode():
        assert networks.draw(torch.zeros(1, 1, *network.BOX_SHAPE)).shape == (1, 3, *network.BOX_SHAPE)
        found = networks.locate(torch.zeros(1, 1, 24, 32, 16))
    assert found.shape == (1, len(network.STRUCTURES) + 1, 24, 32, 16)
    assert networks.centres_mm.shape == (len(network.STRUCTURES), 3)


def test_structures_come_in_pairs_of_left_and_right():
    names = list(network.STRUCTURES)[:-1]
    for left, right in zip(names[::2], names[1::2], strict=True):
        assert (left.split()[0], right.split()[0]) == ("left", "right")
        assert left.split()[1:] == right.split()[1:]
    assert [names[place - 1] for place in network.THALAMI] == ["left thalamus", "right thalamus"]


@pytest.fixture
def copied(tmp_path):
    return shutil.copytree(weight_files.FOLDER, tmp_path / "weights")


def test_a_changed_byte_is_noticed(copied):
    path = copied / "draw.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ToolError, match=r"draw\.safetensors: ThalNet's weights are damaged"):
        network.load(copied)


def test_an_absent_file_is_named(copied):
    (copied / "locate.safetensors").unlink()
    with pytest.raises(ToolError, match=r"locate\.safetensors: ThalNet's weights are not there"):
        weight_files.facts(copied)


def test_weights_say_who_taught_them():
    for part, facts in weight_files.facts().items():
        people = json.loads(facts["people"])
        assert len(people) == 15 and not {"04", "08", "12", "15", "17"} & set(people), part
