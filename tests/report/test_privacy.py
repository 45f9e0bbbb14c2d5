"""A private cohort's pages name nobody: not in tables, files behind links, figures, or what else a page shows."""

import base64
import re
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import matplotlib as mpl
import nbformat
import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_notebook, new_output
from plot_checks import table

from thalutils.report import (
    agreement_pages,
    cohort_pages,
    figures,
    imaging_pages,
    overlap_pages,
    pages,
    pictures,
    privacy,
    review_pages,
    tables,
    viewer,
)
from thalutils.stats import voxelwise

mpl.use("agg")

PEOPLE = [f"sub-{number:02}" for number in range(1, 9)]
ID = re.compile(r"sub-\d")
IMAGE = nib.Nifti1Image(np.pad(np.ones((4, 4, 4)), 4), np.eye(4))


def cohort(**words: object) -> SimpleNamespace:
    known = {"publishes_individuals": False, "path": Path("mine.yml"), "name": "mine", "kind": "scans"}
    return SimpleNamespace(**known | words)


@pytest.fixture
def private(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", cohort())


@pytest.fixture
def nobodys(monkeypatch):
    monkeypatch.setattr(privacy, "_page_of", None)


def everything(shown: object) -> str:
    """Return the text of what a page shows, with the text of every file that it carries."""
    html = "".join(one.data for one in shown) if isinstance(shown, list) else shown.data
    carried = re.findall(r"base64,([A-Za-z0-9+/=]+)", html)
    return html + "".join(base64.b64decode(found).decode(errors="ignore") for found in carried)


def exclusions() -> pd.DataFrame:
    rows = [
        (person, "ses-1", "2-4-acquisition", "FLAIR", f"{person}_FLAIR.nii.gz is broken.")
        for person in PEOPLE
    ]
    return table("exclusions", [*rows, ("sub-01", None, "2-1-cohort", None, "sub-01 has no folder.")])


def registration() -> pd.DataFrame:
    rows = [(p, "ses-1", "R1", "sitk-mi", 0.5, 0.4, None, True, True, 0.2, 0.3) for p in PEOPLE]
    return table("registration", rows)


def volumes() -> pd.DataFrame:
    rows = [
        (person, "ses-1", method, None, None, 12 + place / 4 + shift, 6.0, 6.0)
        for place, person in enumerate(PEOPLE)
        for method, shift in (("SAMSEG-T1", 1.0), ("manual", 0.0))
    ]
    return table("volumes", rows)


def overlap() -> pd.DataFrame:
    return table(
        "overlap", [(p, "ses-1", "SAMSEG-T1", "manual", None, 0.9, 0.8, 0.9, 1.5, 0.4) for p in PEOPLE]
    )


def containment() -> pd.DataFrame:
    pairs = [("SAMSEG-T1", "SAMSEG-T1", 1.0), ("SAMSEG-T1", "manual", 0.7)]
    return table("containment", [(person, "ses-1", *pair) for person in PEOPLE for pair in pairs])


def participants() -> pd.DataFrame:
    groups = ["HC"] * 3 + ["RRMS"] * 5
    return table(
        "participants", [(p, "F", group, "here", True) for p, group in zip(PEOPLE, groups, strict=True)]
    )


def sessions() -> pd.DataFrame:
    return table(
        "sessions", [(person, "ses-1", 41.5, 9.0, 2, 2.0, *[None] * 4, 50, 0, 0) for person in PEOPLE]
    )


PAGES = {
    "exclusions": lambda: imaging_pages.exclusions(exclusions()),
    "registration": lambda: tables.show(registration(), caption="Every registration."),
    "by person in the index": lambda: tables.show(registration().set_index("participant_id"), caption="T"),
    "volumes": lambda: tables.show(volumes(), caption="Every volume."),
    "participants": lambda: tables.show(participants(), caption="People."),
    "sessions": lambda: tables.show(sessions(), caption="Visits."),
    "a reason alone": lambda: tables.show(exclusions()[["stage", "reason"]], caption="Why"),
    "a caption": lambda: tables.show(pd.DataFrame({"n": [9]}), caption="Without sub-03"),
    "envelope": lambda: imaging_pages.envelope(registration().head(3)),
}
WHOLE = {
    "overlap table": lambda: overlap_pages.summary_table(voxelwise.overlap_summary(overlap()), "manual"),
    "boxes": lambda: overlap_pages.boxes(overlap(), "manual"),
    "containment": lambda: overlap_pages.containment(containment()),
    "volume dots": lambda: agreement_pages.volumes(volumes()),
    "scatter": lambda: agreement_pages.scatter(volumes(), "manual"),
    "bland-altman": lambda: agreement_pages.bland_altman(volumes(), "manual"),
    "registration plot": lambda: imaging_pages.registration_plot(registration()),
    "flow": lambda: cohort_pages.flow(participants(), sessions(), exclusions()),
    "groups": lambda: tables.show(cohort_pages.groups(participants(), sessions()), caption="Groups"),
}


@pytest.mark.parametrize("page", [*PAGES, *WHOLE])
def test_a_private_page_names_nobody(page, private):
    assert not ID.search(everything((PAGES | WHOLE)[page]()))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_was_not_opened_names_nobody(page, nobodys):
    assert not ID.search(everything(PAGES[page]()))


@pytest.mark.parametrize("page", PAGES)
def test_the_same_page_of_a_cohort_that_publishes_names_people(page):
    assert ID.search(everything(PAGES[page]()))


@pytest.mark.parametrize("page", WHOLE)
def test_what_names_nobody_is_shown(page, private):
    html = WHOLE[page]().data
    assert "thal-note" not in html
    assert "<table" in html or "<img" in html


def test_rows_of_people_become_counts_on_the_page_and_behind_the_link(private):
    html = tables.show(exclusions(), caption="What was left out.").data
    saved = pd.read_csv(
        StringIO(everything(SimpleNamespace(data=html))[len(html) :]), sep="\t", na_values="n/a"
    )
    assert list(saved) == ["stage", "method", "people", "rows"]
    assert saved["people"].tolist() == ["8", "<5"]
    assert saved["rows"].isna().tolist() == [False, True]
    assert "What was left out. Counts only: this cohort publishes no individual rows." in html


def test_a_small_group_is_suppressed_on_the_page_and_behind_the_link(private):
    shown = tables.show(cohort_pages.groups(participants(), sessions()), caption="Groups.")
    assert "&lt;5" in shown.data
    assert "HC\t<5\tn/a\tn/a" in everything(shown)
    assert "RRMS\t5\t5\t41.5" in everything(shown)
    assert "Groups of fewer than 5 people are left empty." in shown.data


def test_a_table_that_counts_nobody_but_is_of_a_few_is_withheld(private):
    few = tables.show(pd.DataFrame({"shift_mm": [1.0]}), caption="T", people=1).data
    assert "thal-note" in few
    assert "<table" in tables.show(pd.DataFrame({"shift_mm": [1.0]}), caption="T", people=5).data


def test_a_table_whose_counts_cannot_be_told_apart_is_withheld(private):
    wide = pd.DataFrame([[9, 3]], columns=pd.MultiIndex.from_tuples([("age", "n"), ("edss", "n")]))
    assert "thal-note" in tables.show(wide, caption="T").data
    assert "thal-note" in tables.show(pd.DataFrame([[9, 3]], columns=["n", "n"]), caption="T").data


def test_a_figure_with_statistics_of_a_few_is_left_out(private):
    few = volumes()[volumes()["participant_id"].isin(PEOPLE[:4])]
    assert agreement_pages.TOO_FEW in agreement_pages.bland_altman(few, "manual").data
    manual = (volumes()["method"] == "manual") & ~volumes()["participant_id"].isin(PEOPLE[:4])
    assert agreement_pages.TOO_FEW in agreement_pages.scatter(volumes()[~manual], "manual").data


def test_a_flow_keeps_totals_only(private):
    html = everything(cohort_pages.flow(participants().head(3), sessions(), exclusions()))
    assert "n = &lt;5" in html or "n = <5" in html
    assert "2-4-acquisition" not in html
    assert "in all: 9 from 8" in html
    assert "People listed: &lt;5" in html


@pytest.mark.parametrize("words", ["title", "caption", "alt"])
def test_a_figure_that_names_a_person_is_withheld(words, private):
    fig = Figure()
    fig.suptitle("sub-01" if words == "title" else "everyone")
    html = figures.figure(
        fig, caption="sub-01" if words == "caption" else "C", alt="of sub-01" if words == "alt" else "A"
    ).data
    assert "thal-note" in html
    assert not ID.search(html)


def test_pictures_of_scans_are_withheld_unless_the_scan_is_public(private):
    def shown(**words: object) -> str:
        return figures.figure(pictures.scan_sheet({"T1w": IMAGE}), caption="C", alt="A", **words).data

    assert "<img" not in shown()
    assert "<img" in shown(public=True)


def test_viewers_are_withheld_unless_the_scan_is_public(private):
    def shown(**words: object) -> str:
        return viewer.viewer(IMAGE, {"SAMSEG": IMAGE}, title="T", alt="A", **words).data

    assert "thal-viewer" not in shown()
    assert "thal-viewer" in shown(public=True)


@pytest.mark.parametrize(
    "page",
    [
        imaging_pages.scans, imaging_pages.quantitative_maps, imaging_pages.brain_sheet, imaging_pages.outlines,
        imaging_pages.mask_viewer, imaging_pages.brain_viewer, imaging_pages.rescaled_viewer,
        lambda study: review_pages.examples(study, "R1")[0],
    ],
)  # fmt: skip
def test_pages_of_one_persons_scans_say_how_to_see_them_and_read_none(page, private):
    html = page(None).data
    for words in ("publish_individuals: true", "mine.yml", "build/derivatives/mine"):
        assert words in html


def test_a_cohort_of_tables_has_no_images_to_point_to():
    assert "derivatives" not in privacy.withheld("This", cohort(kind="tables")).data


def test_opening_a_page_decides_for_all_that_follows(nobodys):
    with mpl.rc_context():
        assert not privacy.publishes()
        pages.begin(cohort(publishes_individuals=True))
        assert privacy.publishes()
        pages.begin(cohort())
        assert not privacy.publishes()


def notebook() -> nbformat.NotebookNode:
    frame = participants()
    svg = base64.b64encode(b"<svg><!-- sub-01 --></svg>").decode()
    outputs = [
        new_output(
            "execute_result", {"text/plain": repr(frame), "text/html": frame.to_html()}, execution_count=1
        ),
        new_output("stream", text="read sub-01_T1w.nii.gz\n"),
        new_output("display_data", {"text/html": f'<img src="data:image/svg+xml;base64,{svg}">'}),
        new_output("display_data", {"text/html": "<p>n = 8</p>"}),
    ]
    return new_notebook(cells=[new_code_cell("frame", outputs=outputs)])


def test_whatever_else_names_a_person_is_taken_from_an_executed_notebook():
    page = notebook()
    privacy.redact(page, cohort())
    shown = [output["data"]["text/html"] for output in page.cells[0].outputs]
    assert ["This output would show single people" in html for html in shown] == [True, True, True, False]
    assert not ID.search(nbformat.writes(page))
    nbformat.validate(page)


def test_a_notebook_of_a_cohort_that_publishes_stays_as_it_is():
    page = notebook()
    before = nbformat.writes(page)
    privacy.redact(page, cohort(publishes_individuals=True))
    assert nbformat.writes(page) == before
    assert ID.search(nbformat.writes(page))
