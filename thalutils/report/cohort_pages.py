"""What the page of the populations shows, and the tables it keeps."""

import pandas as pd
from IPython.display import HTML

from thalutils import tables as contract
from thalutils.cohort import Cohort
from thalutils.report import cohort_plots, figures, privacy
from thalutils.subset import Subset

STAGE = "2-1-cohort"


def write_tables(cohort: Cohort) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Write and return the cohort's people, visits and everything that was left out so far."""
    people, visits = cohort.participants, cohort.clinical()
    contract.write("participants", people, cohort.results / "participants.tsv")
    contract.write("sessions", visits, cohort.results / "sessions.tsv")
    if isinstance(cohort, Subset):  # what stages left out of these people stands among the whole's results
        contract.write("exclusions", cohort.row_exclusions, cohort.results / "exclusions.tsv")
        return people, visits, cohort.table("exclusions")
    contract.write_shards(cohort.results, STAGE, contract.ROWS, {"exclusions": cohort.row_exclusions})
    excluded = contract.merge(cohort.results, "exclusions", list(people["participant_id"]))
    return people, visits, excluded


def flow(people: pd.DataFrame, visits: pd.DataFrame, excluded: pd.DataFrame) -> HTML:
    """Draw the flow of people through the study; in totals where no individual rows are published."""
    order = visits.sort_values("session_id").groupby("participant_id").cumcount()
    counts = [
        ("People listed", len(people)),
        ("with a first visit", int((order == 0).sum())),
        ("with a follow-up", int((order == 1).sum())),
        ("with a reference mask", int(people["in_ground_truth"].sum())),
    ]
    fig = cohort_plots.flow(counts, excluded, write=privacy.count, by_stage=privacy.publishes())
    alt = ", ".join(f"{label}: {privacy.count(count)}" for label, count in counts)
    return figures.figure(fig, caption="Flow of people through the study.", alt=alt, name="flow")


def groups(people: pd.DataFrame, visits: pd.DataFrame) -> pd.DataFrame:
    """Describe the groups at the first visit."""
    first = visits.sort_values("session_id").drop_duplicates("participant_id")
    both = people.merge(first, on="participant_id", how="left")
    return (
        both.groupby("group")
        .agg(
            n=("participant_id", "size"),
            female=("sex", lambda sex: int((sex == "F").sum())),
            age_years=("age_years", "mean"),
            disease_duration_years=("disease_duration_years", "mean"),
            edss_median=("edss", "median"),
            sdmt=("sdmt", "mean"),
        )
        .reset_index()
    )
