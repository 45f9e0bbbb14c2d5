"""What the page on the populations shows: who is in each of them, and their volumes at baseline."""

import pandas as pd
from IPython.display import HTML

from thalutils.report import downloads, figures, population_plots, privacy, tables
from thalutils.report.embed import note
from thalutils.report.order import in_order
from thalutils.report.words import interval, signed, unbroken
from thalutils.stats.agreement import REFERENCES
from thalutils.stats.populations import ALL, CROSS_SECTIONAL, GROUP_ORDER, LONGITUDINAL, REFERENCE, VOLUME

LABELS = {
    "age_years": "Age (years)", "female": "Women, n (%)", "disease_duration_years": "Disease duration (years)",
    "edss": "EDSS", "attacks": "Attacks so far", "t25fw_s": "Timed 25-foot walk (s)",
    "nhpt_s": "Nine-hole peg test (s)", "sdmt": "SDMT (correct answers)",
    "interval_years": "Time to the second visit (years)", "icv_ml": "Intracranial volume (mL)",
}  # fmt: skip
DIGITS = {"icv_ml": 0, "edss": 1, "attacks": 1, "disease_duration_years": 2, "interval_years": 2}
TITLES = {
    REFERENCE: ("The reference set", "S1"),
    CROSS_SECTIONAL: ("Everyone with a first visit", "S2"),
    LONGITUDINAL: ("Everyone with a second visit, as they were at the first", "S3"),
}
EMPTY = {
    REFERENCE: "Nobody in this cohort has a reference mask; of those who have one, Table S1 stands here.",
    CROSS_SECTIONAL: "This cohort has no visit; of people with one, Table S2 stands here.",
    LONGITUDINAL: "Nobody in this cohort has a second visit; of those who have one, Table S3 stands here.",
}
NOBODY = "none known"


def table(population: pd.DataFrame, name: str) -> HTML:
    """Tabulate one population by diagnosis: Table S1, S2 or S3 of the paper."""
    mine = population[population["population"] == name]
    if mine.loc[mine["group"] == ALL, ["n", "n_missing"]].to_numpy().sum() == 0:
        return note(EMPTY[name])
    title, number = TITLES[name]
    sizes = mine.drop_duplicates("group")
    counted, became = privacy.shareable(sizes[["group"]].assign(n=sizes["n"] + sizes["n_missing"]))
    shown, _ = privacy.shareable(mine)
    caption = (
        f"{title}, by diagnosis: mean ± SD, or median [quartiles] of ordinal and skewed variables; Table {number} "
        f"of the paper. RIS, CIS and isolated optic neuritis are pooled as isolated. {became}"
    )
    return tables.show(laid_out(shown, counted), caption=caption.strip(), name=f"population-{name}")


def laid_out(described: pd.DataFrame, sizes: pd.DataFrame) -> pd.DataFrame:
    """Lay a population out with a row for each variable and a column for each diagnosis, as text.

    Parameters
    ----------
    described
        Rows of one population of the table ``population``.
    sizes
        ``group`` and ``n``, people in each, as they may be shown.

    Returns
    -------
    DataFrame
        Variables that nobody has a value of are left out. A cell gives its n where people lack a value.
    """
    people = dict(zip(sizes["group"], sizes["n"], strict=True))
    groups = [name for name in (ALL, *GROUP_ORDER) if name in people]
    known = described.loc[(described["group"] == ALL) & (described["n"] != 0), "variable"]
    cells = described.set_index(["variable", "group"])
    rows = [{"": "People, n"} | {group: _count(people[group]) for group in groups}]
    for variable in ordered(known):
        row = {group: _cell(variable, cells.loc[(variable, group)]) for group in groups}
        rows.append({"": label(variable)} | row)
    return pd.DataFrame(rows).set_index("").rename_axis("at the first visit")


def ordered(variables: pd.Series) -> list[str]:
    """Return the variables of the table ``population`` as it has them, volumes in the order of methods."""
    volumes = in_order(name.removeprefix(VOLUME) for name in variables if name.startswith(VOLUME))
    references = [name for name in volumes if name in REFERENCES]
    methods = [name for name in volumes if name not in REFERENCES]
    plain = [name for name in variables if not name.startswith(VOLUME)]
    return plain + [VOLUME + name for name in (*references, *methods)]


def label(variable: str) -> str:
    """Return what a variable of the table ``population`` is called on the page.

    Examples
    --------
    >>> label("volume:FIRST"), label("edss")
    ('Thalamus, FIRST (mL)', 'EDSS')
    """
    return LABELS.get(variable) or f"Thalamus, {variable.removeprefix(VOLUME)} (mL)"


def _count(n: object) -> object:
    return n if isinstance(n, str) or pd.isna(n) else f"{n:.0f}"


def _cell(variable: str, found: pd.Series) -> str | None:
    """Return one summary as text; nothing where the page may not show it."""
    n, missing, digits = found["n"], found["n_missing"], _digits(variable)
    if n == 0:
        return NOBODY
    if found["summary"] == "median":
        text = interval(found["median"], *((found["q1"], found["q3"]) if n > 1 else (None, None)), digits)
    elif pd.isna(found["mean"]):
        return None
    elif found["summary"] == "share":
        text = unbroken(f"{found['mean'] * n:.0f} ({100 * found['mean']:.0f} %)")
    else:
        spread = "" if pd.isna(found["sd"]) else f" ± {found['sd']:.{digits}f}"
        text = unbroken(signed(found["mean"], digits) + spread)
    lacking = f"({missing} missing)" if isinstance(missing, str) else f"(n = {n:.0f})" if missing > 0 else ""
    return f"{text} {unbroken(lacking)}".strip() if text else None


def _digits(variable: str) -> int:
    return DIGITS.get(variable, 2 if variable.startswith(VOLUME) else 1)


def save(population: pd.DataFrame) -> HTML:
    """Return the link that saves the whole table."""
    return downloads.tidy(population, name="population", what="every summary of every population")


def distributions(people: pd.DataFrame) -> HTML:
    """Draw the distribution of each method's volume in the reference set and in everyone: Figure S2.

    Takes what :func:`thalutils.stats.populations.baseline_people` returns.
    """
    measures = [name for name in people if name.startswith(VOLUME)]
    if not people[measures].notna().to_numpy().any():
        return note(
            "This cohort has no volumes at the first visit; with them, their distributions stand here."
        )
    drawn = people["in_ground_truth"]
    sets = {"Everyone, all with a reference": people} if drawn.all() else {
        "Reference set": people[drawn], "Everyone": people,
    }  # fmt: skip
    long = {name: _volumes(members, measures) for name, members in sets.items()}
    long = {name: shown for name, shown in long.items() if len(shown)}
    if not long:
        return note("Fewer than five people have a volume, and this cohort publishes no individual rows.")
    fig = population_plots.distributions(long)
    lacks = "Reference set" not in long and not drawn.all()
    without = " No reference set is shown: there is none, or it is too small." if lacks else ""
    caption = (
        "Thalamus volume by method at the first visit, in the reference set and in everyone, as Figure S2 of the "
        "paper. A dot is a person, the outline a smoothed distribution (ten people or more), the black line and "
        f"the number are the mean.{without}"
    )
    methods = in_order(name for shown in long.values() for name in shown["method"])
    alt = f"Distributions of volume in mL, a row each for {', '.join(methods)}."
    return figures.figure(fig, caption=caption, alt=alt, name="volume-distributions")


def _volumes(people: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
    """Return a row a person and method that the page may use."""
    long = people.melt("participant_id", measures, "method", "volume_ml").dropna(subset=["volume_ml"])
    return privacy.shareable_groups(long.assign(method=long["method"].str.removeprefix(VOLUME)), ["method"])
