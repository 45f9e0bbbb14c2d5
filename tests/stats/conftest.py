"""Frames of simulated people, as stats.frames makes them, for tests of the models."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

GROUPS = ("PMS", "NMOSD", "MS", "HC")
STEPS = np.array([0, *np.arange(1, 10.5, 0.5)])


def nearest_step(values: np.ndarray) -> np.ndarray:
    """Return the nearest steps of EDSS."""
    return STEPS[np.abs(np.subtract.outer(np.asarray(values), STEPS)).argmin(axis=1)]


def simulated_people(n: int, rng: np.random.Generator) -> tuple[pd.DataFrame, np.ndarray]:
    """Return n people and their true volumes; the groups come in turn, half of them RRMS."""
    age, icv = rng.normal(43, 12, n), rng.normal(1450, 120, n)
    frame = pd.DataFrame({
        "participant_id": [f"sub-{i:03d}" for i in range(n)],
        "group": [GROUPS[i // 2 % 4] if i % 2 else "RRMS" for i in range(n)],
        "sex": rng.choice(["F", "M"], n, p=[0.66, 0.34]), "age_years": age, "icv_ml": icv,
        "icv_z": (icv - icv.mean()) / icv.std(ddof=1),
    })  # fmt: skip
    return frame, 14 + 0.005 * (icv - 1450) - 0.02 * (age - 43) + rng.normal(0, 1.2, n)


@pytest.fixture
def baseline_frame() -> Callable[..., pd.DataFrame]:
    """Return a function that makes a frame as ``frames.baseline`` does."""

    def make(n: int = 120, methods: Sequence[str] = ("A", "FIRST"), seed: int = 1) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        people, true = simulated_people(n, rng)
        people["edss"] = nearest_step(2.5 - 0.4 * (true - 14) + rng.normal(0, 1, n))
        people["t25fw_s"] = np.exp(1.6 - 0.03 * (true - 14) + rng.normal(0, 0.2, n))
        people["nhpt_s"] = np.exp(3 - 0.03 * (true - 14) + rng.normal(0, 0.15, n))
        people["sdmt"] = 52 + 2 * (true - 14) + rng.normal(0, 9, n)
        years = rng.gamma(1.2, 8, n)
        people["disease_duration_years"] = np.where(people["group"] == "HC", np.nan, years)
        each = [people.assign(method=name, volume_ml=true + rng.normal(0, 0.6, n)) for name in methods]
        return pd.concat(each, ignore_index=True)

    return make


@pytest.fixture
def change_frame() -> Callable[..., pd.DataFrame]:
    """Return a function that makes a frame as ``frames.change`` does."""

    def make(n: int = 120, methods: Sequence[str] = ("A", "FIRST"), seed: int = 1) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        people, true = simulated_people(n, rng)
        lost = rng.normal(-0.1, 0.25, n)
        people["interval_years"] = rng.normal(0.96, 0.17, n)
        people["steroids_since_last"] = (rng.random(n) < 0.2).astype(float)
        people["edss"] = nearest_step(rng.gamma(2, 1.2, n))
        people["delta_edss"] = nearest_step(people["edss"] + lost + rng.normal(0, 0.8, n)) - people["edss"]
        for name, spread in (("t25fw_s", 0.5), ("nhpt_s", 1.5), ("sdmt", 5.0)):
            people[f"delta_{name}"] = rng.normal(0, spread, n)
        each = [
            people.assign(method=name, volume_ml=true, delta_ml=lost + rng.normal(0, 0.15, n))
            for name in methods
        ]
        return pd.concat(each, ignore_index=True)

    return make
