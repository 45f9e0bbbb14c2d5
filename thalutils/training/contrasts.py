"""How bright each tissue is in a training image: like T1w, FLAIR, T2w, PDw, R1, or like nothing in particular."""

import numpy as np

# Tissues by FreeSurfer label; left and right are as bright. Any other label stands for itself.
TISSUES: dict[str, tuple[int, ...]] = {
    "air": (0,),
    "csf": (4, 5, 14, 15, 24, 43, 44, 72),
    "white": (2, 41),
    "cortex": (3, 42),
    "thalamus": (10, 49),
    "caudate": (11, 50, 26, 58),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus": (17, 53),
    "amygdala": (18, 54),
    "ventral diencephalon": (28, 60),
    "brainstem": (16,),
    "cerebellar white": (7, 46),
    "cerebellar cortex": (8, 47),
    "chiasm": (85,),
    "vessel": (30, 62),
    "lesion": (77,),
}
# From cortex (0) to white matter (1): where each tissue may lie, in images weighted by T1 and by T2.
# Wider than any one protocol; after what T1w, R1, FLAIR and T2w at 1.5 and 3 T look like.
SHARE_T1 = {
    "cortex": (-0.08, 0.08), "thalamus": (0.2, 0.8), "caudate": (-0.1, 0.25), "putamen": (0.0, 0.45),
    "pallidum": (0.45, 1.05), "hippocampus": (-0.15, 0.2), "amygdala": (-0.15, 0.15),
    "ventral diencephalon": (0.4, 0.95), "brainstem": (0.55, 1.05), "cerebellar white": (0.8, 1.1),
    "cerebellar cortex": (-0.2, 0.1), "chiasm": (0.3, 0.9), "lesion": (-0.6, 0.7), "white": (1.0, 1.0),
}  # fmt: skip
SHARE_T2 = {
    "cortex": (-0.1, 0.1), "thalamus": (0.1, 1.0), "caudate": (-0.1, 0.4), "putamen": (0.1, 0.8),
    "pallidum": (0.7, 1.8), "hippocampus": (-0.3, 0.1), "amygdala": (-0.3, 0.1),
    "ventral diencephalon": (0.3, 1.2), "brainstem": (0.2, 1.0), "cerebellar white": (0.6, 1.2),
    "cerebellar cortex": (-0.2, 0.4), "chiasm": (0.0, 1.0), "lesion": (-1.5, 0.0), "white": (1.0, 1.0),
}  # fmt: skip
KINDS = ("T1", "T2", "FLAIR", "PD", "random")
ODDS = (0.34, 0.08, 0.28, 0.08, 0.22)
# What the images of the joint network look like.
JOINT_KINDS = {"T1": "T1", "FLAIR": "FLAIR", "R1": "T1"}


def brightness(kind: str, rng: np.random.Generator) -> dict[str, float]:
    """Draw how bright each tissue of :data:`TISSUES` is, about 0 to 1.

    R1 maps have the order of T1w; ``random`` gives each tissue a value of its own, but for pairs that are
    drawn alike half of the time, so that borders without contrast are met too.

    Examples
    --------
    >>> drawn = brightness("T1", np.random.default_rng(1))
    >>> drawn["csf"] < drawn["cortex"] < drawn["white"]
    True
    """
    if kind == "random":
        drawn = {name: rng.uniform() for name in TISSUES}
        for one, other in (
            ("thalamus", "caudate"),
            ("thalamus", "ventral diencephalon"),
            ("thalamus", "white"),
        ):
            if rng.uniform() < 0.2:
                drawn[one] = drawn[other] + rng.normal(0, 0.08)
        return drawn
    if kind == "T1":
        white = rng.uniform(0.7, 1.0)
        grey, csf, share = white * rng.uniform(0.5, 0.9), white * rng.uniform(0.03, 0.4), SHARE_T1
        csf = min(csf, grey - 0.12 * white)
    else:
        white = rng.uniform(0.3, 0.6)
        grey, share = white * rng.uniform(1.08, 1.6), SHARE_T2
        csf = {
            "FLAIR": white * rng.uniform(0.0, 0.5), "T2": grey * rng.uniform(1.3, 2.4), "PD": grey * rng.uniform(0.8, 1.2)
        }[kind]  # fmt: skip
    drawn = {name: grey + rng.uniform(*span) * (white - grey) for name, span in share.items()}
    return drawn | {"csf": csf, "air": rng.uniform(0, 0.05), "vessel": rng.uniform(0, 1)}


def table(values: np.ndarray, drawn: dict[str, float], rng: np.random.Generator) -> np.ndarray:
    """Return the brightness of each label in `values`; those of no tissue (scalp, bone) get one of their own."""
    tissue = {label: name for name, labels in TISSUES.items() for label in labels}
    top = max(drawn.values())
    found = [drawn[tissue[one]] if one in tissue else rng.uniform(0, 1.1) * top for one in values.tolist()]
    return np.array(found, dtype=np.float32)
