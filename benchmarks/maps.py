"""Quantitative maps of a three-contrast protocol, against the memory that must be moved for them."""

import shutil
import time

import numpy as np

from benchmarks.harness import Peer, Work
from thalutils.imaging import qmri
from thalutils.simulate import sequences
from thalutils.simulate.scanner import MPM, MPM_TE_S

SHAPE = (160, 140, 112)


def works() -> list[Work]:
    """Return the works and their peers."""
    rng = np.random.default_rng(4)
    r1 = rng.uniform(0.5, 1.1, SHAPE).astype(np.float32)
    r2star, pd = rng.uniform(12, 25, SHAPE).astype(np.float32), rng.uniform(60, 90, SHAPE).astype(np.float32)
    scans = {}
    for name, protocol in MPM.items():
        flash = sequences.flash(
            r1,
            pd,
            tr_s=protocol["tr_s"],
            flip_deg=protocol["flip_deg"],
            b1=1.0,
            mtsat_percent=1.2 if protocol["mt"] else 0.0,
        )
        signal = np.stack([sequences.echoes(flash, r2star, (te,))[..., 0] for te in MPM_TE_S], -1) * 100
        signal += rng.normal(0, 0.5, signal.shape)
        scans[name] = qmri.Contrast(
            signal.astype(np.float32), MPM_TE_S, protocol["tr_s"], protocol["flip_deg"]
        )
    volume = scans["PDw"].signal

    def ours(weighting: str) -> np.ndarray:
        found = qmri.quantitative_maps(scans["PDw"], scans["T1w"], scans["MTw"], weighting=weighting)
        return found.r1_per_s

    def bandwidth() -> float:
        """Read the three scans once and write as much as the four maps hold: less cannot be moved."""
        began = time.perf_counter()
        for one in scans.values():
            one.signal.sum(dtype=np.float32)
        np.stack([volume[..., 0]] * 4)
        return time.perf_counter() - began

    hmri = Peer(
        "hMRI under Octave",
        absent=f"Octave is {'here, the toolbox not' if shutil.which('octave') else 'not installed'}",
    )
    return [
        Work(f"quantitative maps of {'x'.join(map(str, SHAPE))}, {label}", lambda kind=kind: ours(kind), (
            Peer("reading the scans and writing the maps once", bandwidth, lambda a, b: "a limit, not a peer"), hmri,
        ))
        for kind, label in (("ols", "ordinary"), ("wls", "weighted"))
    ]  # fmt: skip
