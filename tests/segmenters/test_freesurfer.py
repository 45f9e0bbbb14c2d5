"""FreeSurfer: its files as it writes them, of any version, and recon-all up to the program."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from thalutils.errors import CohortError, ToolError
from thalutils.files import read_json
from thalutils.segmenters import freesurfer
from thalutils.segmenters.freesurfer import FreeSurfer
from thalutils.segmenters.lta import read_lta

# An aseg is stored left, inferior, anterior in 256 voxels of 1 mm; here 64 do.
EDGE = 64
CONFORMED = np.array([[-1.0, 0, 0, 32], [0, 0, 1, -32], [0, -1, 0, 32], [0, 0, 0, 1]])
SCAN = np.array([[0.8, 0, 0, -30.0], [0, 0.8, 0, -26], [0, 0, 0.8, -28], [0, 0, 0, 1]])
SCAN_SHAPE = (75, 70, 68)

STATS_7 = """# Title Segmentation Statistics
#
# generating_program mri_segstats
# Measure BrainSeg, BrainSegVol, Brain Segmentation Volume, 1197843.000000, mm^3
# Measure EstimatedTotalIntraCranialVol, eTIV, Estimated Total Intracranial Volume, 1533184.259612, mm^3
# NTableCols 10
# ColHeaders  Index SegId NVoxels Volume_mm3 StructName normMean normStdDev normMin normMax normRange
  1   4     10023    10530.7  Left-Lateral-Ventricle            35.3     12.0     12.0     88.0     76.0
  5  10      7204     7219.5  Left-Thalamus                     90.2      9.9     35.0    113.0     78.0
 23  49      6987     7001.4  Right-Thalamus                    89.1      9.1     37.0    113.0     76.0
"""
STATS_5 = """# Title Segmentation Statistics
# Measure IntraCranialVol, ICV, Intracranial Volume, 1601000.000000, mm^3
# Measure EstimatedTotalIntraCranialVol, EstimatedTotalIntraCranialVol, Estimated Total Intracranial Volume, 1498000.5, mm^3
# ColHeaders  Index SegId NVoxels Volume_mm3 StructName Mean StdDev Min Max Range
  9  10      7204     7100.0  Left-Thalamus-Proper              90.2      9.9     35.0    113.0     78.0
 28  49      6987     6900.0  Right-Thalamus-Proper             89.1      9.1     37.0    113.0     76.0
"""


def world(
    x: float, y: float, z: float, shape: tuple[int, ...], affine: np.ndarray, half_mm: float
) -> np.ndarray:
    """Return where a grid's voxels lie within a cube about a point of the world."""
    indices = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    return (np.abs(nib.affines.apply_affine(affine, indices) - (x, y, z)) <= half_mm).all(axis=-1)


def aseg(affine: np.ndarray = CONFORMED) -> nib.MGHImage:
    """Left thalamus at x = -10, right at x = 12 and higher; a ventricle between."""
    labels = np.zeros((EDGE,) * 3, np.int32)
    labels[world(-10, 0, 0, labels.shape, CONFORMED, 8.6)] = 10
    labels[world(12, 0, 6, labels.shape, CONFORMED, 8.6)] = 49
    labels[world(1, 0, 0, labels.shape, CONFORMED, 1.5)] = 14
    return nib.MGHImage(labels, affine)


def subject(folder: Path, stats: str = STATS_7, affine: np.ndarray = CONFORMED) -> Path:
    for part in ("mri", "stats"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    nib.save(aseg(affine), folder / "mri" / "aseg.mgz")
    (folder / "stats" / "aseg.stats").write_text(stats)
    return folder


@pytest.fixture
def scan(tmp_path) -> Path:
    path = tmp_path / "t1w.nii.gz"
    nib.save(nib.Nifti1Image(np.ones(SCAN_SHAPE, np.float32), SCAN), path)
    return path


def read(found: Path, scan: Path, tmp_path: Path) -> np.ndarray:
    out = tmp_path / "out"
    out.mkdir()
    FreeSurfer().read(found, scan, out)
    return np.asarray(nib.load(out / "thalamus.nii.gz").dataobj)


def test_aseg_lands_where_it_lies_in_the_world(tmp_path, scan):
    found = read(subject(tmp_path / "s"), scan, tmp_path)
    left = nib.affines.apply_affine(SCAN, np.argwhere(found == 10)).mean(0)
    right = nib.affines.apply_affine(SCAN, np.argwhere(found == 49)).mean(0)
    np.testing.assert_allclose(left, (-10, 0, 0), atol=0.41)
    np.testing.assert_allclose(right, (12, 0, 6), atol=0.41)
    assert (found > 0).sum() * 0.8**3 == pytest.approx(2 * 17**3, rel=0.08)
    assert 14 not in found
    structures = np.asarray(nib.load(tmp_path / "out" / "structures.nii.gz").dataobj)
    assert 14 in structures
    assert json.loads((tmp_path / "out" / "icv.json").read_text())["icv_ml"] == pytest.approx(1533.184259612)


@pytest.mark.parametrize(
    ("text", "etiv", "sides"),
    [(STATS_7, 1533.184259612, (7.2195, 7.0014)), (STATS_5, 1498.0005, (7.1, 6.9))],
)
def test_statistics_of_either_version(tmp_path, text, etiv, sides):
    path = tmp_path / "aseg.stats"
    path.write_text(text)
    assert freesurfer.read_etiv_ml(path) == pytest.approx(etiv)
    assert freesurfer.read_volumes_ml(path) == pytest.approx(sides)


def test_statistics_of_another_run_than_the_aseg_are_warned_of(tmp_path, scan):
    """The two cubes hold 17^3 mm3 each, of which the T1w's grid has a little less or more."""
    for told, warned in ((4913.0, 0), (7219.5, 1)):
        stats = STATS_7.replace("7219.5", str(told)).replace("7001.4", str(told))
        out = tmp_path / f"out-{told}"
        out.mkdir()
        FreeSurfer().read(subject(tmp_path / "s", stats), scan, out)
        warnings = read_json(out / "warnings.json")["warnings"]
        assert len(warnings) == warned
    assert "its statistics 14.4 mL" in warnings[0]


def test_statistics_that_lack_a_number_are_named(tmp_path):
    path = tmp_path / "aseg.stats"
    path.write_text(STATS_7.replace("EstimatedTotalIntraCranialVol", "MaskVol"))
    with pytest.raises(ToolError, match="no measure EstimatedTotalIntraCranialVol"):
        freesurfer.read_etiv_ml(path)
    path.write_text(STATS_7.replace("1533184.259612, mm^3", "nan, mm^3"))
    with pytest.raises(ToolError, match="is nan mm"):
        freesurfer.read_etiv_ml(path)
    path.write_text("\n".join(line for line in STATS_7.splitlines() if " 49 " not in line))
    with pytest.raises(ToolError, match="no row of SegId 10 or 49"):
        freesurfer.read_volumes_ml(path)
    path.write_text("nothing")
    with pytest.raises(ToolError, match="Is it an aseg.stats"):
        freesurfer.read_volumes_ml(path)


def lta(matrix: np.ndarray, kind: int) -> str:
    """Write a transform as FreeSurfer's programs do; source and target have other geometries."""
    rows = "\n".join(" ".join(f"{value:.15e}" for value in row) for row in matrix)
    return f"""# transform file transforms/sub-01_ses-01_to_base.lta
# created by somebody

type      = {kind} # {"LINEAR_RAS_TO_RAS" if kind else "LINEAR_VOX_TO_VOX"}
nxforms   = 1
mean      = 0.0000 0.0000 0.0000
sigma     = 1.0000
1 4 4
{rows}
src volume info
valid = 1  # volume info valid
filename = sub-01_ses-01/mri/norm.mgz
volume = 64 64 64
voxelsize = 1.000000000000000e+00 1.000000000000000e+00 1.000000000000000e+00
xras   = -1.000000000000000e+00 0.000000000000000e+00 0.000000000000000e+00
yras   = 0.000000000000000e+00 0.000000000000000e+00 -1.000000000000000e+00
zras   = 0.000000000000000e+00 1.000000000000000e+00 0.000000000000000e+00
cras   = 0.000000000000000e+00 0.000000000000000e+00 0.000000000000000e+00
dst volume info
valid = 1  # volume info valid
filename = base/mri/norm.mgz
volume = 60 62 64
voxelsize = 1.000000000000000e+00 1.000000000000000e+00 1.200000000000000e+00
xras   = -1.000000000000000e+00 0.000000000000000e+00 0.000000000000000e+00
yras   = 0.000000000000000e+00 0.000000000000000e+00 -1.000000000000000e+00
zras   = 0.000000000000000e+00 1.000000000000000e+00 0.000000000000000e+00
cras   = 2.000000000000000e+00 -3.000000000000000e+00 4.000000000000000e+00
subject fsaverage
fscale 0.100000
"""


MOVE = nib.affines.from_matvec(nib.eulerangles.euler2mat(0.1, 0.05, -0.08), [4.0, -2.0, 3.0])
BASE = np.array([[-1.0, 0, 0, 32], [0, 0, 1.2, -41.4], [0, -1, 0, 35], [0, 0, 0, 1]])


def test_either_kind_of_transform_says_the_same(tmp_path):
    """MOVE, world to world, written as such and between voxels by hand-made affines."""
    path = tmp_path / "a.lta"
    path.write_text(lta(MOVE, 1))
    np.testing.assert_allclose(read_lta(path), MOVE, atol=1e-12)
    path.write_text(lta(np.linalg.inv(BASE) @ MOVE @ CONFORMED, 0))
    np.testing.assert_allclose(read_lta(path), MOVE, atol=1e-9)
    path.write_text(lta(MOVE, 14))
    with pytest.raises(ToolError, match="no linear transform of a known kind"):
        read_lta(path)


def test_the_longitudinal_stream_is_brought_back_onto_the_scan(tmp_path, scan):
    """Its aseg lies in the base's space; without the transform its mask would lie 5 mm off."""
    found = subject(tmp_path / "sub-01_ses-01.long.base", affine=MOVE @ CONFORMED)
    with pytest.raises(ToolError, match="cannot be brought onto the scan"):
        FreeSurfer().read(found, scan, tmp_path)
    place = tmp_path / "base" / "mri" / "transforms"
    place.mkdir(parents=True)
    (place / "sub-01_ses-01_to_base.lta").write_text(lta(MOVE, 1))
    labels = read(found, scan, tmp_path)
    left = nib.affines.apply_affine(SCAN, np.argwhere(labels == 10)).mean(0)
    np.testing.assert_allclose(left, (-10, 0, 0), atol=0.41)
    assert len(FreeSurfer().depends_on(found)) == 3


def test_subjects_are_found_by_visit_and_by_stream(make_dataset):
    cohort = make_dataset()
    subjects = cohort.bids / "derivatives" / "freesurfer"
    first, second = cohort.sessions("sub-01")
    assert FreeSurfer().finished(cohort, first) is None
    for name in ("sub-01_ses-01", "sub-01_ses-02", "sub-01_ses-01.long.base"):
        subject(subjects / name)
    assert FreeSurfer().finished(cohort, first).name == "sub-01_ses-01"  # the second visit has no .long
    subject(subjects / "sub-01_ses-02.long.base")
    found = [FreeSurfer().finished(cohort, visit).name for visit in (first, second)]
    assert found == ["sub-01_ses-01.long.base", "sub-01_ses-02.long.base"]
    subject(subjects / "sub-01_ses-02.long.other")
    with pytest.raises(ToolError, match="are all of sub-01_ses-02"):
        FreeSurfer().finished(cohort, second)


def test_a_person_s_own_folder_serves_one_visit_only(make_dataset):
    cohort = make_dataset(visits=())
    subject(cohort.bids / "derivatives" / "freesurfer" / "sub-01")
    assert FreeSurfer().finished(cohort, cohort.sessions("sub-01")[0]).name == "sub-01"
    two = make_dataset("two")
    subject(two.bids / "derivatives" / "freesurfer" / "sub-01")
    assert FreeSurfer().finished(two, two.sessions("sub-01")[0]) is None


def test_subjects_dir_may_be_anywhere(make_dataset, tmp_path, monkeypatch):
    monkeypatch.setenv("SUBJECTS_DIR", str(tmp_path / "subjects"))
    cohort = make_dataset(finished={"FreeSurfer": "$SUBJECTS_DIR"})
    with pytest.raises(CohortError, match="no such folder"):
        FreeSurfer().finished(cohort, cohort.sessions()[0])
    found = subject(tmp_path / "subjects" / "sub-01_ses-01")
    assert FreeSurfer().finished(cohort, cohort.sessions()[0]) == found


# What recon-all is told, and a stand-in for it that leaves a subject as recon-all does.
STAND_IN = """
import shutil
words = sys.argv[1:]
out = os.path.join(words[words.index("-sd") + 1], words[words.index("-subjid") + 1])
shutil.copytree(os.environ["READY"], out)
os.symlink("/usr", os.path.join(words[words.index("-sd") + 1], "fsaverage"))
print(*words)
"""


def test_recon_all_is_told_what_the_paper_says(tmp_path):
    assert freesurfer.recon_all(Path("t1.nii"), Path("t2.nii"), Path("subjects")) == [
        "recon-all", "-subjid", "subject", "-sd", Path("subjects"), "-i", Path("t1.nii"),
        "-T2", Path("t2.nii"), "-T2pial", "-all",
    ]  # fmt: skip
    assert "-T2" not in freesurfer.recon_all(Path("t1.nii"), None, Path("subjects"))


def test_recon_all_runs_and_its_subject_is_read(tmp_path, scan, no_tools, fake_suite, monkeypatch):
    home = fake_suite("FREESURFER_HOME", "build-stamp.txt", recon__all=STAND_IN)
    assert "licence" in FreeSurfer().availability().reason
    (home / "license.txt").touch()
    assert FreeSurfer().availability().ok
    monkeypatch.setenv("READY", str(subject(tmp_path / "ready")))
    folder = tmp_path / "run"
    folder.mkdir()
    FreeSurfer().segment_with(scan, {"T2w": scan}, scan, folder, "full")
    assert {10, 49} <= set(np.unique(np.asarray(nib.load(folder / "thalamus.nii.gz").dataobj)))
    assert "-T2pial -all" in (folder / "recon-all.log").read_text()
    assert not (folder / "subjects" / "fsaverage").exists()


def test_a_container_needs_a_licence_from_outside(tmp_path, no_tools, monkeypatch):
    """Without one every recon-all would fail after it had begun."""
    engine = tmp_path / "engines" / "docker"
    engine.parent.mkdir()
    engine.touch(mode=0o755)
    monkeypatch.setenv("PATH", str(engine.parent))
    monkeypatch.setenv("THALUTILS_FREESURFER_IMAGE", "docker:freesurfer/freesurfer:7.4.1")
    state = FreeSurfer().availability()
    assert not state.ok and "FS_LICENSE is not set" in state.reason
    monkeypatch.setenv("FS_LICENSE", str(tmp_path / "license.txt"))
    assert "license.txt is absent" in FreeSurfer().availability().reason
    (tmp_path / "license.txt").touch()
    assert FreeSurfer().availability().ok


def test_a_container_sees_scans_that_are_links(tmp_path, scan, monkeypatch):
    """As DataLad lays them out: what they lead to lies in no folder of the visit."""
    ready = subject(tmp_path / "ready")
    link = tmp_path / "anat" / "t1w.nii.gz"
    link.parent.mkdir()
    link.symlink_to(Path("..") / scan.name)
    folder = tmp_path / "run"
    folder.mkdir()

    def run(suite, argv, *, log, timeout_s, folders):
        for flag in ("-i", "-T2"):
            seen = argv[argv.index(flag) + 1].resolve(strict=True)
            assert any(seen.is_relative_to(Path(one).resolve()) for one in folders)
            assert seen.read_bytes() == scan.read_bytes() and seen.name.endswith(".nii.gz")
        shutil.copytree(ready, argv[argv.index("-sd") + 1] / "subject")

    monkeypatch.setattr(freesurfer.programs, "run", run)
    FreeSurfer().segment_with(link, {"T2w": link}, scan, folder, "full")
    assert (folder / "thalamus.nii.gz").exists() and not list(folder.glob("T*w.nii*"))
