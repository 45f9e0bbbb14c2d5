"""The paper's numbers as one table: nothing of the file is lost, nothing is invented."""

from collections.abc import Iterator
from typing import Any

import pytest

from thalutils import reported

SECTIONS = (
    "populations",
    "voxel_agreement",
    "volume_agreement",
    "cross_sectional",
    "volume_change",
    "longitudinal",
)


def numbers_in(value: Any) -> Iterator[float]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from numbers_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from numbers_in(inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield float(value)


@pytest.mark.parametrize("section", SECTIONS)
def test_every_number_of_a_section_is_in_the_table(section):
    flat = reported.flat()
    mine = flat[flat["section"] == section]
    shown = {*mine["reported"].dropna(), *mine["reported_low"].dropna(), *mine["reported_high"].dropna()}
    found = dict(reported.values()[section])
    found.pop("gt_sampling_strata", None)  # edges are a rule, not a result
    assert {*numbers_in(found)} <= shown


def test_rows_are_unique():
    flat = reported.flat()
    assert not flat.duplicated(["section", "quantity", "method", "outcome"]).any()


def test_a_slope_has_the_interval_that_its_standard_error_implies():
    flat = reported.flat().set_index(["section", "quantity", "method", "outcome"])
    row = flat.loc[("longitudinal", "beta", "FIRST", "edss")]
    assert (row["reported"], round(row["reported_low"], 3), round(row["reported_high"], 3)) == (
        0.52,
        0.206,
        0.834,
    )


def test_a_p_printed_as_a_bound_stands_as_a_bound():
    flat = reported.flat().set_index(["section", "quantity", "method", "outcome"])
    row = flat.loc[("cross_sectional", "p", "MindGlide-T1", "edss")]
    assert row["reported_high"] == 0.001
    assert row[["reported", "reported_low"]].isna().all()
