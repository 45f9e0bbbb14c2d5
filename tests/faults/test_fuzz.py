"""Files that somebody damaged in any way: a sentence, never a traceback, and what is read is usable."""

import gzip

import nibabel as nib
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from thalutils import tables
from thalutils.cohort import Cohort
from thalutils.errors import CohortError, ImageError, TableError
from thalutils.imaging import quality
from thalutils.schemas import SCHEMAS

# The same examples on every machine; a folder of the test serves them all, one after the other.
FIXED = settings(
    derandomize=True,
    deadline=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
HEADER_BYTES = 352

YAML = """title: Some people
bids: somewhere
references:
  manual: derivatives/manual
stages:
  2-6-2-segmentation: {samseg_all: 1}
phantom:
  participants: 2
  snr: 60
"""


@pytest.fixture(scope="module")
def scan() -> bytes:
    values = np.random.default_rng(1).integers(1, 1000, (20, 22, 18)).astype(np.int16)
    image = nib.Nifti1Image(values, np.diag([5.0, 5, 5, 1]))
    image.header.set_xyzt_units("mm", "sec")
    return image.to_bytes()


def damaged(content: bytes, places: list[tuple[int, int]], end: int) -> bytes:
    changed = bytearray(content)
    for place, value in places:
        changed[place % len(changed)] = value
    return bytes(changed[:end])


@FIXED
@given(
    places=st.lists(st.tuples(st.integers(0, HEADER_BYTES - 1), st.integers(0, 255)), max_size=8),
    end=st.one_of(st.just(10**9), st.integers(0, 20_000)),
    packed=st.booleans(),
)
def test_a_damaged_scan_is_read_whole_or_refused(scan, tmp_path, fault, places, end, packed):
    fault.name = "bytes of a NIfTI header changed at random, or the file cut short"
    content = damaged(scan, places, end)
    path = tmp_path / ("x.nii.gz" if packed else "x.nii")
    path.write_bytes(gzip.compress(content, 1) if packed else content)
    with fault.attempt():
        try:
            image = quality.load(path)
        except ImageError as error:
            assert str(error).startswith(path.name), "the sentence begins with the file"
            fault.show(str(error), path.name)
            return
        assert image.ndim == 3 and np.isfinite(image.affine).all()
        data = np.asarray(image.dataobj)
        assert np.isfinite(data).all() and data.min() < data.max()


@FIXED
@given(
    start=st.integers(0, len(YAML)), length=st.integers(0, 60),
    inserted=st.one_of(st.text(max_size=40), st.sampled_from(["[[[", "{a: b", "!!python/object/apply:os.system [x]", "&a [*a]", "\\x00", "- - -", "? :"])),
)  # fmt: skip
def test_a_damaged_cohort_file_is_read_or_refused(tmp_path, fault, start, length, inserted):
    fault.name = "a cohort's YAML with a piece replaced at random"
    path = tmp_path / "mine.yml"
    path.write_bytes((YAML[:start] + inserted + YAML[start + length :]).encode("utf-8", "surrogatepass"))
    with fault.attempt():
        try:
            Cohort.load(str(path))
        except CohortError as error:
            fault.show(str(error), "mine.yml")


CELLS = st.one_of(
    st.text(max_size=12), st.floats().map(str), st.integers().map(str),
    st.sampled_from(["n/a", "", "sub-01", "../x", "ses-01", "1e999", "=1+1", "<script>", "\"", "\t", "\r", "\ufeff"]),
)  # fmt: skip


@pytest.mark.parametrize("table", ["participants", "volumes"])
@settings(FIXED, max_examples=40)
@given(rows=st.lists(st.lists(CELLS, min_size=1, max_size=12), max_size=4), header=st.booleans())
def test_a_table_of_anything_is_read_or_refused(tmp_path, fault, table, rows, header):
    fault.name = f"random cells in the table {table}"
    lines = ["\t".join(SCHEMAS[table].columns)] if header else []
    path = tmp_path / f"{table}.tsv"
    path.write_bytes("\n".join(lines + ["\t".join(row) for row in rows]).encode("utf-8", "surrogatepass"))
    with fault.attempt():
        try:
            found = tables.read(path)
        except TableError as error:
            fault.show(str(error), table)
            return
        assert list(found.columns) == list(SCHEMAS[table].columns)
