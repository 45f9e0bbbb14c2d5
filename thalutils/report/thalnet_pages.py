"""What the network's model card shows: how it was made, and how near it comes to what is true."""

import json
from dataclasses import asdict

import pandas as pd
from IPython.display import HTML
from matplotlib.figure import Figure

from thalutils import fetch
from thalutils.report import figures, tables, thalnet_plots
from thalutils.report.embed import note
from thalutils.segmenters.protocol import JOINT
from thalutils.segmenters.thalnet import network, weight_files
from thalutils.segmenters.thalnet.tool import ThalNet
from thalutils.stats import known_truth
from thalutils.training import borders, conventions, cuts, evaluation, fit, label_maps, real_scans
from thalutils.truth import kept
from thalutils.truth.scans import PHANTOM

HEADS = {True: "the phantom's anatomy", False: "people kept out of training"}
# As they were fitted, one after the other.
PARTS = {
    "locate": "finds the thalami",
    "sketch": "as which draw began; not in the package",
    "draw": "draws them on one scan",
    "joint": "draws them on T1w, FLAIR and R1 at once",
}
# What a further map is added to.
BASE = "T1-FLAIR"


def fits() -> pd.DataFrame:
    """Return what each network is and how it was fitted: from its weights, and of one that does not ship from its log.

    Returns
    -------
    DataFrame
        A row a network, in the order in which they were fitted.
    """
    shipped = weight_files.facts()
    rows = []
    for part, words in PARTS.items():
        path = weight_files.FOLDER / f"{part}.safetensors"
        if part in shipped:
            known = shipped[part]
            plan, seconds = json.loads(known["plan"]), float(known["seconds"])
            people = len(json.loads(known["people"]))
        else:
            log = _log(part).iloc[-1]
            plan, seconds = asdict(fit.PLANS[part]) | {"steps": int(log["step"])}, float(log["seconds"])
            people = len(label_maps.TRAINED)
        rows.append(
            {
                "network": f"{part}: {words}", "parameters": sum(one.numel() for one in network.untrained(part).parameters()),
                "size (MB)": round(path.stat().st_size / 1e6, 2) if part in shipped else None,
                "began as": plan.get("begins_as") or "random weights", "steps": plan["steps"], "images a step": plan["batch"],
                "seed": plan["seed"], "people": people, "hours on two cores": round(seconds / 3600, 2),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _log(part: str) -> pd.DataFrame:
    """Return the log of the fit of one network."""
    return kept.read(f"thalnet_{part}_log.tsv")


def facts(table: pd.DataFrame) -> HTML:
    """Tabulate what each network is and how it was fitted."""
    return tables.show(
        table,
        caption="The networks, and how they were fitted, one after the other.",
        name="thalnet-facts",
        public=True,
    )


def source() -> HTML:
    """Say where the label maps are."""
    address = fetch.address("label_maps")
    return note(f'The label maps are public: <a href="{address}">{address}</a>.')


def curves() -> HTML:
    """Draw how loss and Dice went while the networks were fitted."""
    fig = thalnet_plots.curves({part: _log(part) for part in PARTS})
    caption = f"Loss on training images, each seen once, and Dice of the thalami on fixed images of person {label_maps.WATCHED[0]}, who takes no part in the fit. The loss of draw and joint is cross entropy alone; the images of each differ, so that panels are not to be compared."
    return figures.figure(
        fig,
        caption=caption,
        alt="Loss falls and Dice rises over the steps.",
        name="thalnet-curves",
        public=True,
    )


def cut() -> HTML:
    """Draw how the cut of the probabilities was set."""
    drawn = kept.read(cuts.DATA)
    caption = (
        f"Bias of volume and Dice, means over contrasts and {drawn['number'].nunique()} heads of person {label_maps.WATCHED[0]}, who takes no "
        "part in the fit and none in the tests below, by the probability from which on a voxel counts as thalamus."
    )
    return figures.figure(
        thalnet_plots.cuts(cuts.biases(drawn), network.CUT),
        caption=caption,
        alt="Volumes fall as the probability that is asked for rises; the Dice is highest about where they have no bias.",
        name="thalnet-cuts",
        public=True,
    )


def masks() -> pd.DataFrame:
    """Return the kept evaluation with the set of heads and the person of each row."""
    found = kept.read(evaluation.DATA)
    phantom = found["anatomy"] == PHANTOM
    person = found["anatomy"].where(~phantom, "phantom " + found["number"].astype(str))
    return found.assign(heads=phantom.map(HEADS), person=person)


def pairs(found: pd.DataFrame) -> pd.DataFrame:
    """Return the changes between the visits of one head: true and measured, in percent of the first volume."""
    keys = ["heads", "anatomy", "number", "contrast"]
    first, second = (found[found["visit"] == visit].set_index(keys) for visit in (1, 2))
    both = first.merge(second, left_index=True, right_index=True, suffixes=("", "_later"))
    change = {
        "true_percent": 100 * (both["truth_ml_later"] / both["truth_ml"] - 1),
        "measured_percent": 100 * (both["volume_ml_later"] / both["volume_ml"] - 1),
    }
    return pd.DataFrame(change).reset_index()


def accuracy(table: pd.DataFrame) -> HTML:
    """Tabulate overlap, bias, slope and agreement with the truth, and with a simulated rater."""
    digits = {"dice": 3, "dice_lowest": 3, "slope": 2, "icc_a1": 3, "bias_percent": 1}
    digits |= {"dice_manual": 3, "bias_manual_percent": 1}
    digits |= {
        f"{name}_{end}": digits[name]
        for name in ("slope", "icc_a1", "bias_percent")
        for end in ("low", "high")
    }
    caption = (
        "ThalNet against the truth on simulated scans at 1 mm, by contrast; in the last two columns against the drawing of a "
        "simulated rater."
    )
    return tables.show(table, caption=caption, name="thalnet-accuracy", digits=digits, public=True)


def joint(found: pd.DataFrame) -> pd.DataFrame:
    """Return the table ``thalnet_joint`` of the kept evaluation's first visits."""
    return known_truth.joint(found, evaluation.VOTE, JOINT)


def joint_table(table: pd.DataFrame) -> HTML:
    """Tabulate the joint network beside the vote."""
    caption = (
        "The joint network less the vote, on the same heads: Dice with the truth, and the size of the volume's error (mean "
        "paired differences with 95 % intervals)."
    )
    digits = {column: 4 if column.startswith("dice") else 2 for column in table.columns if column.startswith(("dice", "error"))}  # fmt: skip
    return tables.show(table, caption=caption, name="thalnet-joint", digits=digits, public=True)


def targets(table: pd.DataFrame) -> HTML:
    """Tabulate what was asked beside what is there."""
    caption = (
        "What was asked of ThalNet in every contrast, and what the contrast reaches that lies worst in it."
    )
    return tables.show(table, caption=caption, name="thalnet-targets", public=True)


def recovery(table: pd.DataFrame) -> HTML:
    """Tabulate how much of a known change is measured."""
    digits = dict.fromkeys(table.columns.drop(["n", "n_rescans"]), 2)
    caption = "Known loss between two simulated visits (0 to 5 %, newly positioned, new noise and shading) and what ThalNet measures of it."
    return tables.show(table, caption=caption, name="thalnet-recovery", digits=digits, public=True)


def volumes(found: pd.DataFrame) -> HTML:
    """Draw measured on true volumes."""
    what = "Volume by ThalNet on the true volume of simulated heads"
    return _against_truth(thalnet_plots.volumes(found), what, "thalnet-volumes")


def changes(found: pd.DataFrame) -> HTML:
    """Draw measured on true changes."""
    what = "Change of volume between two simulated visits by ThalNet on the true change"
    return _against_truth(thalnet_plots.changes(found), what, "thalnet-changes")


def _against_truth(fig: Figure, what: str, name: str) -> HTML:
    alt = "Dots about the line of equality."
    return figures.figure(fig, caption=f"{what}. Dashed: equal.", alt=alt, name=name, public=True)


def real() -> pd.DataFrame:
    """Return the kept table of masks on real scans: a row two masks of one head."""
    return kept.read(real_scans.DATA).drop(columns="weights")


def real_table(table: pd.DataFrame) -> HTML:
    """Tabulate ThalNet's masks on real scans beside those of other tools, and beside each other."""
    own = table[table["method"].str.startswith(ThalNet.name)]
    made = kept.origin(real_scans.DATA)
    caption = (
        f"ThalNet's masks on real scans, each beside another mask of the same head, SAMSEG by its full preset; volume of the first and of "
        f"the other. Kept with the program, made on {made['date']} from commit {made['commit']}."
    )
    digits = {"dice": 3, "volume_ml": 1, "other_ml": 1}
    units = {"volume_ml": "mL", "other_ml": "mL"}
    return tables.show(own, caption=caption, name="thalnet-real", digits=digits, units=units, public=True)


def conventions_table() -> HTML:
    """Tabulate the thalami's share of the brain in the label maps, and as SAMSEG and ThalNet draw them on real scans."""
    found = conventions.shares(kept.read(conventions.DATA))
    caption = (
        "Thalami in percent of the brain's tissue (no fluid): in the label maps, and on real scans of 1 mm as SAMSEG (full preset) and ThalNet "
        "draw them, both beside the brain that SAMSEG draws."
    )
    units = dict.fromkeys(("mean_percent", "lowest_percent", "highest_percent"), "%")
    return tables.show(found, caption=caption, name="thalnet-conventions", digits=2, units=units, public=True)


def real_targets(table: pd.DataFrame) -> HTML:
    """Tabulate what was asked on real scans beside what is there."""
    caption = "What was asked of ThalNet on real scans, and the worst of them. The other tool is a second opinion and not the truth."
    return tables.show(table, caption=caption, name="thalnet-real-targets", public=True)


def gain() -> pd.DataFrame:
    """Return the table ``thalnet_gain`` of the kept study of borders."""
    return known_truth.gain(kept.read(borders.DATA), BASE)


def gains(table: pd.DataFrame) -> HTML:
    """Draw what each map adds to T1w and FLAIR, by contrast at the border."""
    caption = (
        "Dice with the truth when a map is added to T1w and FLAIR, less the Dice without it (mean over the same heads, 95 % "
        "interval), by how far thalamus and white matter lie apart in R1 and MT saturation (1: as in the literature)."
    )
    return figures.figure(
        thalnet_plots.gains(table),
        caption=caption,
        alt="Dots with intervals for each added map, by contrast at the border, in a panel for each way of joining contrasts; a dashed line at no difference.",
        name="thalnet-gains",
        public=True,
    )


def gain_table(table: pd.DataFrame) -> HTML:
    """Tabulate what each map adds."""
    caption = (
        "What a map adds to T1w and FLAIR on simulated scans, by vote over masks and in the joint network."
    )
    digits = {column: 4 if column.startswith("dice") else 2 for column in table.columns if column.endswith(("gain", "without", "low", "high", "percent"))}  # fmt: skip
    return tables.show(table, caption=caption, name="thalnet-gain", digits=digits, public=True)


def numbers(
    accuracy: pd.DataFrame, recovery: pd.DataFrame, gain: pd.DataFrame, joint: pd.DataFrame
) -> dict[str, float]:
    """Return the numbers of the card that prose cites."""
    unseen = accuracy[accuracy["heads"] == HEADS[False]]
    [beside] = joint[joint["heads"] == HEADS[False]].to_dict("records")
    known = gain.dropna(subset=["dice_gain_low", "dice_gain_high"])
    return (
        {
            "thalnet.dice_lowest_median": float(unseen["dice"].min()),
            "thalnet.dice_lowest": float(unseen["dice_lowest"].min()),
            "thalnet.recovery_lowest": float(recovery["slope"].min()),
            "thalnet.recovery_highest": float(recovery["slope"].max()),
            "thalnet.n_rescans": int(recovery["n_rescans"].min()),
            "thalnet.rescan_sd_percent": float(recovery["rescan_sd_percent"].max()),
            "thalnet.n_borders": int(gain["n"].min()),
            "thalnet.n_heads_each": int(unseen["n"].min() / unseen["n_persons"].max()),
            "thalnet.n_pairs": int(recovery["n"].max()),
            "thalnet.n_gains": len(known),
            "thalnet.n_gains_up": int((known["dice_gain_low"] > 0).sum()),
            "thalnet.n_gains_down": int((known["dice_gain_high"] < 0).sum()),
        }
        | {
            f"thalnet.joint_{key}": float(beside[column])
            for key, column in (
                ("dice", "dice_gain"),
                ("dice_low", "dice_gain_low"),
                ("dice_high", "dice_gain_high"),
                ("error_percent", "error_gain_percent"),
                ("error_percent_low", "error_gain_percent_low"),
                ("error_percent_high", "error_gain_percent_high"),
            )
        }
        | {
            f"thalnet.r1_gain_{row.way}_{end}": getattr(row, f"dice_gain{suffix}")
            for row in gain[(gain["added"] == "R1") & (gain["border_contrast"] == 1)].itertuples()
            for end, suffix in (("mean", ""), ("low", "_low"), ("high", "_high"))
        }
    )
