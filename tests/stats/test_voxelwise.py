import numpy as np
import pandas as pd
import pytest
from scipy import stats

from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats.voxelwise import COMPARED, MEASURES, overlap_pairwise, overlap_summary


def overlap(*rows):
    """Return the table from rows of person, visit, method, reference, dice; distances are 10 times dice."""
    frame = pd.DataFrame(rows, columns=["participant_id", "session_id", "method", "reference", "dice"])
    same = dict.fromkeys(("precision", "sensitivity"), frame["dice"])
    far = dict.fromkeys(("hd95_mm", "mean_surface_mm"), 10 * frame["dice"])
    return frame.assign(rater=None, **same, **far)[list(SCHEMAS["overlap"].columns)]


def people(method, values, visit="ses-1", reference="truth"):
    return [(f"sub-{i}", visit, method, reference, value) for i, value in enumerate(values)]


def test_summary_is_of_first_visits():
    frame = overlap(*people("A", [0.1, 0.2, 0.3, 0.4, 0.9]), ("sub-4", "ses-2", "A", "truth", 1.0))
    found = overlap_summary(frame).set_index("measure")
    assert list(found.index) == list(MEASURES)
    assert found.loc["dice", ["n", "median", "q1", "q3"]].tolist() == pytest.approx([5, 0.3, 0.2, 0.4])
    assert found.loc["hd95_mm", ["n", "median", "q1", "q3"]].tolist() == pytest.approx([5, 3, 2, 4])


def test_each_reference_and_method_has_its_rows():
    frame = overlap(*people("B", [0.5], reference="truth"), *people("B", [0.7], reference="manual"),
                    *people("A", [0.6], reference="truth"))  # fmt: skip
    found = overlap_summary(frame).query("measure == 'dice'")
    assert found[["reference", "method", "median"]].to_numpy().tolist() == [
        ["manual", "B", 0.7], ["truth", "B", 0.5], ["truth", "A", 0.6],
    ]  # fmt: skip


def test_a_missing_distance_lowers_only_its_own_n():
    frame = overlap(*people("A", [0.5, 0.7]))
    frame.loc[0, "hd95_mm"] = np.nan
    found = overlap_summary(frame).set_index("measure")
    assert found.loc["hd95_mm", ["n", "median"]].tolist() == pytest.approx([1, 7])
    assert found.loc["dice", ["n", "median"]].tolist() == pytest.approx([2, 0.6])


def test_of_several_raters_the_first_by_name_counts():
    frame = overlap(*people("A", [0.5]), *people("A", [0.7])).assign(rater=["y", "x"])
    assert overlap_summary(frame).loc[0, ["n", "median"]].tolist() == [1, 0.7]


def test_pairs_are_tested_within_reference_and_measure_at_first_visits():
    random = np.random.default_rng(5)
    a, b, c = (random.uniform(0.6, 0.9, 20) for _ in range(3))
    b += 0.05
    frame = overlap(*people("A", a), *people("B", b), *people("C", c), *people("A", a + 0.1, "ses-2"),
                    *people("A", b, reference="manual"), *people("B", a, reference="manual"))  # fmt: skip
    found = overlap_pairwise(frame)
    assert len(found) == len(COMPARED) * (1 + 3)
    dice = found[(found["measure"] == "dice") & (found["reference"] == "truth")].set_index(
        ["method_i", "method_j"]
    )
    raw = [stats.wilcoxon(x - y).pvalue for x, y in ((a, b), (a, c), (b, c))]
    assert dice["p"].tolist() == pytest.approx(raw)
    assert dice["p_adjusted"].tolist() == pytest.approx(stats.false_discovery_control(raw))
    assert dice["family"].unique().tolist() == ["3 tests: reference truth, measure dice"]
    assert dice.loc[("A", "B"), "median_difference"] == pytest.approx(np.median(a - b))
    drawn = found[found["reference"] == "manual"].iloc[0]
    assert drawn["p_adjusted"] == drawn["p"] == pytest.approx(raw[0])
    assert drawn["median_difference"] == pytest.approx(np.median(b - a))


def test_pairs_are_of_the_same_people():
    frame = overlap(*people("A", [0.5, 0.6, 0.7, 0.8]), *people("B", [0.4, 0.4, 0.4]))
    frame.loc[frame["method"].eq("B") & frame["participant_id"].eq("sub-0"), "precision"] = np.nan
    found = overlap_pairwise(frame).set_index("measure")
    assert found["n"].to_dict() == {"dice": 3, "precision": 2, "sensitivity": 3}
    assert found.loc["dice", "median_difference"] == pytest.approx(0.2)
    assert np.isnan(found.loc["precision", "p_adjusted"])
    assert "too few" in found.loc["precision", "note"]


def test_a_measure_that_one_method_lacks_is_named():
    frame = overlap(*people("A", [0.5, 0.6, 0.7]), *people("B", [0.4, 0.4, 0.4]))
    frame.loc[frame["method"].eq("B"), "dice"] = np.nan
    assert overlap_pairwise(frame).set_index("measure").loc["dice", ["n", "note"]].tolist() == [
        0, "Nobody has both."
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [[], people("A", [0.5, 0.6])])
def test_without_a_pair_there_is_no_row(rows):
    found = overlap_pairwise(overlap(*rows))
    assert found.empty
    assert list(found.columns) == list(SCHEMAS["overlap_pairwise"].columns)


@pytest.mark.parametrize("function", [overlap_summary, overlap_pairwise])
def test_a_table_of_another_kind_is_refused(function):
    with pytest.raises(TableError, match="column dice is missing"):
        function(overlap(*people("A", [0.5])).drop(columns="dice"))
