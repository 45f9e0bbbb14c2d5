import numpy as np
import pytest
import statsmodels.api as sm

from thalutils.stats.resampling import interval, partialled, resampled_counts, scatter

pytestmark = pytest.mark.filterwarnings("error")


def test_each_resample_has_as_many_of_each_stratum_as_there_are():
    strata = np.repeat([0, 1], [7, 13])
    counts = resampled_counts(strata, 200, seed=1)
    assert (counts[:, :7].sum(axis=1) == 7).all()
    assert (counts[:, 7:].sum(axis=1) == 13).all()
    assert counts.mean(axis=0) == pytest.approx(np.ones(20), abs=0.35)
    assert (counts == resampled_counts(strata, 200, seed=1)).all()
    assert (counts != resampled_counts(strata, 200, seed=2)).any()


def test_slopes_are_those_of_least_squares_on_the_people_drawn():
    rng = np.random.default_rng(4)
    n = 40
    groups = np.array(["a", "b", "c", "d"])[rng.integers(0, 4, n)]
    groups[:2] = "rare"  # absent from some resamples
    values = rng.normal(size=(n, 4))
    values[:, 0] += 0.5 * values[:, 1] + (groups == "b")
    values /= values.std(axis=0)
    counts = resampled_counts(np.zeros(n), 12, seed=0)
    outcome, predictor, product = partialled(scatter(counts, values, groups))
    assert (counts[:, :2].sum(axis=1) == 0).any()
    for draw in range(12):
        rows = np.repeat(np.arange(n), counts[draw].astype(int))
        dummies = (groups[rows, None] == np.unique(groups[rows])).astype(float)
        model = sm.OLS(values[rows, 0], np.column_stack([values[rows, 1:], dummies])).fit()
        reduced = sm.OLS(values[rows, 0], np.column_stack([values[rows, 2:], dummies])).fit()
        assert product[draw] / predictor[draw] == pytest.approx(model.params[0])
        explained = product[draw] ** 2 / (outcome[draw] * predictor[draw])
        assert explained == pytest.approx(1 - model.ssr / reduced.ssr)


def test_a_resample_without_spread_has_no_slope():
    values = np.array([[0.0, 1.0], [0.0, 2.0], [3.0, 2.0], [1.0, 5.0]])
    counts = np.array([[2.0, 2, 0, 0], [0, 2, 2, 0], [1, 1, 1, 1]])
    outcome, predictor, _ = partialled(scatter(counts, values / values.std(axis=0), np.zeros(4)))
    assert np.isnan(outcome).tolist() == [True, False, False]
    assert np.isnan(predictor).tolist() == [False, True, False]


def test_interval_passes_over_what_has_no_answer():
    assert list(interval(np.array([np.nan, np.inf, *range(101)]))) == [2.5, 97.5]
    assert np.isnan(interval(np.array([np.nan]))).all()
