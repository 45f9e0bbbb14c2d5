import re

import numpy as np
import pytest

from thalutils import reported
from thalutils.simulate import twin_consistency
from thalutils.simulate.twin_calibration import mean_sizes
from thalutils.simulate.twin_masks import CORE, PARTS, family


@pytest.fixture(scope="module")
def found():
    return twin_consistency.contradictions().set_index("quantity")


def row(found, words):
    return found[found.index.str.contains(words, regex=False)].iloc[0]


def test_every_contradiction_that_is_listed_has_a_size(found):
    listed = reported.values()["claims"]["contradictions"]
    assert list(dict.fromkeys(found["contradiction"])) == listed
    sized = found.dropna(subset=["given"])
    assert np.allclose(sized["difference"], sized["given"] - sized["implied"])


def test_sizes_are_those_that_the_list_itself_gives(found):
    listed = " ".join(reported.values()["claims"]["contradictions"])
    dice = row(found, "median Dice")
    assert f"{dice['implied']:.3f} against {dice['given']:.3f}" in listed
    ends = [row(found, word)["implied"] for word in ("Lower end", "Upper end")]
    assert re.search(rf"imply \[{ends[0]:.2f}, {ends[1]:.2f}\]", listed)


def test_no_thalamus_is_small_enough_for_freesurfer(found):
    assert row(found, "crosses zero")["implied"] < 0
    assert row(found, "2 SD below the mean")["given"] > 5


def test_the_duration_that_is_needed_gives_the_reported_mean():
    chosen = reported.values()["populations"]["ground_truth"]
    rrms = reported.values()["populations"]["cross_sectional"]["disease_duration_years"]["mean"]
    total = chosen["rrms"] * rrms + chosen["pms"] * twin_consistency.needed_duration()
    assert total / chosen["n"] == pytest.approx(chosen["disease_duration_years"]["mean"])


def test_populations_that_share_people_differ_by_chance(found):
    rng = np.random.default_rng(1)
    sd, whole, part = 8.9, 321, 234
    people = rng.normal(0, sd, (4000, whole))
    gaps = people[:, :part].mean(axis=1) - people.mean(axis=1)
    assert row(found, "mean duration between")["implied"] == pytest.approx(gaps.std(), rel=0.05)


def test_identities_hold_for_simulated_volumes(monkeypatch):
    """Numbers of one sample must imply each other; the paper's are replaced by those of that sample."""
    rng = np.random.default_rng(2)
    reference = rng.normal(9, 1.9, 50)
    volume = 3 + 0.8 * reference + rng.normal(0, 1, 50)
    vx, vy, cov = reference.var(ddof=1), volume.var(ddof=1), np.cov(reference, volume)[0, 1]
    bias, slope = (volume - reference).mean(), cov / vx
    ba_slope = np.polyfit((volume + reference) / 2, volume - reference, 1)[0]
    one = {
        "slope": [slope, 0, 0], "icc3": [2 * cov / (vx + vy), 0, 0], "ba_slope": [ba_slope, 0, 0],
        "bias": [bias, (volume - reference).std(ddof=1)], "ccc": [2 * cov / (vx + vy + bias**2), 0, 0],
    }  # fmt: skip
    known = {
        "volume_agreement": {"Mine": one}, "voxel_agreement": {},
        "populations": {"ground_truth": {"volume": {"mean": 9.0, "sd": np.sqrt(vx)}}},
    }  # fmt: skip
    monkeypatch.setattr(reported, "values", lambda: known)
    found = twin_consistency.identities()
    assert sorted(found["quantity"]) == ["ba_slope", "bias_sd", "ccc"]
    assert found["given"].to_numpy() == pytest.approx(found["implied"].to_numpy())


def test_the_papers_concordances_follow_from_its_other_numbers():
    found = twin_consistency.identities()
    ccc = found[found["quantity"] == "ccc"]
    assert set(ccc["method"]) >= {"FreeSurfer", "FIRST", "DBSegment", "MindGlide-T1"}
    assert ccc["difference"].abs().max() < 0.0055
    assert (found.loc[found["quantity"] == "bias_sd", "difference"] > 0).all()


def test_the_published_medians_are_those_of_three_nested_sets():
    parts = twin_consistency.nest().set_index("part")
    assert len(parts) == 7
    assert (parts[["size_ml", "inside_ml"]] > 0).all(axis=None)
    assert parts["share"].between(0, 1).all()
    assert parts.loc["R1 alone", "share"] > 0.5 > parts.loc["FLAIR alone", "share"]
    named = {part: parts.loc[twin_consistency.PART_NAMES[part], "size_ml"] for part in (CORE, *PARTS)}
    for mask, size in family(named).items():
        assert size == pytest.approx(mean_sizes()[mask])
