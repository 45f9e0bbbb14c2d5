"""Bootstrap over people of slopes adjusted for covariates, all resamples at once."""

from collections.abc import Sequence

import numpy as np

PERCENTILES = (2.5, 97.5)
# Variables come with an SD of 1: a smaller sum of squares is rounding.
VANISHES = 1e-9


def resampled_counts(strata: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Return how often each person is in each resample, drawn with replacement within strata.

    Parameters
    ----------
    strata : ndarray, shape (n,)
        Each person's stratum; every resample has as many people of each as there are.
    resamples, seed : int
        How many resamples, and the seed of the random generator.

    Returns
    -------
    ndarray of float, shape (resamples, n)
    """
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, len(strata)))
    for stratum in np.unique(strata):
        mine = np.flatnonzero(strata == stratum)
        counts[:, mine] = rng.multinomial(len(mine), np.full(len(mine), 1 / len(mine)), size=resamples)
    return counts


def scatter(counts: np.ndarray, values: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return the sums of squares and products about the mean of each resample's group.

    What is taken about group means is adjusted for the group, which need not be in every resample.

    Parameters
    ----------
    counts : ndarray, shape (resamples, n)
        As :func:`resampled_counts` returns it.
    values : ndarray, shape (n, k)
        Variables in columns.
    groups : ndarray, shape (n,)
        Each person's group; the same for all where there is nothing to adjust for.

    Returns
    -------
    ndarray, shape (resamples, k, k)
    """
    n, k = values.shape
    centred = values - values.mean(axis=0)
    products = (centred[:, :, None] * centred[:, None, :]).reshape(n, k * k)
    total = (counts @ products).reshape(-1, k, k)
    for group in np.unique(groups):
        mine = groups == group
        people = counts[:, mine].sum(axis=1)
        sums = counts[:, mine] @ centred[mine]
        total -= sums[:, :, None] * sums[:, None, :] / np.maximum(people, 1)[:, None, None]
    return total


def partialled(within: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the covariates leave of outcome and predictor (Frisch, Waugh and Lovell).

    Parameters
    ----------
    within : ndarray, shape (resamples, k, k)
        As :func:`scatter` returns it: outcome, predictor, then covariates, each with an SD of 1.

    Returns
    -------
    tuple of ndarray, shape (resamples,)
        Sums of squares of the outcome and of the predictor, and of their products. The adjusted slope is
        the third over the second. A sum of squares is missing where nothing is left.
    """
    covariates = np.linalg.pinv(within[:, 2:, 2:], rcond=VANISHES, hermitian=True)
    crossed = within[:, :2, 2:]
    left = within[:, :2, :2] - crossed @ covariates @ crossed.transpose(0, 2, 1)
    outcome, predictor = (np.where(left[:, i, i] > VANISHES, left[:, i, i], np.nan) for i in (0, 1))
    return outcome, predictor, left[:, 0, 1]


def interval(values: np.ndarray) -> Sequence[float]:
    """Return both ends of the 95 % percentile interval of resampled values, missing ones left out.

    Examples
    --------
    >>> [float(end) for end in interval(np.arange(101.0))]
    [2.5, 97.5]
    """
    known = values[np.isfinite(values)]
    return np.percentile(known, PERCENTILES) if len(known) else (np.nan, np.nan)
