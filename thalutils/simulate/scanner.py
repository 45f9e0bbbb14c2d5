"""A simulated scanner: the study's protocol, its fields, movement and noise, applied to a head."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage
from scipy.spatial.transform import Rotation

from thalutils.cohort import Phantom
from thalutils.simulate import sequences, tissues
from thalutils.simulate.deformation import mesh
from thalutils.simulate.head import Head
from thalutils.simulate.spoiling import spoiling_factor

FOV_MM = np.array([184.0, 224.0, 192.0])
CENTRE_MM = np.array([0.0, -18.0, 16.0])
B1_MAP_MM = 4.0
B1_MAP_NOISE_PERCENT = 1.0

# The paper gives TR, TI and TE. Flip angles are ours: 8 degrees and an echo spacing of 7 ms are
# usual for an MPRAGE of this kind; 4 and 25 degrees lie on both sides of white matter's Ernst angle
# (11 degrees at TR 18 ms), near where R1 is most precise; 6 degrees keeps T1 weighting out of MTw.
MPRAGE = {"tr_s": 2.5, "ti_s": 1.0, "flip_deg": 8.0, "echo_spacing_s": 0.007, "n_echoes": 176}
# A SPACE train at TE 387 ms has the contrast of a spin echo near 100 ms.
FLAIR = {"tr_s": 6.0, "ti_s": 2.1, "te_s": 0.100}
MPM = {
    "PDw": {"tr_s": 0.018, "flip_deg": 4.0, "mt": False},
    "T1w": {"tr_s": 0.018, "flip_deg": 25.0, "mt": False},
    "MTw": {"tr_s": 0.037, "flip_deg": 6.0, "mt": True},
}
MPM_TE_S = tuple(np.linspace(2.46e-3, 14.78e-3, 6).round(6).tolist())
WHITE_MATTER_LEVEL = 1000.0
TEXTURE_STEP = 0.005
TEXTURE_LIMIT = 0.25
# A map's noise over a scan's: it comes from the difference of two signals.
MAP_NOISE = 2.0
# Maps as if measured without error but noise: the parameter, and what brings white matter near 1000.
MAPS = {"R1": ("r1_per_s", 1000.0), "MTsat": ("mtsat_percent", 600.0), "R2star": ("r2star_per_s", 50.0)}


@dataclass(frozen=True)
class Conditions:
    """What may differ between two visits beside the head: the protocol, the coil, and water in the tissue.

    Attributes
    ----------
    mprage, flair : mapping
        What :func:`sequences.mprage` and :func:`sequences.flair` take.
    receive : float
        Change of the receive sensitivity over 100 mm.
    map_error : float
        Change over 100 mm of the factor that a map is off by, as from a transmit field that was measured wrongly.
    water_percent : mapping from a tissue's name
        As for :func:`tissues.parameter_table`.
    """

    mprage: Mapping[str, float] = field(default_factory=lambda: MPRAGE)
    flair: Mapping[str, float] = field(default_factory=lambda: FLAIR)
    receive: float = 0.15
    map_error: float = 0.0
    water_percent: Mapping[str, float] = field(default_factory=dict)


STUDY = Conditions()


@dataclass(frozen=True)
class Frame:
    """The voxel grid of a scan, and how the head lies in the scanner while it is made.

    Attributes
    ----------
    shape : tuple of int
    affine : ndarray, shape (4, 4)
        From voxels to the scanner's RAS millimetres.
    pose : ndarray, shape (4, 4)
        From the head's millimetres to the scanner's.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray
    pose: np.ndarray

    @classmethod
    def whole_head(cls, voxel_mm: float, pose: np.ndarray) -> "Frame":
        """Return the frame of a scan of the whole head with cubic voxels."""
        shape = tuple(int(size) for size in np.round(FOV_MM / voxel_mm))
        affine = np.diag([voxel_mm] * 3 + [1.0])
        affine[:3, 3] = CENTRE_MM - voxel_mm * (np.array(shape) - 1) / 2
        return cls(shape, affine, pose)

    @property
    def to_head(self) -> np.ndarray:
        """From voxel indices to the head's millimetres, shape (4, 4)."""
        return np.linalg.inv(self.pose) @ self.affine

    def world(self) -> np.ndarray:
        """Return the scanner's coordinates of every voxel, shape (x, y, z, 3), float32."""
        axes = [self.affine[k, k] * np.arange(size) + self.affine[k, 3] for k, size in enumerate(self.shape)]
        return mesh(axes)

    def head_voxels(self, head: Head) -> np.ndarray:
        """List the voxels that hold, or touch, anything but air, shape (n, 3)."""
        filled = np.zeros(self.shape, dtype=bool)
        air = np.flatnonzero(head.anatomy.values == 0)[0]
        yz = np.stack(np.meshgrid(*map(np.arange, self.shape[1:]), indexing="ij"), -1).reshape(-1, 2)
        for x in range(self.shape[0]):
            voxels = np.column_stack([np.full(len(yz), x), yz])
            points = voxels @ self.to_head[:3, :3].T + self.to_head[:3, 3]
            filled[x] = (head.structure_at(points)[0] != air).reshape(self.shape[1:])
        return np.argwhere(ndimage.binary_dilation(filled, iterations=1))


def movement(rng: np.random.Generator, size_mm: float, size_deg: float) -> np.ndarray:
    """Return a random rigid movement about the head's centre, normal along each axis, shape (4, 4)."""
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_euler("xyz", rng.normal(0, size_deg, 3), degrees=True).as_matrix()
    matrix[:3, 3] = CENTRE_MM - matrix[:3, :3] @ CENTRE_MM + rng.normal(0, size_mm, 3)
    return matrix


def transmit_field(world_mm: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return B1+ over nominal: high in the middle, low at the sides, as at 3 T; shape of the points."""
    around = (world_mm - CENTRE_MM) / np.float32(100.0)
    tilt = rng.normal(0, 0.04, 3).astype(np.float32)
    peak, fall = np.float32(1.08 + rng.normal(0, 0.02)), np.float32(0.26 + rng.normal(0, 0.02))
    return np.clip(peak - fall * (around**2).sum(-1) + around @ tilt, 0.6, 1.3)


def receive_field(world_mm: np.ndarray, rng: np.random.Generator, strength: float) -> np.ndarray:
    """Return a smooth receive sensitivity, 1 in the middle; `strength` is its change over 100 mm."""
    around = (world_mm - CENTRE_MM) / np.float32(100.0)
    tilt = (strength * rng.normal(0, 0.5, 3)).astype(np.float32)
    return np.clip(1 + np.float32(strength) * (around**2).sum(-1) + around @ tilt, 0.4, 2.5)


def structural(
    head: Head, frame: Frame, kind: str, settings: Phantom, rng: np.random.Generator
) -> np.ndarray:
    """Return one MPRAGE or FLAIR scan as int16, shape of the frame.

    Parameters
    ----------
    head, frame : Head, Frame
    kind : str
        ``T1w`` or ``FLAIR``; or a map of :data:`MAPS`, as if measured without error but noise (R1 in 1/s times 1000).
    settings : Phantom
        Supersampling, SNR, contrast at the thalamus's border.
    rng : numpy.random.Generator
        The fields and the noise.
    """
    return together(head, frame, (kind,), settings, rng)[kind]


def together(
    head: Head, frame: Frame, kinds: tuple[str, ...], settings: Phantom, rng: np.random.Generator,
    conditions: Conditions = STUDY,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return several scans of one head in one place, as :func:`structural` returns one, in one pass.

    The first of them is the same whatever follows it.
    """
    table = tissues.parameter_table(settings.border_contrast, conditions.water_percent)
    levels = {kind: _structural_levels(head, kind, table, conditions) for kind in kinds}
    voxels = frame.head_voxels(head)
    totals = {kind: np.zeros(len(voxels), dtype=np.float32) for kind in kinds}
    count = settings.supersampling
    for structure, texture in head.subsamples(voxels, frame.to_head, count):
        step = np.rint((texture + TEXTURE_LIMIT) / TEXTURE_STEP).astype(np.int16)
        for kind, total in totals.items():
            total += levels[kind][structure, step]
    scans = {}
    for kind, total in totals.items():
        clean = np.zeros(frame.shape, dtype=np.float32)
        clean[tuple(voxels.T)] = total / count**3
        sigma = WHITE_MATTER_LEVEL / settings.snr
        if kind in MAPS:
            sigma *= MAP_NOISE
            if conditions.map_error:
                clean *= receive_field(frame.world(), rng, conditions.map_error)
        else:
            clean *= receive_field(frame.world(), rng, conditions.receive)
        scans[kind] = _noisy(clean, sigma, rng)
    return scans


def _structural_levels(
    head: Head, kind: str, table: Mapping[str, np.ndarray], conditions: Conditions
) -> np.ndarray:
    """Return the signal of each structure at each step of texture, white matter at 1000."""
    texture = np.arange(-TEXTURE_LIMIT, TEXTURE_LIMIT + TEXTURE_STEP / 2, TEXTURE_STEP)
    which = tissues.tissue_index(head.anatomy.values)
    values = {
        name: tissues.textured(column[which][:, None], name, texture[None]) for name, column in table.items()
    }
    if kind in MAPS:
        name, gain = MAPS[kind]
        return np.where(values["pd_percent"] > 0, gain * values[name], 0).astype(np.float32)
    if kind == "T1w":
        signal = sequences.mprage(values["r1_per_s"], values["pd_percent"], **conditions.mprage)
    else:
        signal = sequences.flair(values["r1_per_s"], values["pd_percent"], values["t2_s"], **conditions.flair)
    white = np.flatnonzero(np.isin(head.anatomy.values, tissues.WHITE_MATTER))[0]
    scale = WHITE_MATTER_LEVEL / signal[white, len(texture) // 2]
    return (signal * scale).astype(np.float32)


def _noisy(clean: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    return np.rint(np.clip(sequences.rician(clean, sigma, rng), 0, 32000)).astype(np.int16)


def multi_parameter(
    head: Head, frame: Frame, settings: Phantom, rng: np.random.Generator
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    """Return the multi-parameter-mapping scans, the transmit field and the true maps.

    Parameters
    ----------
    head, frame, settings, rng
        As for :func:`structural`.

    Returns
    -------
    scans : dict of ndarray of int16, shape (x, y, z, echo)
        ``PDw``, ``T1w`` and ``MTw``.
    b1 : ndarray of float32, shape (x, y, z)
        The true transmit field over nominal.
    truth : dict of ndarray, shape (x, y, z)
        ``R1``, ``PD``, ``MTsat``, ``R2star`` averaged over each voxel, which no scanner measures where tissues mix, as it
        averages signals; ``tissue``: 1 + the place in :data:`thalutils.simulate.tissues.TISSUES` of the one that a
        voxel holds most of (of equals the first), 0 outside the head; ``share``: how much of the voxel that tissue fills,
        from 0 to 1.
    """
    world = frame.world()
    b1 = transmit_field(world, rng)
    gain = receive_field(world, rng, 0.3)
    voxels = frame.head_voxels(head)
    where = tuple(voxels.T)
    local_b1, local_gain = b1[where], gain[where]
    which = tissues.tissue_index(head.anatomy.values)
    table = tissues.parameter_table(settings.border_contrast)
    sums = {name: np.zeros((len(voxels), len(MPM_TE_S)), dtype=np.float32) for name in MPM}
    maps = {name: np.zeros(len(voxels), dtype=np.float32) for name in ("R1", "PD", "MTsat", "R2star")}
    count = settings.supersampling
    held = np.zeros((len(tissues.TISSUES), len(voxels)), dtype=np.uint8)
    every = np.arange(len(voxels))
    for structure, texture in head.subsamples(voxels, frame.to_head, count):
        tissue = which[structure]
        held[tissue, every] += 1
        r1, pd, r2star, mtsat, t2 = (
            tissues.textured(table[name][tissue], name, texture) for name in tissues.PARAMETERS
        )
        for name, protocol in MPM.items():
            signal = sequences.flash(
                r1, pd, tr_s=protocol["tr_s"], flip_deg=protocol["flip_deg"], b1=local_b1,
                mtsat_percent=mtsat if protocol["mt"] else 0.0,
            )  # fmt: skip
            if settings.spoiling == "imperfect":
                signal = signal * spoiling_factor(
                    r1, t2, flip_deg=protocol["flip_deg"], tr_s=protocol["tr_s"], b1=local_b1
                )
            sums[name] += sequences.echoes(signal, r2star, MPM_TE_S)
        for name, values in zip(maps, (r1, pd, mtsat, r2star), strict=True):
            maps[name] += values
    level = _mpm_level()
    scans = {}
    for name, total in sums.items():
        clean = np.zeros((*frame.shape, len(MPM_TE_S)), dtype=np.float32)
        clean[where] = total * (local_gain * np.float32(level / count**3))[:, None]
        scans[name] = _noisy(clean, WHITE_MATTER_LEVEL / settings.snr, rng)
    truth = {name: np.zeros(frame.shape, dtype=np.float32) for name in maps}
    for name, total in maps.items():
        truth[name][where] = total / count**3
    truth["tissue"] = np.zeros(frame.shape, dtype=np.uint8)
    truth["tissue"][where] = held.argmax(axis=0) + 1
    truth["share"] = np.zeros(frame.shape, dtype=np.float32)
    truth["share"][where] = held.max(axis=0) / np.float32(count**3)
    return scans, b1, truth


def _mpm_level() -> float:
    """Return the gain that brings white matter's PDw signal at TE = 0 to 1000."""
    white = tissues.TISSUES[1]
    signal = sequences.flash(
        white.r1_per_s, white.pd_percent, tr_s=MPM["PDw"]["tr_s"], flip_deg=MPM["PDw"]["flip_deg"]
    )
    return WHITE_MATTER_LEVEL / float(signal)


def b1_map(rng_field: np.random.Generator, frame: Frame, rng: np.random.Generator) -> np.ndarray:
    """Return the measured transmit field at 4 mm, in percent of nominal, float32, with its noise.

    `rng_field` must be a fresh generator of the same seed as the one given to :func:`multi_parameter`,
    whose first draws are the field's.
    """
    field = 100 * transmit_field(frame.world(), rng_field)
    return (field + rng.normal(0, B1_MAP_NOISE_PERCENT, frame.shape)).astype(np.float32)


def tissue_shares(head: Head, frame: Frame, count: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return what each voxel holds.

    Returns
    -------
    shares : dict of ndarray of float32, shape (x, y, z)
        ``left``, ``right`` (thalamus), ``fluid`` and ``inside`` (the skull), from 0 to 1.
    labels : ndarray of int16, shape (x, y, z)
        FreeSurfer's label at the voxel's middle.
    """
    values = head.anatomy.values
    groups = {
        "left": (tissues.LEFT_THALAMUS,),
        "right": (tissues.RIGHT_THALAMUS,),
        "fluid": tissues.FLUID,
    }
    kinds = {name: np.isin(values, labels).astype(np.float32) for name, labels in groups.items()}
    kinds["inside"] = (~np.isin(values, tissues.OUTSIDE_SKULL)).astype(np.float32)
    voxels = frame.head_voxels(head)
    where = tuple(voxels.T)
    sums = {name: np.zeros(len(voxels), dtype=np.float32) for name in kinds}
    for structure, _ in head.subsamples(voxels, frame.to_head, count):
        for name, kind in kinds.items():
            sums[name] += kind[structure]
    shares = {name: np.zeros(frame.shape, dtype=np.float32) for name in kinds}
    for name, total in sums.items():
        shares[name][where] = total / count**3
    middle, _ = head.structure_at(voxels @ frame.to_head[:3, :3].T + frame.to_head[:3, 3])
    labels = np.zeros(frame.shape, dtype=np.int16)
    labels[where] = values[middle]
    return shares, labels
