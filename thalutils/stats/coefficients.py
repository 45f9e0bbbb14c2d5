"""How well two series of volumes of the same people agree: one function a coefficient (section 2.7.3).

Every function takes the method's volumes first and the reference's second, in mL and in the same order
of people, and returns its numbers under the names that the table ``volume_agreement`` has for them.
Intervals are 95 % intervals.
"""

import numpy as np
from scipy import stats
from statsmodels.regression.linear_model import OLS
from statsmodels.tools import add_constant

from thalutils.errors import TableError

# With two people a line passes through both and the limits have one degree of freedom.
FEWEST = 3
LIMITS_SD = 1.96
CONFIDENCE = 0.975
# Below this share of the whole, what is left of a variance is rounding.
TINY = 1e-12


def concordance(volume: np.ndarray, reference: np.ndarray, ddof: int = 1) -> dict[str, float]:
    """Measure how close pairs lie to the line of identity, by Lin's concordance correlation coefficient.

    ``2 S_xy / (S_x² + S_y² + (mean x - mean y)²)``: 1 where every pair is equal, 0 where a pair tells
    nothing. A constant difference, a slope other than 1 and scatter all lower it.

    Parameters
    ----------
    volume, reference : ndarray, shape (n,)
        Volumes of the method and the reference.
    ddof : int
        What is taken from n where S is averaged. The paper's equation 4 has sample variances, n - 1.
        Lin (1989) and R's ``epiR::epi.ccc`` divide by n, ``ddof=0``, which gives less by no more than
        1 / 4n: 0.005 in 50 people.

    Returns
    -------
    dict
        ``ccc``, ``ccc_low`` and ``ccc_high``. The interval is normal after Fisher's z, so it is rough in
        a few people; it is missing where all pairs are equal.

    Raises
    ------
    TableError
        Where there are fewer than three pairs or a series is constant.

    Notes
    -----
    Coefficient and asymptotic variance: Lin, Biometrics 1989; 45: 255-268, the variance with the
    misprints mended that Lin lists in Biometrics 2000; 56: 324-325.

    Examples
    --------
    >>> print(round(concordance(np.array([2.0, 3.0, 4.0]), np.array([1.0, 2.0, 3.0]))["ccc"], 4))
    0.6667
    """
    volume, reference = _paired(volume, reference)
    n = len(volume)
    (s_yy, s_xy), (_, s_xx) = np.cov(volume, reference, ddof=ddof)
    shift = (volume.mean() - reference.mean()) ** 2 / np.sqrt(s_xx * s_yy)
    r = s_xy / np.sqrt(s_xx * s_yy)
    accuracy = 2 / (np.sqrt(s_yy / s_xx) + np.sqrt(s_xx / s_yy) + shift)
    ccc = r * accuracy
    found = {"ccc": ccc, "ccc_low": np.nan, "ccc_high": np.nan}
    if 1 - abs(ccc) < TINY:
        return found
    variance = (
        (1 - r**2) * accuracy**2 * (1 - ccc**2)
        + 2 * ccc**2 * accuracy * (1 - ccc) * shift
        - ccc**2 * accuracy**2 * shift**2 / 2
    ) / (n - 2)
    reach = stats.norm.ppf(CONFIDENCE) * np.sqrt(max(variance, 0)) / (1 - ccc**2)
    low, high = np.tanh(np.arctanh(ccc) + np.array([-reach, reach]))
    return found | {"ccc_low": low, "ccc_high": high}


def icc(*raters: np.ndarray) -> dict[str, float]:
    """Measure the reliability of one measurement, by two intraclass correlations of single measures.

    ICC(C,1), which the paper reports as ICC(3,1), forgives a rater who is off by the same amount for
    everyone; ICC(A,1), absolute agreement, does not.

    Parameters
    ----------
    *raters : ndarray, shape (n,)
        Volumes by each rater, two or more, such as a method and a reference. Their order is of no matter.

    Returns
    -------
    dict
        ``icc3`` and ``icc_a1``, each with ``_low`` and ``_high``. The interval of ICC(C,1) is exact and
        that of ICC(A,1) has Satterthwaite's degrees of freedom. Both are missing where raters differ by
        constants alone, that of ICC(A,1) also where a negative estimate leaves it one degree or less.

    Raises
    ------
    TableError
        Where there are fewer than three people or two raters, or a rater gives everyone the same volume.

    Notes
    -----
    Shrout and Fleiss, Psychol. Bull. 1979; 86: 420-428, as ICC(3,1) and ICC(2,1); intervals and names:
    McGraw and Wong, Psychol. Methods 1996; 1: 30-46. The same as ``psych::ICC`` in R, and as pingouin's
    ``intraclass_corr``, whose intervals are rounded to two digits.
    """
    if len(raters) < 2:
        raise TableError("There is one rater; an intraclass correlation takes two or more.")
    ratings = np.column_stack(_paired(*raters))
    n, k = ratings.shape
    people = ratings.mean(axis=1, keepdims=True)
    means = ratings.mean(axis=0, keepdims=True)
    ms_people = k * people.var(ddof=1)
    ms_raters = n * means.var(ddof=1)
    free = (n - 1) * (k - 1)
    ms_error = ((ratings - people - means + ratings.mean()) ** 2).sum() / free
    consistency = (ms_people - ms_error) / (ms_people + (k - 1) * ms_error)
    absolute = (ms_people - ms_error) / (
        ms_people + (k - 1) * ms_error + k * (ms_raters - ms_error) / n
    )  # fmt: skip
    found = {"icc3": consistency, "icc3_low": np.nan, "icc3_high": np.nan}
    found |= {"icc_a1": absolute, "icc_a1_low": np.nan, "icc_a1_high": np.nan}
    if ms_error <= TINY * ms_people:
        return found
    f = ms_people / ms_error
    low, high = f / stats.f.ppf(CONFIDENCE, n - 1, free), f * stats.f.ppf(CONFIDENCE, free, n - 1)
    found |= {"icc3_low": (low - 1) / (low + k - 1), "icc3_high": (high - 1) / (high + k - 1)}

    rest = n * (1 + (k - 1) * absolute) - k * absolute
    share = k * absolute * ms_raters / ms_error
    over, under = free * (share + rest) ** 2, (n - 1) * share**2 + rest**2
    if over <= under:
        return found
    satterthwaite = over / under
    below = stats.f.ppf(CONFIDENCE, n - 1, satterthwaite)
    above = stats.f.ppf(CONFIDENCE, satterthwaite, n - 1)
    noise = k * ms_raters + (k * n - k - n) * ms_error
    return found | {
        "icc_a1_low": n * (ms_people - below * ms_error) / (below * noise + n * ms_people),
        "icc_a1_high": n * (above * ms_people - ms_error) / (noise + n * above * ms_people),
    }


def least_squares(volume: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Fit the method's volume on the reference's by ordinary least squares.

    A slope of 1 keeps the span between small and large thalami; below 1 the method draws them more
    alike than they are, or the reference has error of its own.

    Returns
    -------
    dict
        ``slope`` with ``slope_low`` and ``slope_high``, ``intercept_ml``, and ``residual_sd_ml`` over
        n - 2 degrees of freedom.

    Raises
    ------
    TableError
        Where there are fewer than three pairs or a series is constant.
    """
    volume, reference = _paired(volume, reference)
    fit = OLS(volume, add_constant(reference)).fit()
    intercept, slope = fit.params
    low, high = fit.conf_int()[1]
    return {
        "slope": slope, "slope_low": low, "slope_high": high,
        "intercept_ml": intercept, "residual_sd_ml": np.sqrt(fit.mse_resid),
    }  # fmt: skip


def deming(volume: np.ndarray, reference: np.ndarray, error_ratio: float = 1.0) -> dict[str, float]:
    """Fit the method's volume on the reference's where both are measured with error.

    Parameters
    ----------
    volume, reference : ndarray, shape (n,)
        Volumes of the method and the reference.
    error_ratio : float
        Variance of the method's error over that of the reference's. At 1 the line is orthogonal
        regression; the larger it is, the nearer the line comes to least squares of method on reference.

    Returns
    -------
    dict
        ``deming_slope``, ``deming_slope_low`` and ``deming_slope_high``: the slope ± t with n - 2 degrees
        of freedom times the standard error of its jackknife. The slope is missing where volumes are
        uncorrelated and the line would stand upright, the interval where leaving a person out makes it so.

    Raises
    ------
    TableError
        Where there are fewer than three pairs, a series is constant or `error_ratio` is not positive.

    Notes
    -----
    Slope: Deming, Statistical Adjustment of Data, 1943; jackknife: Linnet, Clin. Chem. 1993; 39: 424-432.

    Examples
    --------
    >>> line = deming(np.array([1.0, 3.0, 5.0]), np.array([0.0, 1.0, 2.0]))
    >>> round(line["deming_slope"], 6)
    2.0
    """
    if not error_ratio > 0:
        raise TableError(f"The ratio of error variances is {error_ratio:g}; give a positive one.")
    volume, reference = _paired(volume, reference)
    n = len(volume)
    dy, dx = volume - volume.mean(), reference - reference.mean()
    slope = float(_deming_slope(dx @ dx, dy @ dy, dx @ dy, error_ratio))
    # what is left of each sum of squares when one person is left out, mean and all
    lost = n / (n - 1)
    without = _deming_slope(
        dx @ dx - lost * dx**2, dy @ dy - lost * dy**2, dx @ dy - lost * dx * dy, error_ratio
    )
    pseudo = n * slope - (n - 1) * without
    reach = stats.t.ppf(CONFIDENCE, n - 2) * pseudo.std(ddof=1) / np.sqrt(n)
    return {"deming_slope": slope, "deming_slope_low": slope - reach, "deming_slope_high": slope + reach}


def _deming_slope(s_xx: np.ndarray, s_yy: np.ndarray, s_xy: np.ndarray, ratio: float) -> np.ndarray:
    """Return slopes from sums of squares; missing where the line stands upright or anywhere."""
    gap = s_yy - ratio * s_xx
    root = np.sqrt(gap**2 + 4 * ratio * s_xy**2)
    flat = gap < 0
    # two forms of one root, so that neither takes one large number from another
    over = np.where(flat, 2 * ratio * s_xy, gap + root)
    under = np.where(flat, root - gap, 2 * s_xy)
    return np.where(under == 0, np.nan, over / np.where(under == 0, 1, under))


def bland_altman(volume: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Describe the difference, method minus reference: its mean, its spread, and its drift with size.

    95 % of differences lie within the limits of agreement, bias ± 1.96 SD, if they are normally
    distributed. A slope above 0 means that the method adds more to larger thalami.

    Returns
    -------
    dict
        ``bias``, ``loa_lower``, ``loa_upper`` and ``ba_slope`` (of the difference on the mean of both),
        each with ``_low`` and ``_high``, and ``sd_ml``. The slope is missing where the mean of both is
        the same for everyone.

    Raises
    ------
    TableError
        Where there are fewer than three pairs.

    Notes
    -----
    Bias and limits: Bland and Altman, Lancet 1986; 327: 307-310. Interval of a limit: the same authors,
    Stat. Methods Med. Res. 1999; 8: 135-160, section 2: bias and SD are independent, so that its variance
    is SD² (1 / n + 1.96² / 2 (n - 1)), which the earlier paper rounds to 3 SD² / n.
    """
    volume, reference = _paired(volume, reference, vary=False)
    difference, mean = volume - reference, (volume + reference) / 2
    n = len(difference)
    bias, sd = difference.mean(), difference.std(ddof=1)
    t = stats.t.ppf(CONFIDENCE, n - 1)
    found = {"bias": bias, "loa_lower": bias - LIMITS_SD * sd, "loa_upper": bias + LIMITS_SD * sd}
    reach = dict.fromkeys(found, t * sd * np.sqrt(1 / n + LIMITS_SD**2 / (2 * (n - 1))))
    reach["bias"] = t * sd / np.sqrt(n)
    found |= {f"{name}_low": found[name] - reach[name] for name in reach} | {
        f"{name}_high": found[name] + reach[name] for name in reach
    }
    slope = (np.nan, np.nan, np.nan)
    if np.ptp(mean) > TINY * np.abs(mean).max():
        fit = OLS(difference, add_constant(mean)).fit()
        slope = (fit.params[1], *fit.conf_int()[1])
    names = ("ba_slope", "ba_slope_low", "ba_slope_high")
    return found | {"sd_ml": sd} | dict(zip(names, slope, strict=True))


def _paired(*series: np.ndarray, vary: bool = True) -> list[np.ndarray]:
    """Return the series as numbers, or refuse those from which nothing can be told."""
    found = [np.asarray(values, dtype=float) for values in series]
    n = len(found[0])
    if any(values.shape != (n,) for values in found):
        shapes = ", ".join(str(values.shape) for values in found)
        raise TableError(f"The series have shapes {shapes}; give one volume a person in each.")
    if not all(np.isfinite(values).all() for values in found):
        raise TableError("A volume is missing or infinite; leave the person out of both series.")
    if n < FEWEST:
        raise TableError(f"There are {n} pairs; agreement takes {FEWEST} or more.")
    if vary and any(np.ptp(values) == 0 for values in found):
        raise TableError("A series has the same volume for everyone; agreement takes some spread.")
    return found
