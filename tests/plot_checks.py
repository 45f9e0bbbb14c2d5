"""What tests of plots share: tables of the contract, and what a drawn figure shows."""

import io

import matplotlib.pyplot as plt
import pandas as pd

from thalutils import tables
from thalutils.schemas import SCHEMAS


def table(name, rows):
    columns = SCHEMAS[name].columns
    return tables.check(name, pd.DataFrame(rows, columns=list(columns)))


def rows(ax):
    return [label.get_text() for label in ax.get_yticklabels()]


def drawn(fig):
    """Draw a figure as a page would, and check that pyplot keeps none."""
    fig.savefig(io.BytesIO(), dpi=30)
    assert not plt.get_fignums()
    return fig
