import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.power import NormalIndPower

from thalutils.stats.resampling import resampled_counts
from thalutils.stats.trial import excess_interval, per_arm, resampled_moments, trial_size


def exactly(n, mean, sd, seed=0):
    """Return n numbers with exactly this mean and standard deviation."""
    values = np.random.default_rng(seed).normal(size=n)
    return mean + sd * (values - values.mean()) / values.std(ddof=1)


def changes(controls, **groups):
    """Return percentage changes by method A of controls and of groups of patients."""
    values = {"HC": controls} | groups
    rows = [(group, value) for group, numbers in values.items() for value in numbers]
    frame = pd.DataFrame(rows, columns=["group", "percent"])
    frame["participant_id"] = [f"sub-{place:03d}" for place in range(len(frame))]
    return frame.assign(method="A")


def size(frame, **settings):
    found = trial_size(frame, **{"slowings_percent": (50,), "powers": (0.8,), "resamples": 200} | settings)
    return found.to_dict("records")


@pytest.mark.parametrize("slowing", [0.3, 0.5])
@pytest.mark.parametrize("power", [0.8, 0.9])
@pytest.mark.parametrize(("excess", "sd"), [(-0.7, 2.0), (-0.4, 1.5)])
def test_people_per_arm_are_those_of_statsmodels(slowing, power, excess, sd):
    expected = NormalIndPower().solve_power(effect_size=slowing * -excess / sd, alpha=0.05, power=power)
    assert per_arm(excess, sd, slowing, power) == pytest.approx(expected, rel=1e-4)


def test_the_textbook_case():
    # Rosner, Fundamentals of Biostatistics, blood pressure and oral contraceptives: means 132.86 and 127.44
    # mmHg, standard deviations 15.34 and 18.23, power 80 %: 152 women in each group.
    sd = np.sqrt((15.34**2 + 18.23**2) / 2)
    frame = changes(exactly(8, 132.86, 15.34), RRMS=exactly(21, 127.44, sd))
    [row] = size(frame, slowings_percent=(100,))
    assert row["excess_percent"] == pytest.approx(-5.42)
    assert row["n_per_arm"] == 152


def test_a_row_for_each_slowing_and_power():
    found = trial_size(changes(exactly(20, 0, 1), RRMS=exactly(50, -1, 1)), resamples=50)
    assert found[["slowing_percent", "power"]].to_numpy().tolist() == [
        [30, 0.8],
        [30, 0.9],
        [50, 0.8],
        [50, 0.9],
    ]
    n = found["n_per_arm"].to_numpy()
    assert n[0] < n[1]
    assert n[0] > n[2]
    # half of the loss, power 80 %: effect 0.5 sd, 63 people as in every table
    assert n[2] == 63


def test_patients_are_those_with_ms_and_others_do_not_count():
    frame = changes(exactly(5, 0, 1), RRMS=[-1.0, -2.0], PMS=[-4.0], MS=[-3.0], NMOSD=[-50.0], CIS=[-60.0])
    [row] = size(frame)
    assert (row["n_patients"], row["n_controls"]) == (4, 5)
    assert row["excess_percent"] == pytest.approx(-2.5)
    assert row["sd_percent"] == pytest.approx(np.sqrt(5 / 3))
    [other] = size(frame, patients=("RRMS", "PMS"), controls=("NMOSD", "HC"))
    assert (other["n_patients"], other["n_controls"]) == (3, 6)


def test_the_interval_is_that_of_large_samples():
    n_ill, n_well, excess, sd = 300, 200, -1.0, 2.0
    frame = changes(exactly(n_well, 0.2, 1.5, 1), RRMS=exactly(n_ill, -0.8, sd, 2))
    [row] = size(frame, resamples=2000)
    error = np.sqrt(sd**2 / n_ill + 1.5**2 / n_well)
    assert row["excess_percent_low"] == pytest.approx(excess - 1.96 * error, abs=0.06 * error * 1.96)
    assert row["excess_percent_high"] == pytest.approx(excess + 1.96 * error, abs=0.06 * error * 1.96)
    for end in ("low", "high"):
        assert row[f"n_per_arm_{end}"] == np.ceil(per_arm(row[f"excess_percent_{end}"], sd, 0.5, 0.8))
    assert row["unbounded_share"] == 0
    assert row["n_per_arm_low"] < row["n_per_arm"] < row["n_per_arm_high"]


def test_the_interval_is_the_excess_and_the_distance_that_95_of_100_resamples_keep_to():
    rng = np.random.default_rng(8)
    ill, well = rng.normal(-1, 2, size=(12, 1)), rng.normal(0, 1, size=(4, 1))
    is_patient = np.arange(16) % 4 > 0
    times = resampled_counts(is_patient, 100, seed=9)

    def moments(a, b):
        return np.mean(a) - np.mean(b), np.sqrt(np.var(a, ddof=1) / len(a) + np.var(b, ddof=1) / len(b))

    excess, error = moments(ill, well)
    distances = []
    for drawn in times.astype(int):
        found, its_error = moments(
            np.repeat(ill, drawn[is_patient], axis=0), np.repeat(well, drawn[~is_patient], axis=0)
        )
        distances.append(abs(found - excess) / its_error)
    reach = sorted(distances)[94] * error
    _, low, high, _ = excess_interval(ill, well, times, is_patient)
    assert [low[0], high[0]] == pytest.approx([excess - reach, excess + reach])


@pytest.mark.filterwarnings("error")
def test_a_resample_without_any_spread_counts_as_the_farthest():
    ill, well = np.array([[-1.0], [-2.0], [-3.0]]), np.array([[0.0], [0.1], [0.2]])
    is_patient = np.arange(6) < 3
    alike, usual = [3, 0, 0, 0, 3, 0], [1, 1, 1, 1, 1, 1]
    for n_alike, bounded in ((1, True), (2, False)):
        times = np.array([alike] * n_alike + [usual] * (20 - n_alike), dtype=float)
        excess, low, high, _ = excess_interval(ill, well, times, is_patient)
        assert (np.isfinite(low[0]) and np.isfinite(high[0])) == bounded
        assert low[0] <= excess[0] <= high[0]


def test_few_controls_widen_the_interval_beyond_its_percentiles():
    """Seven controls of one distribution: percentiles would hold the truth in fewer than 90 studies of 100."""
    rng = np.random.default_rng(12)
    studies = 400
    ill, well = rng.normal(-1, 1.5, size=(60, studies)), rng.normal(0, 1.5, size=(7, studies))
    is_patient = np.arange(67) < 60
    times = resampled_counts(is_patient, 500, seed=3)
    _, low, high, drawn = excess_interval(ill, well, times, is_patient)
    percentiles = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert 0.93 < np.mean((low < -1) & (high > -1)) < 0.98
    assert np.mean((percentiles[0] < -1) & (percentiles[1] > -1)) < 0.91


@pytest.mark.parametrize("excess", [-0.2, 0.2])
def test_a_weak_excess_leaves_the_interval_open(excess):
    n_ill, n_well = 150, 40
    frame = changes(exactly(n_well, 0, 2, 3), RRMS=exactly(n_ill, excess, 2, 4))
    [row] = size(frame, resamples=2000)
    error = np.sqrt(4 / n_ill + 4 / n_well)
    assert row["unbounded_share"] == pytest.approx(stats.norm.cdf(excess / error), abs=0.04)
    assert row["excess_percent_high"] > 0
    assert np.isnan(row["n_per_arm_high"])
    assert row["n_per_arm_low"] > 0
    assert np.isnan(row["n_per_arm"]) == (excess > 0)
    assert ("no trial" if excess > 0 else "no upper end") in row["note"]


def test_the_same_people_are_drawn_for_every_method():
    frame = changes(exactly(7, 0, 2, 5), RRMS=exactly(40, -1, 2, 6))
    twice = pd.concat([frame, frame.assign(method="B", percent=3 * frame["percent"] + 1)])
    first, second = size(twice)
    # tripled and shifted changes need the same trial only if the same people were drawn
    for name in ("n_per_arm", "n_per_arm_low", "n_per_arm_high", "unbounded_share"):
        assert second[name] == pytest.approx(first[name], nan_ok=True)
    assert second["excess_percent_low"] == pytest.approx(3 * first["excess_percent_low"])


def test_means_and_spreads_are_those_of_the_people_drawn():
    values = np.array([[100.0, 1.0], [102.0, np.nan], [105.0, np.nan], [99.0, 4.0]])
    times = np.random.default_rng(2).multinomial(4, [0.25] * 4, size=30)
    means, spreads = resampled_moments(values, times)
    for row, drawn in enumerate(times):
        people = np.repeat(values, drawn, axis=0)
        assert means[row, 0] == pytest.approx(people[:, 0].mean())
        assert spreads[row, 0] == pytest.approx(people[:, 0].std(ddof=1), abs=1e-6)
        known = people[~np.isnan(people[:, 1]), 1]
        assert np.isnan(means[row, 1]) == (len(known) == 0)
        assert np.isnan(spreads[row, 1]) == (len(known) < 2)
        if len(known) > 1:
            assert spreads[row, 1] == pytest.approx(known.std(ddof=1), abs=1e-6)


def test_the_order_of_rows_and_a_second_run_change_nothing():
    frame = changes(exactly(7, 0, 2, 5), RRMS=exactly(40, -1, 2, 6))
    once, again = trial_size(frame), trial_size(frame.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(once, again)
    assert not once.equals(trial_size(frame, seed=1))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("frame", "note"),
    [
        (changes([0.1, 0.2], RRMS=[-1.0, -2.0, -3.0]), "2 people among controls"),
        (changes([], RRMS=[-1.0, -2.0, -3.0]), "Nobody among controls"),
        (changes([0.1, 0.2, 0.3], RRMS=[-1.0]), "1 person among patients"),
        (changes([0.1, 0.2, 0.3], NMOSD=[-1.0]), "Nobody among patients"),
        (changes([0.1, 0.2, 0.3], RRMS=[-1.0] * 4), "change alike"),
        (changes([0.1, 0.2, np.inf], RRMS=[-1.0, -2.0, np.nan, -3.0]), "2 people among controls"),
    ],
)
def test_too_few_people_have_a_note_and_no_size(frame, note):
    [row] = size(frame)
    assert note in row["note"]
    assert np.isnan(row["n_per_arm"])
    assert np.isnan(row["n_per_arm_low"])


@pytest.mark.filterwarnings("error")
def test_nobody_at_all_is_an_empty_table():
    assert size(changes([])) == []


@pytest.mark.filterwarnings("error")
def test_a_method_that_few_people_have_is_resampled_where_it_can_be():
    frame = changes(exactly(12, 0, 1), RRMS=exactly(12, -2, 1))
    rare = frame[frame["participant_id"].isin([f"sub-{place:03d}" for place in (0, 1, 2, 12, 13, 14)])]
    found = size(pd.concat([frame, rare.assign(method="B")]))
    assert [row["n_patients"] for row in found] == [12, 3]
    assert found[1]["n_per_arm_low"] <= found[1]["n_per_arm"]
