import numpy as np
from association_rows import slopes

from thalutils.report import association_numbers
from thalutils.stats.assumptions import assumptions


def checks(*found):
    empty = assumptions([], "longitudinal")
    columns = ["analysis", "skewness", "warning"]
    return empty.reindex(range(len(found))).assign(
        **dict(zip(columns, zip(*found, strict=True), strict=True))
    )


def test_slopes_are_counted_by_analysis_and_edss_apart():
    found = slopes(("edss", "FIRST", 0.5, 0.01), ("edss", "Mine", -0.5, 0.2), ("sdmt", "FIRST", 1.0, 0.04),
                   ("sdmt", "Mine", np.nan, np.nan))  # fmt: skip
    numbers = association_numbers.longitudinal(
        found, checks(("all", 0.1, "x"), ("all", 0.1, None), ("RRMS", 0.1, "x"))
    )
    assert numbers["longitudinal.all.n_tests"] == 3
    assert numbers["longitudinal.all.n_significant"] == 2
    assert numbers["longitudinal.all.edss.n_tests"] == 2
    assert numbers["longitudinal.all.edss.n_positive"] == 1
    assert numbers["longitudinal.all.edss.n_significant"] == 1
    assert numbers["longitudinal.winsor-1-99.edss.n_tests"] is None
    assert numbers["longitudinal.all.n_warnings"] == 1
    assert numbers["longitudinal.all.n_models"] == 2


def test_every_cohort_has_the_same_keys_and_nothing_is_counted_where_nothing_could_be_fitted():
    unfitted = slopes(("edss", "FIRST", np.nan, np.nan))
    none = association_numbers.associations(unfitted, checks(("all", np.nan, "few people")))
    some = association_numbers.associations(slopes(("edss", "FIRST", 0.5, 0.5)), checks(("all", 0.1, None)))
    assert list(none) == list(some)
    assert set(none.values()) == {None}
    assert some["associations.all.n_significant"] == 0
    assert some["associations.all.n_warnings"] == 0
