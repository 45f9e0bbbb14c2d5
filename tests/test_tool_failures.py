"""Every tool that the study runs, by a program in its place that fails, writes nothing, writes another grid, or hangs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import ToolError
from thalutils.files import read_json
from thalutils.imaging import flirt, siena
from thalutils.process import cached
from thalutils.segmenters import protocol
from thalutils.segmenters.mindglide import MindGlide, faults_file
from thalutils.segmenters.registry import SEGMENTERS, segmenter

IN_PROCESS = {"Template", "ThalNet"}  # these run no program
FSL, FREESURFER = ("fsldir", "FSLDIR"), ("freesurfer_home", "FREESURFER_HOME")
# The labels of left and right, where they are not FreeSurfer's.
SIDES = {"DBSegment": (24, 25), "MindGlide": (3, 3)}
EMPTY, OTHER_GRID = "its mask is empty", "on another grid than the"


@dataclass(frozen=True)
class Adapter:
    """How a tool is run here.

    Attributes
    ----------
    program : str
        Where its program lies, below a suite's folder or the folder of environments.
    call : callable
        Takes a scan and an empty folder; raises what is told of a failure.
    made : str
        Where its result lies beside what follows `flag` on its command line.
    nothing, other : str
        What is told where it writes nothing, and where its result is not of the scan.
    """

    program: str
    call: Callable[[Path, Path], None]
    flag: str
    made: str
    nothing: str
    other: str
    suite: tuple[str, str] | None = None


def drawn_by(name: str) -> Callable[[Path, Path], None]:
    def call(scan: Path, folder: Path) -> None:
        segmenter(name).segment(scan, scan, folder, "full")
        protocol.check(folder, name, scan)

    return call


def labelled(scan: Path, folder: Path) -> None:
    told = list(MindGlide().label({"T1": scan}, folder).values())
    told += read_json(folder / faults_file("T1")) or []
    if told:
        raise ToolError(" ".join(told))


def aligned(scan: Path, folder: Path) -> None:
    image = nib.load(scan)
    flirt.register(image, image, "flirt-ncc", image, folder)


# FIRST, FreeSurfer and DBSegment have grids of their own, which the headers bring onto the scan's: what lies elsewhere in
# the world leaves nothing. FLIRT's result is a matrix and SIENA's a number.
ADAPTERS = {
    "FreeSurfer": Adapter(
        "bin/recon-all", drawn_by("FreeSurfer"), "-sd", "/subject/mri/aseg.mgz", "ended without aseg.mgz", EMPTY, FREESURFER
    ),
    "FIRST": Adapter(
        "bin/run_first_all", drawn_by("FIRST"), "-o", "_all_none_firstseg.nii.gz", "ended without labels", EMPTY, FSL
    ),
    "DBSegment": Adapter(
        "dbsegment/bin/DBSegment", drawn_by("DBSegment"), "-o", "/preprocessed_v3/head.nii.gz", "ended without head.nii.gz", EMPTY
    ),
    "MindGlide": Adapter(
        "mindglide/bin/mindglide", labelled, "-o", "/T1_seg.nii.gz", "ended without T1_seg.nii.gz", OTHER_GRID
    ),
    "SAMSEG": Adapter(
        "samseg/bin/run_samseg", drawn_by("SAMSEG"), "-o", "/seg.mgz", "ended without seg.mgz", "lies on another grid"
    ),
    "FLIRT": Adapter("bin/flirt", aligned, "-omat", "", "left no 4x4 matrix", "left no 4x4 matrix", FSL),
    "SIENA": Adapter(
        "bin/siena", lambda scan, folder: siena.run(scan, scan, folder), "-o", "/report.siena",
        "ended without its report.siena", "which no brain does", FSL,
    ),
}  # fmt: skip
# After `shift`s the value of the flag that names its output is $1.
WRITES = 'while [ "$1" != "{flag}" ]; do shift; done\nshift\nmkdir -p "$(dirname "$1{made}")"\ncp {ready} "$1{made}"'
BODIES = {
    "fails": "echo it broke\nexit 3",
    "nothing": "echo it ends",
    "other": WRITES,
    "hangs": "echo it waits\nsleep 60",
}


def write(path: Path, body: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)


def elsewhere(folder: Path, made: str, sides: tuple[int, int]) -> Path:
    """Write a result that is not of the scan: labels half a metre away, three numbers for a matrix, a brain that is gone."""
    if not made.endswith(("gz", "mgz")):
        path = folder / "ready.txt"
        path.write_text("finalPBVC -88.1 %\n" if made else "1 0 0\n")
        return path
    affine = np.array([[1.0, 0, 0, 500], [0, 1, 0, 500], [0, 0, 1, 500], [0, 0, 0, 1]])
    labels = np.zeros((12, 12, 12), np.int32)
    labels[2:5, 2:9, 2:9], labels[7:10, 2:9, 2:9] = sides
    path = folder / f"ready{made[made.index('.') :]}"
    kind = nib.MGHImage if made.endswith("mgz") else nib.Nifti1Image
    nib.save(kind(labels, affine), path)
    return path


def test_every_tool_that_runs_a_program_is_here():
    assert set(ADAPTERS) == {tool.name for tool in SEGMENTERS} - IN_PROCESS | {"FLIRT", "SIENA"}


@pytest.mark.parametrize("fault", BODIES)
@pytest.mark.parametrize("name", ADAPTERS)
def test_what_a_tool_does_wrong_is_told_and_its_output_kept(tmp_path, no_tools, monkeypatch, name, fault):
    adapter = ADAPTERS[name]
    home = no_tools if adapter.suite is None else tmp_path / adapter.suite[0]
    if adapter.suite is not None:
        monkeypatch.setenv(adapter.suite[1], str(home))
        write(home / "bin" / "flirt", "")  # by which FSL is known
        write(home / "bin" / "fslreorient2std", 'cp "$1" "$2"')
    body = BODIES[fault]
    if fault == "other":
        ready = elsewhere(tmp_path, adapter.made, SIDES.get(name, (10, 49)))
        body = body.format(flag=adapter.flag, made=adapter.made, ready=ready)
    write(home / adapter.program, body)
    if fault == "hangs":
        monkeypatch.setenv(f"THALUTILS_{name.upper()}_LIMIT_S", "1")
    scan = tmp_path / "t1w.nii.gz"
    nib.save(nib.Nifti1Image(np.ones((16, 16, 16), np.float32), np.diag([2.0, 2.0, 2.0, 1.0])), scan)
    with pytest.raises(ToolError) as caught:
        cached(tmp_path / "cache", name, {}, lambda to: adapter.call(scan, to))
    told, program = str(caught.value), Path(adapter.program).name
    words = {
        "fails": f"{program} ended with code 3. Its last words:\nit broke",
        "nothing": adapter.nothing,
        "other": adapter.other,
        "hangs": f"{program} was stopped after 1 s without an end. Its last words:\nit waits",
    }
    assert words[fault] in told
    kept = Path(told.partition("The whole output is in ")[2].rstrip("."))
    said = {"fails": "it broke", "nothing": "it ends", "other": "", "hangs": "it waits"}
    assert said[fault] in "".join(path.read_text() for path in kept.glob("*.log"))
    assert list(kept.glob("*.log"))
