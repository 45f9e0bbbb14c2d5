import numpy as np
import pandas as pd
import pytest
from scipy import stats

from thalutils.simulate import coverage
from thalutils.simulate.twin_calibration import MEASURED, calibrate
from thalutils.simulate.twin_people import NAMES
from thalutils.simulate.twin_study import draw
from thalutils.stats import coefficients, regression, trial

STUDIES = 3
METHOD = "DBSegment"
# A change of the model that matters moves the truth by more than this many of its standard errors.
MOST_ERRORS = 6


@pytest.fixture(scope="module")
def seen():
    return draw(calibrate(coverage.SWITCH), STUDIES, 7)


@pytest.fixture(scope="module")
def found(seen):
    return coverage.intervals(seen, METHOD)


@pytest.fixture(scope="module")
def kept():
    return coverage.read()


def in_study(seen, study):
    """Return one study's people as a frame: a row a person, as the models of the project take it."""
    sizes, later = seen.sizes[METHOD][study], seen.sizes_later[METHOD][study]
    return pd.DataFrame({
        "participant_id": [f"sub-{i:03d}" for i in range(sizes.size)], "method": METHOD, "group": NAMES[seen.people["group"][study]],
        "reference": seen.reference[study], "followed": seen.people["followed"][study], "volume_ml": sizes,
        "manual_ml": seen.sizes["manual"][study], "delta_ml": later - sizes, "percent": 100 * (later / sizes - 1),
        "pbvc_percent": seen.pbvc_percent[study], "age_years": seen.people["age_years"][study],
        "sex": np.where(seen.people["male"][study], "M", "F"), "icv_z": seen.people["icv_z"][study],
        "edss": seen.scores["edss"][study], "sdmt": seen.scores["sdmt"][study],
        "delta_edss": seen.scores_later["edss"][study] - seen.scores["edss"][study],
        "steroids_since_last": seen.people["steroids"][study].astype(float),
        "interval_years": seen.people["interval_years"][study],
    })  # fmt: skip


def expected(seen, study, name):
    """Return n, estimate and interval of one statistic by the project's own functions."""
    frame = in_study(seen, study)
    drawn, followed = frame[frame["reference"]], frame[frame["followed"]]
    both = drawn["volume_ml"].to_numpy(), drawn["manual_ml"].to_numpy()
    single = {
        "ccc": coefficients.concordance, "icc3": coefficients.icc, "slope": coefficients.least_squares,
        "bias": coefficients.bland_altman, "loa_lower": coefficients.bland_altman,
        "loa_upper": coefficients.bland_altman, "ba_slope": coefficients.bland_altman,
    }  # fmt: skip
    if name in single:
        row = single[name](*both)
        return len(drawn), row[name], row[f"{name}_low"], row[f"{name}_high"]
    if name == "brain_r":
        r = stats.pearsonr(followed["percent"], followed["pbvc_percent"])
        return len(followed), r.statistic, *r.confidence_interval(0.95)
    if name == "excess":
        row = trial.trial_size(followed).iloc[0]
        names = ("excess_percent", "excess_percent_low", "excess_percent_high")
        return row["n_patients"] + row["n_controls"], *row[list(names)]
    people = ("age_years", "sex", "icv_z")
    year = (*people, "steroids_since_last", "interval_years")
    rows, outcome, predictor, covariates, se_type = {
        "edss_beta": (frame, "edss", "volume_ml", people, "HC3"),
        "sdmt_beta": (frame, "sdmt", "volume_ml", people, "nonrobust"),
        "delta_edss_beta": (followed, "delta_edss", "delta_ml", year, "HC3"),
        "delta_edss_beta_ols": (followed, "delta_edss", "delta_ml", year, "nonrobust"),
    }[name]
    row = regression.fit(rows, outcome, predictor, covariates, se_type)
    return row["n"], row["beta"], row["beta_low"], row["beta_high"]


@pytest.mark.parametrize("name", coverage.STATISTICS)
@pytest.mark.parametrize("study", range(STUDIES))
def test_many_studies_at_once_give_what_the_projects_functions_give_one_by_one(seen, found, name, study):
    n, interval = found[name]
    wanted = expected(seen, study, name)
    assert n == wanted[0]
    assert interval[0][study] == pytest.approx(wanted[1], rel=1e-9)
    assert [interval[1][study], interval[2][study]] == pytest.approx(list(wanted[2:]), rel=1e-9, abs=1e-9)


def test_every_statistic_is_of_as_many_people_as_the_paper_reports(found):
    sizes = {name: n for name, (n, _) in found.items()}
    assert [sizes[name] for name in ("edss_beta", "sdmt_beta", "delta_edss_beta")] == [309, 312, 221]
    assert [sizes[name] for name in ("ccc", "brain_r", "excess")] == [50, 234, 183]


def test_dealing_keeps_the_people_and_leaves_only_the_studies_to_chance(seen, found):
    dealt = coverage.intervals(seen, METHOD, deal=1)
    bias, mixed = found["bias"][1][0], dealt["bias"][1][0]
    assert mixed.mean() == pytest.approx(bias.mean(), rel=1e-12)
    assert not np.allclose(mixed, bias)


def test_columns_of_dealt_people_stay_with_them(seen):
    """Were columns dealt apart, volume would no longer go with the outcome."""
    dealt = coverage.intervals(seen, "FIRST", deal=1)
    assert dealt["brain_r"][1][0].min() > 0.3
    assert dealt["slope"][1][0].min() > 0.4


def test_the_truth_is_that_of_all_people_as_one_sample(seen, monkeypatch):
    monkeypatch.setattr(coverage, "_batches", lambda studies, seed: iter([seen, seen]))
    truth = coverage._truth(2)
    volume, reference = seen.sizes[METHOD][seen.reference], seen.sizes["manual"][seen.reference]
    assert truth["bias", METHOD] == pytest.approx((volume - reference).mean())
    wanted = coefficients.concordance(np.tile(volume, 2), np.tile(reference, 2))["ccc"]
    assert truth["ccc", METHOD] == pytest.approx(wanted)


@pytest.mark.parametrize(("held", "verdict"), [(1900, "holds"), (1700, "too narrow"), (1990, "too wide")])
def test_a_verdict_allows_for_the_number_of_draws(held, verdict):
    many = np.arange(2000) < held
    nominal, share, low, high, dealt, draws, said = coverage._counted(many, many)
    assert (nominal, share, dealt, draws, said) == (0.95, held / 2000, held / 2000, 2000, verdict)
    assert low < share < high


def test_a_few_draws_make_the_whole_table(tmp_path):
    coverage.write(tmp_path, draws=20, truth_studies=20)
    written = pd.read_csv(tmp_path / coverage.DATA, sep="\t")
    assert list(written.columns) == list(coverage.COLUMNS)
    assert len(written) == len(coverage.STATISTICS) * len(MEASURED)
    assert (written["draws"] == 20).all()
    assert written["coverage"].between(0.5, 1).all()
    assert "20 studies of the twin" in (tmp_path / "coverage.json").read_text(encoding="utf-8")


def test_the_kept_table_is_complete_and_of_the_study_size(kept):
    assert list(kept.columns) == list(coverage.COLUMNS)
    keys = list(zip(kept["statistic"], kept["method"], strict=True))
    assert keys == [(name, method) for name in coverage.STATISTICS for method in MEASURED]
    assert (kept["draws"] == coverage.DRAWS).all()


def test_the_kept_truth_is_that_of_the_model_as_it_is_now(kept):
    """Where the model has changed: python -m thalutils.simulate.coverage."""
    studies = 100
    fresh = draw(calibrate(coverage.SWITCH), studies, 11)
    for method, mine in kept.groupby("method"):
        now = coverage.intervals(fresh, method, resamples=1)
        for row in mine.itertuples():
            estimates = now[row.statistic][1][0]
            error = estimates.std(ddof=1) / np.sqrt(studies)
            assert abs(estimates.mean() - row.truth) < MOST_ERRORS * error, (row.statistic, method)


def test_the_kept_table_says_what_the_page_on_the_model_says(kept):
    verdicts = kept.groupby("statistic")["verdict"].agg(set)
    assert verdicts["ccc"] == verdicts["delta_edss_beta"] == verdicts["edss_beta"] == {"holds"}
    assert verdicts["delta_edss_beta_ols"] == {"too narrow"}
    assert kept.query("statistic == 'excess'")["coverage"].between(0.94, 0.965).all()
    keyed = kept.set_index(["statistic", "method"])
    assert keyed.loc[("brain_r", "MindGlide-T1"), "verdict"] == "too narrow"
    excess = [keyed.loc[("excess", method), "verdict"] for method in MEASURED]
    assert excess == ["holds", "holds", "too wide"]
    dealt = {
        row.Index: coverage.wilson(round(row.dealt * row.draws), row.draws) for row in keyed.itertuples()
    }
    for name in ("bias", "ccc"):
        assert all(dealt[name, method][0] < 0.95 < dealt[name, method][1] for method in MEASURED)
    assert verdicts["bias"] == {"too wide"}
    for key in (("icc3", "DBSegment"), ("ba_slope", "MindGlide-T1")):
        assert dealt[key][0] > 0.95
        assert keyed.loc[key, "verdict"] == "too wide"
