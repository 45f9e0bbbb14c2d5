"""Pages under test show everything, but where a test opens them for another cohort."""

from types import SimpleNamespace

import pytest

from thalutils.report import privacy


@pytest.fixture(autouse=True)
def publishing_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Open the page of a cohort that publishes individual rows, and close it after the test."""
    monkeypatch.setattr(privacy, "_page_of", SimpleNamespace(publishes_individuals=True))
