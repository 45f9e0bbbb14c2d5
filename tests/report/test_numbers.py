from types import SimpleNamespace

import pandas as pd
import pytest
from plot_checks import table

from thalutils import tables
from thalutils.report import numbers, privacy
from thalutils.stats import agreement, populations, sampling, voxelwise


def overlap(n=6):
    rows = [
        (f"sub-{i}", "ses-1", method, "manual", None, dice + i / 100, 1 - dice - i / 1000, 0.9, None, None)
        for i in range(n)
        for method, dice in (("FIRST", 0.7), ("Mine", 0.6), ("Rare", 0.9))
        if method != "Rare" or i < 2
    ]
    return table("overlap", rows)


def volumes(n=6):
    rows = []
    for i in range(n):
        drawn = 8 + 0.7 * i + 0.1 * (i % 2)
        found = {
            "Shifted": drawn + 4,
            "Steep": 1.9 * drawn - 6 - i % 2,
            "Near": 0.8 * drawn + 2.4,
            "manual": drawn,
        }
        rows += [(f"sub-{i}", "ses-1", name, None, None, ml, None, None) for name, ml in found.items()]
    return table("volumes", rows)


def of_overlap(frame):
    return numbers.overlap(voxelwise.overlap_summary(frame), voxelwise.overlap_pairwise(frame))


def test_the_best_overlap_is_of_a_method_that_three_people_have():
    found = of_overlap(overlap())
    assert found["overlap.n"] == 6
    assert found["overlap.best_dice_method"] == "FIRST"  # Rare has more, of two people
    assert found["overlap.best_dice"] == pytest.approx(0.725)
    assert found["overlap.best_precision_method"] == "Mine"
    assert (found["overlap.dice_pairs"], found["overlap.dice_pairs_differ"]) == (1, 1)


def test_best_bias_is_the_nearest_to_zero_and_best_slope_the_nearest_to_one():
    found = numbers.agreement(agreement.volume_agreement(volumes()))
    assert found["agreement.best_slope_method"] == "Shifted"
    assert found["agreement.best_slope"] == pytest.approx(1)
    assert found["agreement.best_bias_method"] == "Near"
    assert found["agreement.best_ccc_method"] == "Near"


def population(n=6):
    people = table("participants", [(f"sub-{i}", "F", "RRMS", None, True) for i in range(n)])
    visits = table("sessions", [(f"sub-{i}", "ses-1", 40.0 + i, *[None] * 8, 0.0, None) for i in range(n)])
    icv = tables.check("intracranial", tables.empty("intracranial"))
    sample = sampling.reference_sample(people, visits, seed=1)
    return populations.population(people, visits, volumes(n), icv), sample


def test_populations_and_the_sample_are_counted():
    found, sample = population()
    given = numbers.population(found) | numbers.reference_sample(sample)
    assert given["population.n_cross_sectional"] == "6"
    assert given["population.n_longitudinal"] == "0"
    assert given["population.manual_all_mean_ml"] == pytest.approx(9.8)
    assert given["population.manual_pms_mean_ml"] is None
    assert given["cohort.n_frame"] == "0"


def every(n):
    found, sample = population(n)
    frames = numbers.population(found) | numbers.reference_sample(sample)
    return frames | of_overlap(overlap(n)) | numbers.agreement(agreement.volume_agreement(volumes(n)))


def test_numbers_of_a_few_people_are_kept_where_no_individuals_are_published(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)
    few = every(4)
    assert few["overlap.n"] == few["agreement.n"] == few["population.n_reference"] == "<5"
    values = {
        name: value for name, value in few.items() if name.endswith(("_ml", "_method")) or ".best_" in name
    }
    assert set(values.values()) == {None}


@pytest.mark.parametrize("n", [0, 1, 6])
def test_the_keys_are_the_same_for_any_cohort(n):
    empty = {
        **numbers.agreement(agreement.volume_agreement(tables.check("volumes", tables.empty("volumes")))),
        **of_overlap(tables.check("overlap", tables.empty("overlap"))),
    }
    given = every(n) if n else empty
    assert set(empty) <= set(given)
    assert all(value is None or isinstance(value, str | int | float) for value in given.values())
    assert not any(isinstance(value, float) and pd.isna(value) for value in given.values())


@pytest.mark.parametrize(("publishes", "people", "visits"), [(True, "3", "4"), (False, "<5", "<5")])
def test_few_people_of_a_private_cohort_are_not_counted_exactly(monkeypatch, publishes, people, visits):
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=publishes))
    found = numbers.cohort(pd.DataFrame(index=range(3)), pd.DataFrame(index=range(4)), pd.DataFrame())
    assert (found["cohort.n_participants"], found["cohort.n_real"]) == (people, people)
    assert found["cohort.n_sessions"] == visits


def test_first_volumes_are_of_first_visits_and_their_ratio_of_people_with_both_references():
    rows = [
        ("sub-1", "ses-1", "truth", None, None, 12.0, None, None), ("sub-1", "ses-1", "manual", None, "ann", 9.0, None, None),
        ("sub-2", "ses-1", "truth", None, None, 20.0, None, None), ("sub-2", "ses-2", "manual", None, "ann", 5.0, None, None),
    ]  # fmt: skip
    found = numbers.volumes(table("volumes", rows))
    assert found["volumes.truth_mean_ml"] == 16 and found["volumes.manual_mean_ml"] == 9
    assert found["volumes.manual_over_truth"] == 0.75


def registrations(passing: bool) -> pd.DataFrame:
    row = {
        "participant_id": "sub-1",
        "session_id": "ses-1",
        "cutoff": 0.7,
        "error_mm": 0.1,
        "error_max_mm": 0.2,
    }
    return pd.DataFrame(
        [
            row | {"image": "R1", "strategy": "sitk-mi", "selected": False},
            row | {"image": "R1", "strategy": "ants-rigid", "selected": passing},
            row | {"image": "FLAIR", "strategy": "sitk-mi-rigid", "selected": True},
        ]
    )


SHIFTED = pd.DataFrame(
    [(image, shift, value) for image in ("R1", "FLAIR") for shift, value in ((0, 0.9), (1, 0.8), (2, 0.6), (3, 0.2))],
    columns=["image", "shift_mm", "mutual_information"],
)  # fmt: skip


def test_images_are_counted_once_and_left_out_where_no_registration_passed():
    found = numbers.registration(registrations(passing=True), SHIFTED)
    assert (found["registration.n"], found["registration.n_excluded"]) == (2, 0)
    assert found["registration.caught_r1_mm"] == 2 and found["registration.caught_flair_mm"] == 2
    found = numbers.registration(registrations(passing=False), SHIFTED)
    assert (found["registration.n"], found["registration.n_excluded"]) == (2, 1)
    assert found["registration.caught_r1_mm"] is None, "there is no registration whose cut-off counts"


def test_no_shift_of_a_table_that_passes_everywhere_is_caught():
    lenient = registrations(passing=True).assign(cutoff=0.1)
    assert numbers.registration(lenient, SHIFTED)["registration.caught_r1_mm"] is None
    nothing = SHIFTED.iloc[:0]
    assert numbers.registration(lenient, nothing)["registration.caught_flair_mm"] is None


def test_partial_volume_is_what_all_voxels_have_beyond_the_pure_ones():
    kinds = {"pure": (60, -2.0, 1.0), "mixed": (20, 4.0, 6.0), "all": (80, -0.5, 3.0)}
    rows = [
        ("sub-0", "ses-1", name, "thalamus", kind, n, 0, 1.0, 0.8, bias, sd)
        for kind, (n, bias, sd) in kinds.items()
        for name in ("R1map", "PDmap")
    ]
    found = numbers.maps(table("map_accuracy", rows))
    assert found["maps.r1_bias_thalamus_percent"] == -2 and found["maps.r1_sd_thalamus_percent"] == 1
    assert found["maps.r1_bias_mixed_thalamus_percent"] == 4 and found["maps.mixed_thalamus_percent"] == 25
    assert (
        found["maps.r1_bias_added_thalamus_points"] == 1.5 and found["maps.r1_sd_added_thalamus_points"] == 2
    )
    assert (
        found["maps.r1_bias_white_matter_percent"] is None
        and found["maps.mixed_white_matter_percent"] is None
    )
    assert set(numbers.maps(table("map_accuracy", [])).values()) == {None}
