import numpy as np
import pandas as pd
import pytest
from plot_checks import drawn

from thalutils.report import residual_plots


def residuals(outcome="edss", n=20):
    fitted = np.arange(n, dtype=float)[::-1]
    residual = np.where(np.arange(n) % 2, fitted, -fitted)
    quantile = np.linspace(-2, 2, n)
    found = {"outcome": outcome, "method": "FIRST", "fitted": fitted, "residual": residual}
    return pd.DataFrame(found | {"standardised": residual / 10, "quantile": quantile})


def test_fifths_of_the_people_are_taken_by_fitted_value():
    parts = residual_plots.by_fitted(residuals())
    assert parts["fitted"].tolist() == [1.5, 5.5, 9.5, 13.5, 17.5]
    assert parts["sd"].iloc[0] == pytest.approx(np.std([0, -1, 2, -3], ddof=1))
    assert (parts["sd"].diff().dropna() > 0).all()


def test_ties_in_fitted_values_leave_no_fifth_empty():
    same = residuals().assign(fitted=1.0)
    assert len(residual_plots.by_fitted(same)) == residual_plots.PARTS


def test_qq_sets_residuals_against_quantiles_with_the_line_of_equality():
    both = pd.concat([residuals(), residuals("sdmt", 10)])
    fig = drawn(residual_plots.qq(both))
    first, second = fig.axes
    assert [ax.get_title() for ax in (first, second)] == ["EDSS (n = 20)", "SDMT (n = 10)"]
    assert first.collections[0].get_offsets()[0].tolist() == [-2, residuals()["standardised"].iloc[0]]
    x, y = first.lines[0].get_data()
    assert list(x) == list(y) == [-2, 2]


def test_spread_has_units_and_residuals_over_fitted_values():
    ax = drawn(residual_plots.spread(residuals(), {"edss": "points"})).axes[0]
    assert ax.get_ylabel() == "points"
    assert ax.collections[0].get_offsets()[0].tolist() == [19, -19]
