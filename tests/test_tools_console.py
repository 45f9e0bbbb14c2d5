"""``thalutils tools``: every tool of the study, what is here of it, and what to do to get the rest."""

import io

import pandas as pd
from typer.testing import CliRunner

from thalutils.cli import app
from thalutils.segmenters import catalogue
from thalutils.segmenters.registry import MEMORY_GB, SEGMENTERS
from thalutils.segmenters.session import methods

PAPER = (
    "FreeSurfer",
    "FIRST",
    "FLIRT",
    "SIENA",
    "ANTs",
    "hMRI toolbox",
    "DBSegment",
    "MindGlide",
    "ITK-SNAP",
)


def listed(*words: str) -> str:
    done = CliRunner().invoke(app, ["tools", *words])
    assert done.exit_code == 0, done.output
    return done.output


def test_every_tool_is_listed_with_its_licence_and_what_it_fills(no_tools):
    found = pd.read_csv(io.StringIO(listed("--tsv")), sep="\t", keep_default_na=False)
    assert list(found.columns) == [
        "name", "available", "version", "where", "licence", "reason", "fills", "columns",
    ]  # fmt: skip
    assert set(PAPER) <= set(found["name"])
    assert {tool.name for tool in SEGMENTERS} <= set(found["name"])
    assert set(MEMORY_GB) == {tool.name for tool in SEGMENTERS}
    assert (found["licence"] != "").all()
    rows = found.set_index("name")
    assert set(rows.loc[["Template", "ANTs", "deepbet", "ThalNet"], "available"]) == {"yes"}
    named = {name: columns.split(",") for name, columns in rows["columns"].items()}
    assert named["FIRST"] == ["FIRST"] and named["SIENA"] == ["SIENA"]
    assert named["FLIRT"] == ["flirt-mi", "flirt-ncc-masked", "flirt-ncc"]
    assert {"MindGlide-T1", "MindGlide-T1-R1-FLAIR"} < set(named["MindGlide"])
    drawn = [method for tool in SEGMENTERS for method in named[tool.name]]
    assert drawn == methods()  # each is of one tool, and every tool has its own
    absent = rows[rows["available"] == "no"]
    assert absent["reason"].str.contains("To get it: |thalutils tools install").all()
    assert {"FreeSurfer", "FIRST", "FLIRT", "SIENA", "DBSegment", "MindGlide"} <= set(absent.index)


def test_a_suite_that_is_here_says_version_and_place(no_tools, fake_suite):
    home = fake_suite("FSLDIR", "etc/fslversion", flirt="")
    rows = catalogue.tools_table().set_index("name")
    for name in ("FIRST", "FLIRT", "SIENA"):
        assert rows.loc[name, ["available", "version", "where"]].tolist() == ["yes", "FSL 6.0.7.4", str(home)]


def test_it_works_outside_a_checkout(tmp_path, monkeypatch, no_tools):
    monkeypatch.setenv("THALUTILS_ROOT", str(tmp_path))
    monkeypatch.delenv("THALUTILS_TOOLS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    text = listed()
    assert "FreeSurfer: not here" in text
    assert "thalutils tools install mindglide" in text


def test_what_cannot_be_installed_ends_with_a_sentence():
    done = CliRunner().invoke(app, ["tools", "install", "fsl"])
    assert done.exit_code != 0
    assert "no package registry brings it" in str(done.exception)
