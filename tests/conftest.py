"""What many tests share: a checkout of nothing, and datasets of heads small enough to make in a moment."""

import shutil
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from thalutils import process, stage
from thalutils.cohort import Cohort

sys.path.insert(0, str(Path(__file__).parent))  # spawned workers import parallel_functions by its name

SHAPE, VOXEL_MM = (80, 90, 80), 2.0
LOCAL = ("127.0.0.1", "::1", "localhost")
PEOPLE, VISITS, SCANS = ("sub-01", "sub-02"), ("ses-01", "ses-02"), ("anat/T1w",)


def smooth_head(shape: tuple[int, ...] = SHAPE, voxel_mm: float = VOXEL_MM) -> nib.Nifti1Image:
    """Return a ball that fades outwards: 3D, int16, its middle at the origin, sform equal to qform."""
    axes = np.ogrid[tuple(slice(-1, 1, complex(0, edge)) for edge in shape)]
    values = 1000 * np.exp(-2 * sum(axis**2 for axis in axes))
    affine = np.diag([voxel_mm] * 3 + [1.0])
    affine[:3, 3] = -voxel_mm * (np.array(shape) - 1) / 2
    image = nib.Nifti1Image(values.astype(np.int16), affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, 1)
    image.set_qform(affine, 1)
    return image


# Scripts that record what other programs give; they need packages that the study does not.
collect_ignore_glob = ["oracles/*.py"]
# The longest files: begun first, they leave no process to wait for the other at the end.
FIRST = ("tests/test_study.py", "tests/start/test_whole_road.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first, in any process alike."""
    items.sort(key=lambda item: not item.nodeid.startswith(FIRST))


@pytest.fixture
def head() -> nib.Nifti1Image:
    """A good head of 80 x 90 x 80 voxels of 2 mm, to spoil at will."""
    return smooth_head()


@pytest.fixture(scope="session")
def head_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same head as a file, written once."""
    path = tmp_path_factory.mktemp("head") / "head.nii.gz"
    smooth_head().to_filename(path)
    return path


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: object) -> None:
        if isinstance(address, tuple) and address[0] not in LOCAL:
            raise OSError(f"a test tried to reach {address[0]}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> Path:
    """Return an empty checkout, which is the one that thalutils finds."""
    root = tmp_path / "checkout"
    for folder in ("cohorts", "notebooks"):
        (root / folder).mkdir(parents=True)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/index\n")
    monkeypatch.setenv("THALUTILS_ROOT", str(root))
    return root


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let stages work in this process: starting others takes longer than work on small heads."""

    def one_by_one(function: Callable, items: Iterable, **_: object) -> list[process.Outcome]:
        return [process._attempt(function, item) for item in items]

    monkeypatch.setattr(stage, "parallel_map", one_by_one)


@pytest.fixture
def make_dataset(checkout: Path, head_file: Path) -> Callable[..., Cohort]:
    """Return a function that makes a BIDS dataset ``data/<name>`` with its cohort, and loads it."""

    def make(
        name: str = "tiny", people: Iterable[str] = PEOPLE, visits: Iterable[str] = VISITS,
        scans: Iterable[str] = SCANS, rows: str | None = None, **settings: object,
    ) -> Cohort:  # fmt: skip
        bids = checkout / "data" / name
        for person in people:
            for visit in visits or ("",):
                stem = "_".join(filter(None, (person, visit)))
                for scan in scans:
                    place, ending = scan.split("/")
                    path = bids / person / visit / place / f"{stem}_{ending}.nii.gz"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(head_file, path)
        rows = "participant_id\n" + "\n".join(people) + "\n" if rows is None else rows
        bids.mkdir(parents=True, exist_ok=True)
        (bids / "participants.tsv").write_text(rows)
        content = {"title": name, "bids": f"data/{name}"} | settings
        (checkout / "cohorts" / f"{name}.yml").write_text(yaml.safe_dump(content))
        return Cohort.load(name)

    return make


@pytest.fixture
def fake_suite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Return a function that makes an installation of a suite: small Python programs in its ``bin``."""

    def make(variable: str, version_file: str, **programs: str) -> Path:
        home = tmp_path / variable.lower()
        (home / "bin").mkdir(parents=True, exist_ok=True)
        (home / version_file).parent.mkdir(parents=True, exist_ok=True)
        (home / version_file).write_text("6.0.7.4\n")
        for name, body in programs.items():
            program = home / "bin" / name.replace("__", "-")
            program.write_text(f"#!{sys.executable}\nimport os, sys, time\n{body}\n")
            program.chmod(0o755)
        monkeypatch.setenv(variable, str(home))
        return home

    return make


@pytest.fixture
def no_tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Hide every suite and every tool's environment of this machine; return where environments would be."""
    for name in (
        "FSLDIR",
        "FREESURFER_HOME",
        "THALUTILS_FSL_IMAGE",
        "THALUTILS_FREESURFER_IMAGE",
        "FS_LICENSE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setenv("THALUTILS_TOOLS", str(tmp_path / "tools"))
    return tmp_path / "tools"
