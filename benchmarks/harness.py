"""How two ways of doing one work are timed against each other, fairly."""

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

REPEATS = 7


@dataclass(frozen=True)
class Peer:
    """What a user would take instead.

    Attributes
    ----------
    name : str
    run : callable, optional
        Does the same work on the same inputs; ``None`` where the peer is absent on this machine.
    agreement : callable, optional
        From our result and the peer's to a sentence with a number: how far they are the same.
    absent : str
        Why it is absent.
    """

    name: str
    run: Callable[[], Any] | None = None
    agreement: Callable[[Any, Any], str] | None = None
    absent: str = ""


@dataclass(frozen=True)
class Work:
    """A piece of work, how we do it, and its peers."""

    name: str
    ours: Callable[[], Any]
    peers: tuple[Peer, ...]
    repeats: int = REPEATS


def measure(work: Work) -> list[dict[str, Any]]:
    """Time a work against each of its peers.

    Both run once to warm up; then they take turns, and each turn gives a ratio. The table has the median times, and the
    median and the quartiles of the ratios. Where every peer is absent, ours is timed alone.
    """
    rows = []
    ours = work.ours()
    alone = {}
    if not any(peer.run for peer in work.peers):
        alone = {"ours_s": statistics.median([_timed(work.ours) for _ in range(work.repeats)])}
    for peer in work.peers:
        if peer.run is None:
            absent = {"work": work.name, "peer": peer.name, "agreement": f"absent: {peer.absent}"}
            rows.append(absent | alone)
            continue
        theirs = peer.run()
        times = np.array([(_timed(work.ours), _timed(peer.run)) for _ in range(work.repeats)])
        ratios = times[:, 1] / times[:, 0]
        low, high = np.percentile(ratios, (25, 75))
        rows.append(
            {
                "work": work.name, "ours_s": statistics.median(times[:, 0]), "peer": peer.name,
                "peer_s": statistics.median(times[:, 1]), "ratio": statistics.median(ratios), "ratio_low": low,
                "ratio_high": high, "agreement": peer.agreement(ours, theirs) if peer.agreement else "",
            }
        )  # fmt: skip
    return rows


def _timed(run: Callable[[], Any]) -> float:
    gc.collect()
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
