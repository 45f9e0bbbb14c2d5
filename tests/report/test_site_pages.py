"""The page on sites: what stands in it, and that a shift between sites is undone by both remedies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from thalutils import tables
from thalutils.report import privacy, site_pages

PER_SITE, SHIFT_ML, SLOPE = 60, 4.0, 3.0


@pytest.fixture
def read():
    """Participants, visits, volumes and intracranial volumes of two sites; the second draws 4 mL more."""
    rng = np.random.default_rng(8)
    n = 2 * PER_SITE
    ids = [f"sub-{number:03}" for number in range(n)]
    second = np.arange(n) % 2 == 1
    true = rng.normal(13, 1.2, n)
    people = pd.DataFrame({
        "participant_id": ids, "sex": rng.choice(["F", "M"], n), "group": rng.choice(["RRMS", "HC"], n),
        "site": np.where(second, "Ulm", "Kiel"), "in_ground_truth": False,
    })  # fmt: skip
    visits = tables.empty("sessions").reindex(range(n))
    visits = visits.assign(participant_id=ids, session_id="ses-01", age_years=rng.uniform(20, 60, n))
    visits["sdmt"] = np.clip((45 + SLOPE * (true - 13) + rng.normal(0, 2, n)).round(), 0, 110)
    drawn = true + rng.normal(0, 0.2, n) + SHIFT_ML * second
    volumes = pd.DataFrame({
        "participant_id": ids, "session_id": "ses-01", "method": "FIRST", "preset": None, "rater": None,
        "volume_ml": drawn, "left_ml": drawn / 2, "right_ml": drawn / 2,
    })  # fmt: skip
    icv = pd.DataFrame({"participant_id": ids, "icv_ml": rng.normal(1500, 90, n), "source": "deepbet"})
    return [people, visits, volumes, icv]


def test_a_shift_between_sites_is_undone_by_a_covariate_and_by_harmonisation(read):
    _, _, slopes = site_pages.compare(read)
    found = slopes[slopes["outcome"] == "sdmt"].set_index("treatment")["beta"]
    assert found["covariate"] == pytest.approx(SLOPE, abs=0.4)
    assert found["harmonised"] == pytest.approx(SLOPE, abs=0.4)
    assert found["nothing"] < SLOPE / 2


def test_the_figure_has_first_visits_raw_and_harmonised(read, monkeypatch):
    later = read[2].assign(session_id="ses-02", volume_ml=99.0)
    read[2] = pd.concat([later, read[2]], ignore_index=True)
    frame, harmonised, _ = site_pages.compare(read)
    seen = []
    draw = site_pages.site_plots.boxes
    monkeypatch.setattr(site_pages.site_plots, "boxes", lambda both: seen.append(both) or draw(both))
    html = site_pages.volumes(frame, harmonised).data
    assert "raw and harmonised" in html and 'alt="Boxes of volumes by site and method' in html
    (both,) = seen
    assert both.groupby(["state", "site"]).size().to_dict() == {
        (state, site): PER_SITE for state in ("raw", "harmonised") for site in ("Kiel", "Ulm")
    }
    assert both["volume_ml"].max() < 30  # none of the second visit's
    middle = both.groupby(["state", "site"])["volume_ml"].median()
    assert middle["raw", "Ulm"] - middle["raw", "Kiel"] == pytest.approx(SHIFT_ML, abs=0.6)
    assert abs(middle["harmonised", "Ulm"] - middle["harmonised", "Kiel"]) < 0.6


def test_sites_of_few_people_stand_in_no_figure_of_a_private_cohort(read):
    frame, harmonised, _ = site_pages.compare(read)
    few = frame["participant_id"].isin(frame["participant_id"][:8])
    privacy.open_for(None)
    kept = replace(harmonised, volumes=harmonised.volumes.merge(frame.loc[few, ["participant_id"]]))
    assert "Fewer than five people of each site" in site_pages.volumes(frame[few], kept).data


def test_one_site_says_what_would_make_the_page(read):
    read[0] = read[0].assign(site="Kiel")
    frame, harmonised, slopes = site_pages.compare(read)
    assert "of one site" in site_pages.slopes(slopes).data
    assert "nothing was harmonised" in site_pages.volumes(frame, harmonised).data


def test_outcomes_that_nobody_has_leave_no_rows_of_nothing(read):
    _, _, slopes = site_pages.compare(read)
    html = site_pages.slopes(slopes).data
    assert html.count("<td>sdmt</td>") == 3 and "<td>edss</td>" not in html
    assert "No model of EDSS, T25FW, 9HPT, Disease duration could be fitted." in html
    read[1]["sdmt"] = np.nan
    assert "No model could be fitted here" in site_pages.slopes(site_pages.compare(read)[2]).data
