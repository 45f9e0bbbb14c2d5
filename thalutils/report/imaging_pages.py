"""What the imaging pages show: pictures, tables and notes, ready to display."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
from IPython.display import HTML

from thalutils.bids import Session
from thalutils.cohort import Cohort
from thalutils.errors import TableError
from thalutils.imaging import alignment, brain_mask, maps
from thalutils.imaging.accuracy import PURE_SHARE
from thalutils.report import figures, imaging_plots, pictures, privacy, tables, viewer
from thalutils.report.embed import note
from thalutils.segmenters.session import made
from thalutils.stage import derivative, usable_scans

RANGES = {"R1map": (0, 1.5), "PDmap": (50, 110), "MTsat": (0, 2.5), "R2starmap": (0, 50)}
WHOLE_HEAD_MM = 250.0


def binary(path: Path) -> nib.Nifti1Image:
    """Read a label map as a mask: 1 where it has any label."""
    image = nib.load(path)
    return nib.Nifti1Image((np.asarray(image.dataobj) > 0).astype(np.uint8), image.affine)


def first_with(cohort: Cohort, *endings: str) -> Session | None:
    """Return the first visit that has all of these derivatives."""
    for session in cohort.sessions():
        if all(derivative(cohort, session, one).exists() for one in endings):
            return session
    return None


@privacy.of_one_person("The scans of a visit")
def scans(cohort: Cohort) -> HTML:
    """Show one visit's scans in three planes."""
    for session in cohort.sessions():
        usable = usable_scans(cohort, session)
        if "T1w" in usable:
            names = ("T1w", "FLAIR", "MPM-PDw-1", "MPM-T1w-1", "MPM-MTw-1")
            images = {name: nib.load(usable[name]) for name in names if name in usable}
            fig = pictures.scan_sheet(images)
            caption = f"The scans of {session.key}, each in its own space, before anything is done to them."
            alt = f"Three planes of each of {', '.join(images)}: a head with its scalp, in grey."
            return figures.figure(fig, caption=caption, alt=alt, name="scans")
    return note("No visit has a usable T1w scan: nothing can be shown.")


@privacy.of_one_person("The view of a T1w")
def scan_viewer(cohort: Cohort) -> HTML:
    """Return the interactive view of one visit's T1w, with the references that the cohort has of it."""
    for session in cohort.sessions():
        usable = usable_scans(cohort, session)
        if "T1w" in usable:
            drawn = _references(cohort, session)
            words = f" with {' and '.join(drawn)}" if drawn else ""
            return viewer.viewer(
                nib.load(usable["T1w"]), drawn, title=f"T1w of {session.key}", margin_mm=WHOLE_HEAD_MM,
                alt=f"The head of {session.key} in three planes{words}.",
                caption=f"The T1w{words}. Scroll through the planes; a large scan is thinned for the page.",
            )  # fmt: skip
    return note("No visit has a usable T1w scan: nothing can be shown.")


@privacy.of_one_person("The maps of a visit")
def quantitative_maps(cohort: Cohort) -> HTML:
    """Show one visit's maps with their units."""
    session = first_with(cohort, "R1map.nii.gz")
    if session is None:
        return note(
            "No visit has the scans of multi-parameter mapping, or of several flip angles (VFA), with a map of the transmit "
            "field; with them, its maps stand here. Scans of several inversion times (IRT1) and of MP2RAGE are not fitted: "
            "make a T1 map of them, and it is read."
        )
    paths = {name: derivative(cohort, session, f"{name}.nii.gz") for name in maps.UNITS}
    images = {name: nib.load(path) for name, path in paths.items() if path.exists()}
    fig = pictures.map_sheet(images, maps.UNITS, RANGES)
    caption = f"Quantitative maps of {session.key}: longitudinal rate R1, proton density PD, magnetisation-transfer saturation and effective transverse rate R2*."
    return figures.figure(
        fig, caption=caption, alt="Maps of the head in three planes with colour bars.", name="maps"
    )


def map_accuracy(accuracy: pd.DataFrame) -> HTML:
    """Show each map's bias and scatter per tissue against the truth, in pure and in mixed voxels."""
    if accuracy.empty:
        return note("The true maps of this cohort are not known, so their error cannot be shown.")
    fig = imaging_plots.accuracy_bars(accuracy)
    caption = "Error of each map in valid voxels that hold one tissue (pure) and in those that hold most of it beside others (mixed): mean (bias) and standard deviation (precision) over the true mean, averaged over visits."
    return figures.figure(
        fig,
        caption=caption,
        alt="Bias and spread in percent, per tissue, map and kind of voxel.",
        name="map-accuracy",
    )


def map_accuracy_table(accuracy: pd.DataFrame) -> HTML:
    """Tabulate the same beside that of all voxels, averaged over visits."""
    if accuracy.empty:
        return note("There is no error to tabulate.")
    keys = ["map", "tissue", "voxels"]
    shown = ["n_voxels", "n_left_out", "share_mean", "truth_mean", "bias_percent", "sd_percent"]
    mean = accuracy.groupby(keys, sort=False)[shown].mean()
    caption = (
        "Error of the maps per tissue, mean over visits. Pure voxels are the tissue to "
        f"{100 * PURE_SHARE:.0f} %, mixed ones hold most of it beside others (share_mean of it), all are both. Voxels "
        "that are not valid are left out, and counted (n_left_out)."
    )
    return tables.show(mean.reset_index(), caption=caption, name="map-accuracy",
                       units={"bias_percent": "%", "sd_percent": "%"},
                       people=accuracy["participant_id"].nunique())  # fmt: skip


@privacy.of_one_person("A brain mask on its T1w")
def brain_sheet(cohort: Cohort) -> HTML:
    """Show the outline of the brain mask on one T1w."""
    session = first_with(cohort, brain_mask.ENDING)
    if session is None:
        return note("No visit has a brain mask.")
    mask = nib.load(derivative(cohort, session, brain_mask.ENDING))
    fig = pictures.outline_sheet(t1w_of(cohort, session), {"brain mask": mask}, centre_on=None)
    return figures.figure(fig, caption=f"Brain mask of {session.key} on its T1w.", name="brain-mask",
                          alt="The outline of the brain mask follows the brain's surface in three planes.")  # fmt: skip


def registration_plot(registration: pd.DataFrame) -> HTML:
    """Show mutual information by strategy with its cut-offs, and the error where it is known."""
    if registration.empty:
        return note("Nothing was registered: R1 and FLAIR are missing.")
    fig = imaging_plots.registration_points(registration)
    caption = "Mutual information of T1w and registered image in the brain mask, per strategy, with its cut-off; and, where the true movement is known, the error at the thalamus."
    return figures.figure(
        fig, caption=caption, alt="Points per strategy against cut-off lines.", name="registration"
    )


@privacy.of_one_person("The outlines of the masks on a T1w")
def outlines(cohort: Cohort) -> HTML:
    """Show every tool's mask on one T1w, as the paper's Figure 1 does."""
    session = _segmented(cohort)
    if session is None:
        return note("No mask was made.")
    shown = _masks(cohort, session)
    fig = pictures.outline_sheet(t1w_of(cohort, session), shown, centre_on=next(iter(shown)))
    caption = f"Outlines on the T1w of {session.key}: {', '.join(shown)}."
    return figures.figure(
        fig, caption=caption, alt="Outlines of the thalamus by each tool in three planes.", name="masks"
    )


@privacy.of_one_person("The view of a visit's masks")
def mask_viewer(cohort: Cohort) -> HTML:
    """Return the interactive view of one visit's masks."""
    session = _segmented(cohort)
    if session is None:
        return note("No mask was made.")
    try:
        t1w = t1w_of(cohort, session)
    except TableError as error:  # masks without the stage that lists scans
        return note(str(error))
    masks = _masks(cohort, session)
    return viewer.viewer(
        t1w, masks, title=f"Masks of {session.key}", margin_mm=15.0,
        alt=f"The thalamus of {session.key} in three planes with the masks of {', '.join(masks)}.",
        caption="Scroll through the planes, and switch each mask on and off.",
    )  # fmt: skip


@privacy.of_one_person("The view of an image and its mask")
def volume_viewer(cohort: Cohort, image: str, mask: str, title: str, name: str = "brain mask") -> HTML:
    """Return the interactive view of one derivative with one mask on it, of the first visit that has both."""
    session = first_with(cohort, image, mask)
    if session is None:
        return note(f"No visit has {title}.")
    shown = nib.load(derivative(cohort, session, image))
    outline = nib.load(derivative(cohort, session, mask))
    return viewer.viewer(shown, {name: outline}, title=f"{title} of {session.key}", margin_mm=2.0,
                         alt=f"{title} of {session.key} in three planes.")  # fmt: skip


def _segmented(cohort: Cohort) -> Session | None:
    """Return the visit with most masks, the first among equals."""
    counts = {session: len(made(cohort, session)) for session in cohort.sessions()}
    best = max(counts, key=lambda session: counts[session], default=None)
    return best if best is not None and counts[best] else None


def _masks(cohort: Cohort, session: Session) -> dict[str, nib.Nifti1Image]:
    """Return a visit's masks by single tools, and its references."""
    found = {name: path for name, path in made(cohort, session).items() if name.count("-") <= 1}
    return {name: binary(path) for name, path in found.items()} | _references(cohort, session)


def _references(cohort: Cohort, session: Session) -> dict[str, nib.Nifti1Image]:
    """Return what was drawn of a visit; of several raters, each by its name."""
    found = {}
    for name in ("manual", "truth"):
        raters = cohort.raters(name)
        for rater in raters:
            path = cohort.reference(name, session, rater)
            if path is not None:
                found[f"{name} ({rater})" if len(raters) > 1 else name] = binary(path)
    return found


def t1w_of(cohort: Cohort, session: Session) -> nib.Nifti1Image:
    """Return a visit's T1w, which is usable."""
    return nib.load(usable_scans(cohort, session)["T1w"])


@privacy.of_one_person("The view of a brain mask")
def brain_viewer(cohort: Cohort) -> HTML:
    """Return the interactive view of one visit's T1w with its brain mask."""
    session = first_with(cohort, brain_mask.ENDING)
    if session is None:
        return note("No visit has a brain mask.")
    mask = nib.load(derivative(cohort, session, brain_mask.ENDING))
    return viewer.viewer(t1w_of(cohort, session), {"brain mask": mask}, title=f"Brain mask of {session.key}",
                         margin_mm=5.0, alt=f"The T1w of {session.key} with its brain mask in three planes.")  # fmt: skip


def rescaled_viewer(cohort: Cohort) -> HTML:
    """Return the interactive view of one visit's rescaled R1 with its brain mask."""
    return volume_viewer(cohort, alignment.RESCALED, brain_mask.ENDING, "Rescaled R1 on the T1w's grid")


def scan_counts(found: pd.DataFrame) -> pd.DataFrame:
    """Count the scans of each kind, whose they are, and how many are usable; and their voxel sizes."""
    kinds = found.assign(kind=found["image"].str.replace(r"-\d+$", "", regex=True))
    grouped = kinds.groupby("kind", sort=False)
    return grouped.agg(
        people=("participant_id", "nunique"),
        visits=(
            "session_id",
            lambda column: len(kinds.loc[column.index].groupby(["participant_id", "session_id"])),
        ),
        scans=("file", "size"),
        usable=("usable", "sum"),
        voxel_mm=("voxel_mm", lambda sizes: ", ".join(sorted(set(sizes.dropna())))),
    ).reset_index()


def exclusions(found: pd.DataFrame, *stages: str) -> HTML:
    """Tabulate what was left out, by these stages or by all."""
    mine = found[found["stage"].isin(stages)] if stages else found
    if mine.empty:
        return note("This stage left nothing out." if stages else "Nothing was left out.")
    return tables.show(mine, caption="What was left out, and why.", name="exclusions")


def warnings(masks: pd.DataFrame) -> HTML:
    """Tabulate the masks that their own tool says something against."""
    mine = masks.dropna(subset=["warning"])
    if mine.empty:
        return note("No tool says anything against a mask of its own.")
    return tables.show(
        mine.drop(columns="preset"), caption="Masks to look at, and why.", name="mask-warnings"
    )


def envelope(found: pd.DataFrame) -> HTML:
    """Tabulate how far an envelope drew the masks made with it."""
    if found.empty:
        return note("No visit has a deep-grey label and an envelope.")
    return tables.show(found, caption="A deep-grey label cut by an envelope.", name="envelope",
                       units={"dgm_ml": "mL", "volume_ml": "mL"})  # fmt: skip
