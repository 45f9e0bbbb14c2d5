import numpy as np
import pandas as pd
from matplotlib.colors import to_hex
from plot_checks import drawn, rows

from thalutils.report import pair_plots

PAIRS = pd.DataFrame(
    {
        "method_i": ["Mine", "FIRST", "Mine"], "method_j": ["FIRST", "FreeSurfer", "FreeSurfer"],
        "median_difference": [0.1, -0.2, 0.0], "p_adjusted": [0.0004, 0.5, np.nan],
    }
)  # fmt: skip


def test_p_stands_above_and_row_minus_column_below_whichever_way_a_pair_was_tested():
    p, difference = pair_plots.squares(PAIRS)
    assert list(p.index) == list(p.columns) == ["FreeSurfer", "FIRST", "Mine"]
    assert p.loc["FIRST", "Mine"] == 0.0004
    assert p.loc["FreeSurfer", "FIRST"] == 0.5
    assert difference.loc["Mine", "FIRST"] == 0.1
    assert difference.loc["FIRST", "FreeSurfer"] == -0.2
    assert p.isna().sum().sum() == 9 - 2
    turned = PAIRS.rename(columns={"method_i": "method_j", "method_j": "method_i"})
    assert pair_plots.squares(turned)[1].loc["FIRST", "FreeSurfer"] == 0.2


def test_cells_are_written_and_shaded():
    ax = drawn(pair_plots.pair_matrix(PAIRS, digits=2)).axes[0]
    assert rows(ax) == ["FreeSurfer  1", "FIRST  2", "Mine  3"]
    words = [text.get_text() for text in ax.texts]
    assert words == ["", "0.500", "–", "−0.20", "", "<0.001", "0.00", "+0.10", ""]
    shades = [to_hex(patch.get_facecolor()) for patch in ax.patches]
    assert shades[1] == "#ffffff"
    assert shades[5] == pair_plots.SHADES[0][1]
    less, more = (to_hex(pair_plots.DIFFERENCES(end)) for end in (0.0, 0.75))
    assert (shades[3], shades[7]) == (less, more)  # the largest difference, and half of it the other way


def test_a_square_without_any_test_is_drawn_empty():
    bare = PAIRS.assign(median_difference=np.nan, p_adjusted=np.nan)
    words = [text.get_text() for text in drawn(pair_plots.pair_matrix(bare, digits=2)).axes[0].texts]
    assert set(words) == {"", "–"}
