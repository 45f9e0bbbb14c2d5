"""The twin: identities that hold in every person, reported counts, and calibration that hits its targets."""

import numpy as np
import pandas as pd
import pytest

from thalutils import reported
from thalutils.errors import TableError
from thalutils.schemas import EDSS_STEPS
from thalutils.simulate import twin, twin_calibration, twin_masks, twin_missing, twin_people, twin_summary
from thalutils.simulate.twin_study import draw

SWITCH = "pseudoatrophy"


@pytest.fixture(scope="module")
def model():
    return twin_calibration.calibrate(SWITCH)


@pytest.fixture(scope="module")
def studies(model):
    return draw(model, 20, 7)


@pytest.fixture(scope="module")
def frames(model):
    return twin.drawn_tables(draw(model, 1, 3), 3)


def test_parts_are_the_inverse_of_the_family():
    parts = {"core": 9.5, "12": 0.3, "13": 0.2, "23": 0.15, "1": 0.1, "2": 0.25, "3": 0.3}
    assert twin_masks.parts_of(twin_masks.family(parts)) == pytest.approx(parts)


def test_the_published_means_admit_a_nest_of_three_sets():
    sizes = twin_masks.parts_of(twin_calibration.mean_sizes())
    assert all(size > 0 for size in sizes.values())


def test_ratio_of_volumes_is_sensitivity_over_precision_in_every_person(frames):
    overlap = frames["overlap"]
    volumes = frames["volumes"][frames["volumes"]["session_id"] == "ses-01"]
    sizes = volumes.pivot_table(index="participant_id", columns="method", values="volume_ml")
    for row in overlap.itertuples():
        ratio = sizes.loc[row.participant_id, row.method] / sizes.loc[row.participant_id, "manual"]
        assert ratio == pytest.approx(row.sensitivity / row.precision, rel=1e-4)
        dice = 2 * row.precision * row.sensitivity / (row.precision + row.sensitivity)
        assert row.dice == pytest.approx(dice, rel=1e-9)
    assert overlap[["dice", "precision", "sensitivity"]].max().max() <= 1


@pytest.mark.parametrize("visit", ["sizes", "sizes_later", "inside"])
def test_nests_hold_in_every_person(studies, visit):
    sizes = getattr(studies, visit)
    for members in ("T1-FLAIR", "T1-R1", "R1-FLAIR"):
        union = sizes[f"MindGlide-{members}"]
        for member in members.split("-"):
            assert (union >= sizes[f"MindGlide-{member}"] - 1e-9).all()
        assert (union >= sizes["MindGlide-T1-R1-FLAIR"] - 1e-9).all()
        assert (union <= sizes["FIRST"] + 1e-9).all()


def test_what_lies_in_the_reference_is_no_larger_than_either_mask(studies):
    for method in twin_masks.METHODS:
        common = studies.inside[method]
        assert (common <= studies.sizes[method] + 1e-9).all()
        assert (common <= studies.sizes["manual"] + 1e-9).all()


def test_counts_are_the_reported_ones(frames):
    found = reported.values()["populations"]
    people, sessions = frames["participants"], frames["sessions"]
    followed = people[
        people["participant_id"].isin(sessions.loc[sessions["session_id"] == "ses-02", "participant_id"])
    ]
    for who, name in ((people, "cross_sectional"), (followed, "longitudinal")):
        pooled = who["group"].replace({"RIS": "isolated", "CIS": "isolated", "iON": "isolated"})
        assert pooled.value_counts().to_dict() == found[name]["groups"]
        assert (who["sex"] == "F").sum() == found[name]["female"]
    chosen = people[people["in_ground_truth"]]
    assert chosen["group"].value_counts().to_dict() == {"RRMS": 34, "PMS": 16}


def test_missing_values_leave_the_reported_numbers(frames):
    sessions = frames["sessions"]
    first, second = (
        sessions[sessions["session_id"] == visit].set_index("participant_id") for visit in twin.VISITS
    )
    for outcome, columns in twin_missing.COLUMNS.items():
        there = first[list(columns)].notna().all(axis=1)
        assert there.sum() == reported.values()["cross_sectional"]["n"][outcome]
        both = there.reindex(second.index) & second[list(columns)].notna().all(axis=1)
        assert both.sum() == reported.values()["longitudinal"]["n"][outcome]
    assert first["disease_duration_years"].notna().sum() == 310


def test_scores_lie_on_their_scales(frames):
    sessions = frames["sessions"]
    assert set(sessions["edss"].dropna()) <= set(EDSS_STEPS)
    assert (sessions["sdmt"].dropna() % 1 == 0).all()
    walks = sessions[["t25fw_1_s", "t25fw_2_s"]].mean(axis=1).dropna()
    assert walks.skew() > 0.3
    later = sessions[sessions["session_id"] == "ses-02"]
    assert later["interval_years"].between(0.4, 1.6).all()


def test_what_was_calibrated_is_hit_in_a_large_sample():
    found = twin_summary.table(SWITCH, 1)
    bound = found[found["basis"] == "calibrated"].set_index(["section", "quantity", "method"])
    assert len(bound) > 80
    for section, quantity, margin in (
        ("volume_agreement", "bias_mean", 0.05), ("volume_agreement", "icc3", 0.02), ("voxel_agreement", "sensitivity_median", 0.005),
        ("volume_change", "change_mean", 0.04), ("volume_change", "change_sd", 0.06), ("populations", "volume_mean", 0.06),
    ):  # fmt: skip
        rows = bound.loc[(section, quantity)]
        if quantity == "change_sd":  # the others were met as well as one constant for all of them can
            rows = rows[rows.index.isin(twin_summary.ANCHORED)]
            assert len(rows) == 3
        assert (rows["implied"] - rows["reported"]).abs().max() < margin, (section, quantity)


def test_slopes_are_matched_over_methods_and_not_one_by_one():
    found = twin_summary.table(SWITCH, 1)
    known = reported.values()["cross_sectional"]
    betas = found[
        (found["section"] == "cross_sectional")
        & (found["quantity"] == "beta")
        & (found["basis"] == "calibrated")
    ]
    apart = [(row.implied - row.reported) / known[row.outcome][row.method][1] for row in betas.itertuples()]
    assert np.sqrt(np.mean(np.square(apart))) < 1


def test_without_a_tie_the_slope_of_edss_is_not_positive():
    found = twin_summary.switches(1)
    implied = found.groupby("switch")["implied"].mean()
    assert implied["nothing"] < 0.02
    assert implied.drop("nothing").min() > 0.5


def test_another_seed_gives_other_people_and_the_same_seed_the_same(model):
    first, again, other = (twin.drawn_tables(draw(model, 1, seed), seed) for seed in (3, 3, 4))
    for name, frame in first.items():
        pd.testing.assert_frame_equal(frame, again[name])
    assert not first["volumes"].equals(other["volumes"])


def test_calibration_does_not_know_the_seed_of_the_study(model):
    assert twin_calibration.calibrate(SWITCH) == model
    with pytest.raises(TableError, match="no switch"):
        twin_calibration.calibrate("luck")


def test_reference_strata_are_filled_in_turn():
    cell = np.array([0, 0, 0, 1, 2, 2])
    turn = twin_people._turns(cell, np.zeros(6, dtype=int))
    assert turn.tolist() == [0, 1, 2, 0, 0, 1]
    by_sex = twin_people._turns(cell, np.array([0, 1, 0, 0, 0, 1]))
    assert by_sex.tolist() == [0, 0, 1, 0, 0, 0]


def test_the_reference_set_keeps_inside_the_reported_strata(studies):
    drawn = studies.reference & (studies.people["group"] == twin_people.RELAPSING)
    assert (drawn.sum(axis=1) == reported.values()["populations"]["gt_sampling_strata"]["drawn_rrms"]).all()
    assert studies.people["age_years"][drawn].max() <= 70
    assert np.nanmax(studies.people["duration_years"][drawn]) <= 40
    assert np.nanmax(studies.scores["edss"][drawn]) <= 7


@pytest.mark.parametrize(
    ("key", "basis"),
    [
        (("cross_sectional", "se", "FIRST", "sdmt"), "calibrated"),  # it gave the conditional variance
        (("cross_sectional", "se", "FIRST", "edss"), "emergent"),
        (("cross_sectional", "rrms_beta", "DBSegment", "edss"), "emergent"),
        (("volume_change", "change_sd", "MindGlide-R1", None), "calibrated"),  # a constant was chosen by it
        (
            ("volume_change", "direction", "MOGAD", None),
            "calibrated",
        ),  # the groups were given the reported order
        (("longitudinal", "se", "MindGlide-R1-FLAIR", "edss"), "calibrated"),
        (("longitudinal", "beta", "MindGlide-R1-FLAIR", "edss"), "emergent"),
        (
            ("voxel_agreement", "dice_median", "MindGlide-R1", None),
            "calibrated",
        ),  # precision and sensitivity are
        (("voxel_agreement", "dice_median", "DBSegment", None), "calibrated"),  # sensitivity and size are
        (("voxel_agreement", "dice_q1", "MindGlide-R1", None), "emergent"),
        (("brain_volume_change", "pearson_p", "DBSegment", None), "calibrated"),
        (("populations", "age_mean", "longitudinal", None), "calibrated"),
        (("populations", "edss_median", "ground_truth", None), "emergent"),
        (("populations", "n_excluded_r1_registration", None, None), "emergent"),
        (("longitudinal", "robust_se_hc3", None, "edss"), "calibrated"),
    ],
)
def test_what_was_used_to_make_the_twin_is_called_calibrated(key, basis):
    assert twin_summary.basis(key, SWITCH) == basis
