"""What a page says of review by eye, of a public and of a private cohort."""

import pytest

from thalutils.imaging.reviewed import of_visit
from thalutils.report import privacy, review_pages


@pytest.fixture
def cohort(make_dataset):
    found = make_dataset(visits=["ses-01"])
    yield found
    privacy.open_for(None)


def test_without_a_sheet_it_says_so(cohort):
    assert "no sheet of R1 or FLAIR" in review_pages.where(cohort, "R1", "FLAIR").data


def test_a_private_page_tells_where_sheets_lie_and_nobodys_name(cohort):
    found = [one for person in ("sub-01", "sub-02") for one in of_visit(person, "ses-01", "R1", "FLAIR")]
    cohort.review.mkdir(parents=True)
    for one in found:
        (cohort.review / f"{one.code}.jpg").touch()
    cohort.blinded_verdicts.write_text(f"code\tverdict\n{found[0].code}\tfail\n{found[1].code}\t\n")
    privacy.open_for(cohort)
    html = review_pages.where(cohort, "R1", "FLAIR").data
    for words in (
        f"{len(found)} sheets",
        "build/derivatives/tiny/review/index.html",
        "cohorts/tiny.review.tsv",
    ):
        assert words in html
    assert not privacy.names_someone(html)
    assert "<img" not in html
    assert "&lt;5 of them have a verdict" in html  # few are not counted out
    privacy.open_for(None)
