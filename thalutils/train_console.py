"""What ``thalutils train`` does: fits ThalNet's networks anew, or goes on with a fit that was stopped."""

import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from thalutils.errors import UsageError

DONE = 0
out = Console(highlight=False, soft_wrap=True)


def train(output: Path, part: str, steps: int | None, seed: int) -> int:
    """Fit one network or all; return the exit code.

    Raises
    ------
    UsageError
        Where there is no such network.
    ImageError
        Where a label map cannot be had.
    """
    import torch

    from thalutils.training import fit

    if part not in (*fit.PLANS, "all"):
        raise UsageError(f"train: there is no network {part}; give {', '.join(fit.PLANS)} or all.")
    torch.set_num_threads(os.cpu_count() or 1)
    for name in fit.PLANS if part == "all" else (part,):
        plan = replace(fit.PLANS[name], seed=seed)
        if steps:
            plan = replace(plan, steps=steps)
        out.print(
            f"{name}: {plan.steps} steps of {plan.batch} images. Stop it when you like: it goes on from there."
        )
        path = fit.fit(plan, output, output / "cache", lambda line: out.print(line, markup=False))
        out.print(f"done {path}", markup=False)
    out.print(f"Use them: thalutils segment SCAN --weights {output}", markup=False)
    return DONE
