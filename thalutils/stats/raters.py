"""How far those who drew the reference agree with each other."""

import numpy as np
import pandas as pd

from thalutils.stats.coefficients import icc

COLUMNS = (
    "rater_i", "rater_j", "n", "dice_median", "dice_lowest", "mean_i_ml", "mean_j_ml", "bias_ml", "sd_ml",
    "icc3", "icc_a1",
)  # fmt: skip
LEAST_FOR_ICC = 3


def between_raters(drawn: pd.DataFrame) -> pd.DataFrame:
    """Summarise the agreement of each pair of raters over the visits that both drew.

    Parameters
    ----------
    drawn : DataFrame
        The table ``rater_agreement``; of each person the first visit counts that both drew.

    Returns
    -------
    DataFrame
        A row a pair: people ``n``; median and lowest Dice; mean volumes, the mean (bias, j less i) and the
        standard deviation of their differences, in mL; ICC(C,1) and ICC(A,1), missing for fewer than three
        people or where either drew the same volume for everyone.
    """
    rows = []
    for (one, other), pair in drawn.groupby(["rater_i", "rater_j"], sort=True):
        first = pair.sort_values(["participant_id", "session_id"]).drop_duplicates("participant_id")
        i, j = (first[f"volume_{side}_ml"].to_numpy(float) for side in "ij")
        difference = j - i
        able = len(first) >= LEAST_FOR_ICC and np.ptp(i) > 0 and np.ptp(j) > 0
        reliability = icc(i, j) if able else {"icc3": np.nan, "icc_a1": np.nan}
        rows.append(
            {
                "rater_i": one, "rater_j": other, "n": len(first),
                "dice_median": first["dice"].median(), "dice_lowest": first["dice"].min(),
                "mean_i_ml": i.mean(), "mean_j_ml": j.mean(), "bias_ml": difference.mean(),
                "sd_ml": difference.std(ddof=1) if len(first) > 1 else np.nan,
                "icc3": reliability["icc3"], "icc_a1": reliability["icc_a1"],
            }
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))
