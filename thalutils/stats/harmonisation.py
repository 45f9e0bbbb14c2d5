"""Volumes of several sites brought to one location and one scale (ComBat without empirical Bayes).

The method is that of Johnson et al. (Biostatistics 2007; 8: 118-127) for genes, taken over for images by
Fortin et al. (NeuroImage 2018; 167: 104-120); the program is neuroHarmonize (Pomponio et al., NeuroImage 2020;
208: 116450). Empirical Bayes lends strength from structure to structure. One structure has none to lend, so
each site's shift and scale are its own estimates here.
"""

import contextlib
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd
from neuroHarmonize import harmonizationApply, harmonizationLearn

from thalutils import tables

FEWEST = 10
COVARIATES = ("age_years", "icv_z")


@dataclass(frozen=True)
class Harmonised:
    """What came of a harmonisation.

    Attributes
    ----------
    volumes : DataFrame
        As the contract has them, of people and methods that could be harmonised; both thalami only.
    effects : DataFrame
        The table ``site_effects``.
    """

    volumes: pd.DataFrame
    effects: pd.DataFrame


def harmonise(frame: pd.DataFrame, volumes: pd.DataFrame, fewest: int = FEWEST) -> Harmonised:
    """Bring each method's volumes to the sites' common location and scale.

    A site's shift and scale are found from first visits, where age, sex, intracranial volume and, as far as sites
    share them, diagnoses are held fixed and so are kept. Every visit of a person is moved by the same two numbers
    and by the covariates of the first visit: a change over time is divided by the site's scale and by nothing else.

    Parameters
    ----------
    frame : DataFrame
        As :func:`thalutils.stats.frames.baseline` makes it.
    volumes : DataFrame
        The table ``volumes``.
    fewest : int
        People that a site needs, per method.

    Returns
    -------
    Harmonised
        Empty volumes where fewer than two sites have enough people.
    """
    moved, effects = [], []
    for method, rows in frame.groupby("method", sort=False):
        complete = rows.dropna(subset=["volume_ml", "sex", *COVARIATES])
        counts = complete["site"].value_counts().sort_index()
        large = [site for site, count in counts.items() if count >= fewest]
        small = {site: count for site, count in counts.items() if count < fewest}
        effects += [
            _row(method, site, count, note=f"Fewer than {fewest} people: left out.")
            for site, count in small.items()
        ]
        known = complete[complete["site"].isin(large)]
        if len(large) < 2:
            effects += [
                _row(method, site, counts[site], note="No other site with enough people.") for site in large
            ]
            continue
        design, note = _design(known)
        with contextlib.redirect_stdout(io.StringIO()):
            model, _ = harmonizationLearn(known[["volume_ml"]].to_numpy(float), design, eb=False, seed=0)
        spread = float(np.sqrt(model["var_pooled"]).item())
        for place, site in enumerate(model["SITE_labels"]):
            shift, scale = model["gamma_star"][place, 0] * spread, np.sqrt(model["delta_star"][place, 0])
            effects.append(_row(method, site, counts[site], shift, scale, note))
        moved.append(_moved(method, known, design, model, volumes))
    found = pd.concat(moved, ignore_index=True) if moved else tables.empty("volumes")
    columns = list(tables.empty("site_effects").columns)
    return Harmonised(
        tables.check("volumes", found), tables.check("site_effects", pd.DataFrame(effects, columns=columns))
    )


def _row(
    method: str, site: str, count: int, shift: float = np.nan, scale: float = np.nan, note: str | None = None
) -> tuple[str, str, int, float, float, str | None]:
    return method, site, count, shift, scale, note


def _design(known: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Return sites and covariates as the program takes them, and a note of what was left out."""
    design = known[list(COVARIATES)].astype(float).assign(male=known["sex"].eq("M").astype(float))
    design = design.loc[:, design.std() > 0]
    sites = pd.get_dummies(known["site"], dtype=float)
    groups = pd.get_dummies(known["group"].astype(str), prefix="group", drop_first=True, dtype=float)
    every = pd.concat([sites, design, groups], axis=1)
    note = None
    if np.linalg.matrix_rank(every.to_numpy()) < every.shape[1]:
        groups, note = (
            groups.iloc[:, :0],
            "Diagnoses and sites determine one another: diagnoses are not held fixed.",
        )
    return pd.concat([known["site"].rename("SITE"), design, groups], axis=1), note


def _moved(
    method: str, known: pd.DataFrame, design: pd.DataFrame, model: dict, volumes: pd.DataFrame
) -> pd.DataFrame:
    """Return the harmonised volumes of every visit of the people in the model."""
    mine = volumes[volumes["method"].eq(method) & volumes["participant_id"].isin(known["participant_id"])]
    mine = mine.dropna(subset=["volume_ml"])
    held = design.set_axis(known["participant_id"]).loc[mine["participant_id"]].reset_index(drop=True)
    values = harmonizationApply(mine[["volume_ml"]].to_numpy(float), held, model)[:, 0]
    return mine.assign(volume_ml=values, left_ml=np.nan, right_ml=np.nan)
