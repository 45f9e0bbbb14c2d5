"""What the page on sites shows: what tells sites apart, and slopes with nothing, a covariate or a harmonisation."""

import pandas as pd
from IPython.display import HTML

from thalutils import tables as contract
from thalutils.report import association_tables, figures, outcomes, privacy, site_plots, tables
from thalutils.report.embed import note
from thalutils.stats import frames, models
from thalutils.stats.agreement import first_visits
from thalutils.stats.harmonisation import FEWEST, Harmonised, harmonise
from thalutils.stats.models import CROSS_SECTIONAL, Design

SLOPES = ("n", "beta", "se", "beta_low", "beta_high", "p", "note")
ONE_SITE = (
    "The people of this cohort are of one site, or nothing says of which. With a column <code>site</code> in "
    "participants.tsv or the clinical tables, and at least two sites, what tells them apart stands here."
)


def several(frame: pd.DataFrame) -> bool:
    """Return whether people with volumes come from more than one site."""
    return len(set(frame["site"])) > 1


def compare(
    read: list[pd.DataFrame], exclude: tuple[str, ...] = (), fewest: int = FEWEST
) -> tuple[pd.DataFrame, Harmonised, pd.DataFrame]:
    """Return the frame of first visits, the harmonised volumes, and slopes by what is done about sites.

    Parameters
    ----------
    read : list of DataFrame
        Participants, sessions, volumes and intracranial volumes.
    exclude : tuple of str
        Methods to leave out.
    fewest : int
        People that a site needs to be harmonised.

    Returns
    -------
    frame : DataFrame
        As :func:`thalutils.stats.frames.baseline` makes it.
    harmonised : Harmonised
    slopes : DataFrame
        The table ``site_slopes``; empty where there is one site.
    """
    people, visits, volumes, icv = read
    frame = frames.baseline(people, visits, volumes, icv, exclude=exclude)
    found = harmonise(frame, volumes, fewest)
    if not several(frame):
        return frame, found, contract.empty("site_slopes")
    after = frames.baseline(people, visits, found.volumes, icv, exclude=exclude)
    with_site = models.adjusted(CROSS_SECTIONAL, frame)
    plans = [
        ("nothing", frame, CROSS_SECTIONAL),
        ("covariate", frame, with_site),
        ("harmonised", after, CROSS_SECTIONAL),
    ]
    rows = [row for treatment, one, design in plans for row in _slopes(treatment, one, design)]
    return (
        frame,
        found,
        contract.check("site_slopes", pd.DataFrame(rows, columns=list(contract.empty("site_slopes")))),
    )


def _slopes(treatment: str, frame: pd.DataFrame, design: Design) -> list[dict[str, object]]:
    plain = frame.assign(site="") if design == CROSS_SECTIONAL else frame
    fitted = models.cross_sectional(plain, subsets={"all": None})
    return [
        {"treatment": treatment, "outcome": one.outcome, "method": one.method}
        | {name: value for name, value in one.row().items() if name in SLOPES}
        for one in fitted
    ]


def effects(found: Harmonised) -> HTML:
    """Tabulate each site's shift and scale."""
    if found.effects.empty:
        return note(
            "Nobody has a volume and all covariates (age, sex, intracranial volume): nothing can be said of sites."
        )
    units = {"shift_ml": "mL"}
    return tables.show(
        found.effects, caption="Shift and scale of each site.", name="site-effects", units=units
    )


def volumes(frame: pd.DataFrame, found: Harmonised) -> HTML:
    """Draw the volumes of each site, raw beside harmonised."""
    if found.volumes.empty:
        return note(
            "No two sites have enough people with volumes and all covariates: nothing was harmonised."
        )
    first = found.volumes.merge(frame[["participant_id", "method", "site"]], on=["participant_id", "method"])
    first = first_visits(first).drop_duplicates(["participant_id", "method"])
    both = pd.concat([frame.assign(state="raw"), first.assign(state="harmonised")], ignore_index=True)
    both = privacy.shareable_groups(both, ["site", "method", "state"])
    if both.empty:
        return note("Fewer than five people of each site would stand in this figure.")
    caption = "Thalamus volumes at the first visit by site, raw and harmonised: medians, quartiles, 5th and 95th percentiles."
    return figures.figure(
        site_plots.boxes(both), caption=caption, alt="Boxes of volumes by site and method, raw beside harmonised.",
        name="site-volumes",
    )  # fmt: skip


def slopes(found: pd.DataFrame) -> HTML:
    """Tabulate slopes by what was done about sites, of the outcomes that any model could be fitted to."""
    if found.empty:
        return note(ONE_SITE)
    fitted = found["beta"].notna().groupby(found["outcome"]).transform("any")
    if not fitted.any():
        return association_tables.unfitted(found)
    order = found[fitted].sort_values(["outcome", "method"], kind="stable")
    table = tables.show(
        order, caption="Slopes per mL of thalamus, by what is done about sites.", name="site-slopes"
    )
    left = ", ".join(outcomes.name(name) for name in found.loc[~fitted, "outcome"].unique())
    return association_tables.joined(table, *([note(f"No model of {left} could be fitted.")] if left else []))
