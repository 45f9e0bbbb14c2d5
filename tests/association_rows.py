"""Small tables of slopes, as the stages on associations make them, for the tests of their pages."""

from plot_checks import table

from thalutils.schemas import SCHEMAS


def filled(name, known):
    return table(name, [[row.get(column) for column in SCHEMAS[name].columns] for row in known])


def plain(text):
    """Return a text with spaces that may break in place of those that may not."""
    return text.replace("\N{NO-BREAK SPACE}", " ")


def slopes(*found, analysis="all", transform="none", note=None):
    """Return rows of ``associations``: outcome, method, slope and adjusted p; SE 0.1."""
    return filled(
        "associations",
        [
            {"analysis": analysis, "outcome": outcome, "method": method, "n": 40, "beta": beta, "se": 0.1,
             "beta_low": beta - 0.2, "beta_high": beta + 0.2, "p": p, "p_adjusted": p, "se_type": "nonrobust",
             "r2": 0.2, "transform": transform, "family": "2 tests: analysis all", "note": note}
            for outcome, method, beta, p in found
        ],
    )  # fmt: skip


def compared(*found, note=None):
    """Return rows of ``like_with_like``: design, outcome, method, slope, difference from FIRST."""
    return filled(
        "like_with_like",
        [
            {"design": design, "outcome": outcome, "method": method, "n": 40, "beta_std": slope,
             "beta_std_low": slope - 0.1, "beta_std_high": slope + 0.1, "difference_std": difference,
             "difference_std_low": difference - 0.2, "difference_std_high": difference + 0.2,
             "against": "FIRST", "note": note}
            for design, outcome, method, slope, difference in found
        ],
    )  # fmt: skip


def corrected(*found, reference="manual", note=None):
    """Return rows of ``error_corrected``: outcome, method, slope, attenuation."""
    return filled(
        "error_corrected",
        [
            {"outcome": outcome, "method": method, "reference": reference, "n": 40, "n_calibration": 20,
             "beta": beta, "beta_low": beta - 1, "beta_high": beta + 1, "attenuation": ratio,
             "attenuation_low": ratio - 0.1, "attenuation_high": ratio + 0.1, "beta_corrected": beta / ratio,
             "beta_corrected_low": beta / ratio - 1, "beta_corrected_high": beta / ratio + 1, "note": note}
            for outcome, method, beta, ratio in found
        ],
    )  # fmt: skip


def specifications(*found):
    """Return rows of ``specification_curve``: method, subset, covariates, winsor, SE type, n, slope, p."""
    return filled(
        "specification_curve",
        [
            {"outcome": "edss", "method": method, "subset": subset, "covariates": covariates, "winsor": winsor,
             "se_type": se_type, "n": n, "beta": beta, "beta_low": beta - 0.3, "beta_high": beta + 0.3, "p": p}
            for method, subset, covariates, winsor, se_type, n, beta, p in found
        ],
    )  # fmt: skip
