"""The planning page: costs of which the answer is known, and what is not measured is said."""

import pandas as pd
import pytest

from thalutils.report import performance_pages, plan_pages


def costs(stage: str, slices: bool, fixed: float, each: float, sessions=(2, 4), cohort="c") -> list[dict]:
    return [
        {
            "cohort": cohort, "people": n // 2, "sessions": n, "stage": stage, "slices": slices, "cpu_s": fixed + each * n,
            "peak_gb": 1.5, "disk_mb": 3.0 * n, "machine": "m",
        }
        for n in sessions
    ]  # fmt: skip


def test_totals_are_those_that_one_reckons_by_hand():
    found = pd.DataFrame(costs("maps", True, 10, 50) + costs("models", False, 100, 1))
    # 100 sessions are 50 jobs: 50 x 10 + 100 x 50 spread; 100 + 100 alone
    total = plan_pages.total(plan_pages.fitted(found), 100, 10)
    assert total["cpu_h"] == pytest.approx((5500 + 200) / 3600)
    assert total["hours"] == pytest.approx((550 + 200) / 3600)
    assert total["disk_gb"] == pytest.approx(0.6)


def test_more_cores_than_jobs_are_of_no_use():
    fit = plan_pages.fitted(pd.DataFrame(costs("maps", True, 0, 60)))
    assert plan_pages.total(fit, 8, 1000)["hours"] == pytest.approx(8 * 60 / 4 / 3600)


def test_one_measurement_has_no_fixed_part_and_noise_gives_no_negative_one():
    one = plan_pages.fitted(pd.DataFrame(costs("maps", True, 10, 5, sessions=(4,)))).iloc[0]
    assert (one["fixed_s"], one["session_s"]) == (0, pytest.approx(30 / 4))
    steep = plan_pages.fitted(pd.DataFrame(costs("maps", True, -10, 20))).iloc[0]
    assert steep["fixed_s"] == 0 and steep["session_s"] > 0
    falling = plan_pages.fitted(pd.DataFrame(costs("maps", True, 40, -2))).iloc[0]
    assert (falling["fixed_s"], falling["session_s"]) == (pytest.approx(34), 0)


def test_the_cohort_with_more_sessions_counts():
    few, many = costs("models", False, 5, 9), costs("models", False, 100, 1, (100, 600), "twin")
    assert plan_pages.fitted(pd.DataFrame(few + many)).iloc[0]["session_s"] == pytest.approx(1)


def test_the_stage_that_dominates_is_named():
    found = pd.DataFrame(costs("maps", True, 10, 5) + costs("masks", True, 0, 80))
    assert plan_pages.dominating(found).startswith(
        "masks takes the most of a session's time: 80.0 of 90.0 CPU seconds (89 %)"
    )


def test_what_is_not_measured_is_said(tmp_path):
    nothing = plan_pages.read(tmp_path, plan_pages.COSTS)
    for show in (plan_pages.by_stage, plan_pages.whole_study, plan_pages.planning, plan_pages.ways):
        assert plan_pages.NOTHING in show(nothing).data
    assert performance_pages.NO_FAULTS in performance_pages.faults(tmp_path).data
    assert performance_pages.NO_BOOKS in performance_pages.books(tmp_path).data


def test_faults_are_counted(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    row = {"seen": "<b>full</b>", "rerun": None, "machine": "m", "commit": "c", "date": "2026-01-01"}
    rows = [
        {"fault": "full", "tried": 6, "survived": 5} | row,
        {"fault": "killed", "tried": 20, "survived": 20} | row,
    ]
    pd.DataFrame(rows).to_csv(tmp_path / performance_pages.FAULTS, sep="\t", index=False, na_rep="n/a")
    shown = performance_pages.faults(tmp_path).data
    assert "25 of 26 faults were survived" in shown and "5 of 6" in shown and "<b>" not in shown


def test_a_book_says_how_long_each_turn_took(tmp_path):
    (tmp_path / "benchmarks").mkdir()
    row = {
        "cohorts": "mini",
        "stages": 26,
        "site_s": 30.2,
        "machine": "m, 1 thread each",
        "commit": "c",
        "date": "2026-01-01",
    }
    rows = [
        {"turn": "from nothing", "ran": 26, "run_s": 700.4} | row,
        {"turn": "again", "ran": 0, "run_s": 3.6} | row,
    ]
    pd.DataFrame(rows).to_csv(tmp_path / performance_pages.BOOKS, sep="\t", index=False)
    shown = performance_pages.books(tmp_path).data
    assert (
        "26 of 26" in shown
        and "0 of 26" in shown
        and "700" in shown
        and "Machine: m (commit c, 2026-01-01)" in shown
    )
