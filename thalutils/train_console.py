"""What ``thalutils train`` does: fits ThalNet's networks anew, or goes on with a fit that was stopped."""

import os
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from thalutils import fetch
from thalutils.errors import UsageError

DONE = 0
out = Console(highlight=False, soft_wrap=True)


def train(output: Path, part: str, steps: int | None, seed: int | None) -> int:
    """Fit one network or all; return the exit code.

    Without `steps` or `seed`, each network has those that the package's weights were fitted with.

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
    out.print(f"Images are drawn from the label maps of {fetch.address('label_maps')}", markup=False)
    for name in fit.PLANS if part == "all" else (part,):
        given = {"steps": steps, "seed": seed}
        plan = replace(fit.PLANS[name], **{key: value for key, value in given.items() if value is not None})
        out.print(
            f"{name}: {plan.steps} steps of {plan.batch} images. Stop it when you like: it goes on from there."
        )
        path = fit.fit(plan, output, output / "cache", lambda line: out.print(line, markup=False))
        out.print(f"done {path}", markup=False)
    out.print(f"Use them: thalutils segment SCAN --weights {output}", markup=False)
    return DONE
