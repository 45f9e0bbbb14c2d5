import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.errors import TableError
from thalutils.schemas import SCHEMAS
from thalutils.stats.sampling import (
    OTHER,
    OUTSIDE,
    WHOLE,
    largest_remainder,
    reference_sample,
    standardised_differences,
    strata_table,
)


def table(name, frame):
    return tables.check(name, frame.reindex(columns=list(SCHEMAS[name].columns)))


def study(*rows):
    """Return people and their first visits, from rows of group, age, duration, EDSS and reference mask."""
    columns = ["group", "age_years", "disease_duration_years", "edss", "in_ground_truth"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["participant_id"] = [f"sub-{place:03d}" for place in range(len(frame))]
    frame["session_id"] = "ses-1"
    return table("participants", frame), table("sessions", frame)


def rrms(n_young, n_old):
    """Return a study of two strata and two people with PMS."""
    young = [("RRMS", 20 + 0.1 * i, 2.0, 0.0, False) for i in range(n_young)]
    old = [("RRMS", 60 + 0.1 * i, 30.0, 5.0, False) for i in range(n_old)]
    return study(*young, *old, ("PMS", 65.0, 20.0, 6.0, True), ("PMS", 55.0, np.nan, 6.0, True))


def test_largest_remainder_shares_seats_as_a_published_election():
    # Wikipedia, "Quota method" / "Largest remainder method": Hare quota, 10 seats.
    assert largest_remainder([47_000, 16_000, 15_900, 12_000, 6_000, 3_100], 10) == [5, 2, 1, 1, 1, 0]


def test_largest_remainder_knows_the_alabama_paradox():
    # A part may lose a place when there is one more to share: parts of 6, 6 and 2.
    assert largest_remainder([6, 6, 2], 10) == [4, 4, 2]
    assert largest_remainder([6, 6, 2], 11) == [5, 5, 1]


@pytest.mark.parametrize("n", [0, 1, 9, 30])
def test_no_stratum_gives_more_than_it_has(n):
    sizes = [1, 2, 7, 20]
    places = largest_remainder(sizes, n)
    assert sum(places) == n
    assert all(place <= size for place, size in zip(places, sizes, strict=True))


def test_bins_hold_their_lower_edge_and_the_last_both():
    people, visits = study(
        ("RRMS", 18.0, 0.0, 0.0, False),
        ("RRMS", 30.0, 5.0, 1.0, False),
        ("RRMS", 50.0, 20.0, 3.0, False),
        ("RRMS", 70.0, 40.0, 7.0, False),
        ("RRMS", 17.9, 40.0, 7.0, False),
        ("RRMS", 40.0, 40.1, 7.0, False),
        ("RRMS", 40.0, 4.0, np.nan, False),
        ("PMS", 40.0, 4.0, 6.0, False),
        ("HC", 40.0, np.nan, 0.0, False),
    )
    found = reference_sample(people, visits, seed=1, n=0)
    assert found["stratum"].tolist() == [
        "age 18-30, duration 0-5, EDSS 0-1", "age 30-50, duration 5-20, EDSS 1-3",
        "age 50-70, duration 20-40, EDSS 3-7", "age 50-70, duration 20-40, EDSS 3-7",
        OUTSIDE, OUTSIDE, OUTSIDE, WHOLE, OTHER,
    ]  # fmt: skip
    assert found["in_frame"].tolist() == [1, 1, 1, 1, 0, 0, 0, 0, 0]


def test_strata_are_drawn_in_proportion():
    found = reference_sample(*rrms(60, 20), seed=3, n=12)
    drawn = found[found["drawn"] == 1].groupby("stratum").size()
    assert drawn.tolist() == [9, 3]
    assert found.loc[found["stratum"] == WHOLE, "drawn"].sum() == 0
    assert found.loc[found["stratum"] == WHOLE, "in_ground_truth"].sum() == 2


def test_the_seed_decides_the_draw_and_the_order_of_rows_does_not():
    people, visits = rrms(40, 40)
    once = reference_sample(people, visits, seed=3)
    again = reference_sample(people.iloc[::-1], visits.sample(frac=1, random_state=0), seed=3)
    other = reference_sample(people, visits, seed=4)
    pd.testing.assert_frame_equal(once, again)
    assert once["drawn"].sum() == other["drawn"].sum() == 34
    assert not once["drawn"].equals(other["drawn"])


def test_everyone_of_a_stratum_is_equally_likely():
    people, visits = rrms(10, 10)
    draws = [reference_sample(people, visits, seed, n=10)["drawn"][:20] for seed in range(200)]
    # 200 draws of probability 1/2: standard deviation 0.035
    assert np.abs(np.mean(draws, axis=0) - 0.5).max() < 4 * 0.035


def test_a_small_frame_is_drawn_whole():
    found = reference_sample(*rrms(2, 1), seed=1)
    assert found["drawn"].sum() == 3


@pytest.mark.filterwarnings("error")
def test_an_empty_frame_draws_nobody():
    people, visits = study(("HC", 40.0, np.nan, 0.0, True))
    found = reference_sample(people, visits, seed=1)
    assert found[["stratum", "in_frame", "drawn"]].to_numpy().tolist() == [[OTHER, 0, 0]]
    assert standardised_differences(people, visits, found)["note"].str.startswith("Nobody").all()
    assert strata_table(people, visits, found)["share"].isna().all()


def test_only_the_first_visit_is_sampled():
    people, visits = rrms(1, 0)
    later = visits.assign(session_id="ses-2", age_years=90.0)
    found = reference_sample(people, pd.concat([later, visits]), seed=1)
    assert found["stratum"][0] == "age 18-30, duration 0-5, EDSS 0-1"
    assert len(found) == len(people)


def test_edges_that_do_not_ascend_are_refused():
    with pytest.raises(TableError, match="bins of edss .* ascending"):
        reference_sample(*rrms(1, 1), seed=1, edges={"edss": (0, 3, 1)})


def test_shares_of_each_margin():
    people, visits = study(
        ("RRMS", 20.0, 2.0, 0.0, True),
        ("RRMS", 25.0, 2.0, 2.0, False),
        ("RRMS", 60.0, 9.0, 2.0, False),
        ("RRMS", 60.0, 9.0, 2.0, False),
        ("RRMS", 80.0, 9.0, 2.0, True),
        ("PMS", 60.0, 9.0, 6.0, True),
    )
    sample = reference_sample(people, visits, seed=1, n=4)
    found = strata_table(people, visits, sample).set_index(["set", "variable", "category"])
    found = found.sort_index()
    assert found.loc["frame", "age_years"]["n"].to_dict() == {
        "age 18-30": 2, "age 30-50": 0, "age 50-70": 2, OUTSIDE: 0,
    }  # fmt: skip
    assert found.loc[("frame", "edss", "EDSS 1-3"), "share"] == 0.75
    assert found.loc["reference", "age_years"]["share"].tolist() == [0.5, 0.0, 0.0, 0.5]
    assert found.loc["sample"].equals(found.loc["frame"])


def test_standardised_difference_by_hand():
    ages = [20.0, 40.0, 60.0]
    people, visits = study(
        *[("RRMS", age, 2.0, 0.0, False) for age in ages],
        ("RRMS", 71.0, 2.0, 0.0, True),
        ("RRMS", 73.0, 2.0, 0.0, True),
    )
    found = standardised_differences(people, visits, reference_sample(people, visits, seed=1))
    found = found.set_index(["set", "variable"])
    # means 72 and 40, variances 2 and 400
    assert found.loc[("reference", "age_years"), "difference_std"] == pytest.approx(32 / np.sqrt(201))
    assert found.loc[("sample", "age_years"), "difference_std"] == 0
    assert "same value" in found.loc[("sample", "edss"), "note"]
    assert found.loc[("reference", "age_years"), ["n", "frame_n"]].tolist() == [2, 3]
