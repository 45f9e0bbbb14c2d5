"""One intracranial volume a person, or none."""

import pandas as pd

from thalutils.stats import frames


def test_the_source_that_most_people_have_is_taken():
    rows = [
        ("sub-01", None, "FreeSurfer"),
        ("sub-02", 1500.0, "FreeSurfer"),
        ("sub-01", 1400.0, "deepbet"),
        ("sub-02", 1510.0, "deepbet"),
    ]
    table = pd.DataFrame(rows, columns=["participant_id", "icv_ml", "source"])
    assert frames.intracranial(table).to_numpy().tolist() == [["sub-01", 1400.0], ["sub-02", 1510.0]]


def test_people_whose_intracranial_volume_nobody_knows_have_none():
    """Of a few people it happens that every row is empty; the choice of a source then failed on nothing."""
    table = pd.DataFrame({"participant_id": ["sub-01"], "icv_ml": [float("nan")], "source": ["deepbet"]})
    assert frames.intracranial(table).empty
