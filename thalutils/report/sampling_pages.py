"""What the page of the populations shows of how the reference set is drawn (section 2.2.2)."""

import numpy as np
import pandas as pd
from IPython.display import HTML

from thalutils.report import figures, privacy, sampling_plots, tables
from thalutils.report.embed import note
from thalutils.report.suppression import EVERYONE, GROUP, LEAST
from thalutils.report.words import TOO_FEW, unbroken
from thalutils.stats import sampling
from thalutils.stats.sampling import FRAME, REFERENCE, SAMPLE

# Finer than the strata, so that a histogram shows what lies within one.
BINS = {
    "age_years": np.arange(15, 71, 5),
    "disease_duration_years": np.arange(0, 41, 5),
    "edss": np.arange(0, 8),
}
NOBODY = (
    "Nobody in this cohort could be drawn: it takes people with relapsing-remitting MS whose age, disease duration "
    "and EDSS are known and lie within the strata. With them, the sample and its histograms stand here."
)
SHORT = {"age_years": "age", "disease_duration_years": "duration", "edss": "EDSS"}
COLUMNS = {FRAME: "RRMS who could be drawn", SAMPLE: "drawn here", REFERENCE: "RRMS with a reference mask"}


def histograms(people: pd.DataFrame, visits: pd.DataFrame, sample: pd.DataFrame) -> HTML:
    """Draw age, disease duration and EDSS of the sample beside those it stands for: Figure S1."""
    if not sample["in_frame"].any():
        return note(NOBODY)
    if not privacy.publishes() and sample["in_frame"].sum() < LEAST:
        return note(TOO_FEW)
    counts = sampling.strata_table(people, visits, sample, BINS)
    fig = sampling_plots.histograms(counts if privacy.publishes() else _large_sets(counts), BINS)
    caption = (
        "People with relapsing-remitting MS at the first visit: all who could be drawn (grey), the sample drawn "
        "here (solid line) and those who have a reference mask in fact (dashed), where there are any. Dotted lines "
        "are the edges of the strata. Figure S1 of the paper."
    )
    alt = "Three histograms, age, disease duration and EDSS, each with the shares of up to three sets of people."
    return figures.figure(fig, caption=caption, alt=alt, name="reference-sample")


def _large_sets(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts, with those of sets that are too small for such a page set to nobody."""
    sizes = counts.groupby(["set", "variable"])["n"].transform("sum")
    return counts.assign(n=counts["n"].where(sizes >= LEAST, 0))


def comparison(people: pd.DataFrame, visits: pd.DataFrame, sample: pd.DataFrame) -> list[HTML]:
    """Return the tables that go with the histograms; none where nobody could be drawn, as they have said."""
    if not sample["in_frame"].any():
        return []
    return [page(people, visits, sample) for page in (strata, differences)]


def strata(people: pd.DataFrame, visits: pd.DataFrame, sample: pd.DataFrame) -> HTML:
    """Tabulate how many of each set fall in each stratum of age, duration and EDSS."""
    counts = sampling.strata_table(people, visits, sample).rename(columns={"category": GROUP})
    totals = counts.groupby(["set", "variable"], sort=False, as_index=False)["n"].sum()
    shown, _ = privacy.shareable(pd.concat([counts, totals.assign(group=EVERYONE)], ignore_index=True))
    caption = "People in each stratum of age, disease duration (years) and EDSS, and their share of the set."
    return tables.show(_beside(shown), caption=caption, name="reference-strata")


def _beside(counts: pd.DataFrame) -> pd.DataFrame:
    """Set the sets side by side, a row for each stratum, and everyone in the last."""
    outside = counts[GROUP].eq(sampling.OUTSIDE)
    named = counts[GROUP].mask(outside, counts["variable"].map(SHORT) + " outside or unknown")
    texts = counts.assign(group=named, text=[_count(row) for row in counts.itertuples()])
    empty = outside & texts.groupby(GROUP)["n"].transform(lambda n: n.eq(0).all())
    wide = texts[~empty].pivot_table("text", GROUP, "set", aggfunc="first", sort=False)
    order = [*(name for name in wide.index if name != EVERYONE), EVERYONE]
    return wide.loc[order, list(COLUMNS)].rename_axis("stratum").rename(columns=COLUMNS)


def _count(row: tuple) -> str | None:
    if isinstance(row.n, str) or pd.isna(row.share):
        return None if pd.isna(row.n) else str(row.n)
    return unbroken(f"{row.n} ({100 * row.share:.0f} %)")


def differences(people: pd.DataFrame, visits: pd.DataFrame, sample: pd.DataFrame) -> HTML:
    """Tabulate how far the means of both samples lie from those they stand for."""
    found = sampling.standardised_differences(people, visits, sample)
    laid = pd.DataFrame(
        {
            "set": found["set"].map(COLUMNS),
            "variable": found["variable"].map(sampling_plots.LABELS),
            "n": found["n"],
            "mean ± SD": [_spread(*pair) for pair in zip(found["mean"], found["sd"], strict=True)],
            "of all who could be drawn": [
                _spread(*pair) for pair in zip(found["frame_mean"], found["frame_sd"], strict=True)
            ],
            "standardised difference": found["difference_std"],
            "note": found["note"],
        }
    )
    caption = (
        "Means of the sample and of those with a reference mask beside the means of all who could be drawn. The "
        "standardised difference is in standard deviations; beyond ± 0.1 two sets are commonly called unlike."
    )
    shown = laid if laid["note"].notna().any() else laid.drop(columns="note")
    return tables.show(
        shown, caption=caption, name="reference-differences", digits={"standardised difference": 2}
    )


def _spread(mean: float, sd: float) -> str | None:
    return None if pd.isna(mean) else unbroken(f"{mean:.1f}" + ("" if pd.isna(sd) else f" ± {sd:.1f}"))
