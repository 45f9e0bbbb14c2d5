"""The loop that fits ThalNet's networks: seeded, and resumed after a stop as if there had been none."""

import json
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from thalutils.errors import UsageError
from thalutils.files import atomic_path, hash_bytes, hash_file, read_json, write_json
from thalutils.process import code_hash
from thalutils.segmenters.thalnet import network, tool, weight_files
from thalutils.training import label_maps, synthesis
from thalutils.training.label_maps import Person

KEEP_EVERY = 250
WATCH_EVERY = 500
WATCH_SAMPLES = 9
WATCH_KINDS = ("T1", "FLAIR", "PD")
WARM_UP = 200
AVERAGE = 0.998
CHECKPOINT, LOG = "checkpoint.pt", "log.tsv"


@dataclass(frozen=True)
class Plan:
    """How a network is fitted.

    Attributes
    ----------
    part : str
        ``locate``, ``draw`` or ``joint``, or ``sketch``, of which ``draw`` is made.
    steps, batch : int
        Updates of the weights, and images for each.
    rate : float
        Highest learning rate; it rises over the first steps and falls as a cosine to zero.
    seed : int
        Of the first weights and of every image.
    begins_as : str
        The network whose weights this one begins with; none where empty.
    dice_weight : float
        Of the Dice in the loss, beside cross entropy. It speeds learning a small structure, but where a border is
        uncertain it rewards masks that are too large (Bertels et al. 2021, Med Image Anal 67:101833).
    """

    part: str
    steps: int
    batch: int = 2
    rate: float = 1e-3
    seed: int = 1
    begins_as: str = ""
    dice_weight: float = 0.0


PLANS = {
    "locate": Plan("locate", 3500, rate=2e-3, dice_weight=1.0),
    "sketch": Plan("sketch", 4500, rate=1.5e-3, dice_weight=1.0),
    "draw": Plan("draw", 2200, rate=8e-4, seed=2, begins_as="sketch"),
    "joint": Plan("joint", 1200, rate=8e-4, seed=3, begins_as="draw"),
}


class Images(Dataset):
    """The training images by step: each is drawn from (seed, step, place) alone, whoever asks and when."""

    def __init__(self, people: list[Person], plan: Plan) -> None:
        self.people, self.plan = people, plan

    def __len__(self) -> int:
        """Return the number of steps."""
        return self.plan.steps

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the images and targets of a step."""
        torch.set_num_threads(1)
        pairs = [self._one(step * self.plan.batch + place) for place in range(self.plan.batch)]
        return torch.stack([image for image, _ in pairs]), torch.stack([target for _, target in pairs])

    def _one(self, number: int) -> tuple[torch.Tensor, torch.Tensor]:
        draw = synthesis.Draw(self.plan.seed, number)
        person = self.people[int(draw.rng.integers(len(self.people)))]
        return sample(self.plan.part, person, draw)


def sample(part: str, person: Person, draw: synthesis.Draw, kind: str | None = None):
    """Return an image (channels, x, y, z) for a network, and its target (classes, x, y, z)."""
    if part in ("sketch", "draw"):
        return synthesis.box_sample(person, draw, kind, capsule=part == "draw")
    if part == "joint":
        return synthesis.joint_sample(person, draw)
    return synthesis.head_sample(person, draw)


def loss(logits: torch.Tensor, target: torch.Tensor, dice_weight: float) -> torch.Tensor:
    """Return cross entropy plus, by its weight, one minus the mean soft Dice of the structures; targets may be shares."""
    entropy = functional.cross_entropy(logits, target)
    if not dice_weight:
        return entropy
    return entropy + dice_weight * (1 - soft_dice(logits.softmax(1), target).mean())


def soft_dice(probability: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the soft Dice of each structure but the background over a batch, shape (classes - 1,)."""
    over = (0, 2, 3, 4)
    both = (probability * target).sum(over)[1:]
    sizes = (probability + target).sum(over)[1:]
    return (2 * both + 1) / (sizes + 1)


def rate_at(plan: Plan, step: int) -> float:
    """Return the learning rate of a step.

    Examples
    --------
    >>> plan = Plan("draw", steps=1000)
    >>> rate_at(plan, 99), rate_at(plan, 200), round(rate_at(plan, 1000), 6)
    (0.0005, 0.001, 0.0)
    """
    if step < WARM_UP:
        return plan.rate * (step + 1) / WARM_UP
    done = (step - WARM_UP) / max(1, plan.steps - WARM_UP)
    return plan.rate * (1 + math.cos(math.pi * done)) / 2


def fit(plan: Plan, folder: Path, cache: Path, tell: Callable[[str], None] = print) -> Path:
    """Fit one network, or go on where a stopped run left off; return the weights' file.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Gets ``<part>/checkpoint.pt``, ``<part>/log.tsv`` and, at the end, ``<part>.safetensors``.
    cache : Path
        Where prepared label maps are kept.
    tell : callable
        Gets a line now and then.

    Raises
    ------
    ImageError
        Where a label map cannot be had.
    UsageError
        Where the folder holds a fit that was begun otherwise, or lacks the network that this one begins as.
    """
    people, centres = label_maps.load(cache, label_maps.TRAINED)
    watched, _ = label_maps.load(cache, label_maps.WATCHED)
    room = folder / plan.part
    torch.manual_seed(plan.seed)
    model = network.untrained(plan.part)
    begins_as = _begin_as(model, plan.begins_as, folder) if plan.begins_as else ""
    ground = _ground(plan, begins_as)
    averaged = {name: value.clone() for name, value in model.state_dict().items()}
    optimiser = torch.optim.AdamW(model.parameters(), lr=plan.rate, weight_decay=1e-4)
    start, log, spent = _resume(room, ground, model, averaged, optimiser)
    began, recent = time.monotonic(), []
    for step, (images, target) in enumerate(_batches(people, plan, start), start=start):
        for group in optimiser.param_groups:
            group["lr"] = rate_at(plan, step)
        model.train()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = model(images)
        value = loss(logits.float(), target, plan.dice_weight)
        optimiser.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        keep = min(AVERAGE, (step + 1) / (step + 10))
        for name, now in model.state_dict().items():
            averaged[name].lerp_(now, 1 - keep)
        recent.append(value.item())
        done = step + 1
        if done % KEEP_EVERY == 0 or done == plan.steps:
            seconds = spent + time.monotonic() - began
            row = {
                "step": done,
                "loss": float(np.mean(recent)),
                "watched_dice": math.nan,
                "seconds": round(seconds),
            }
            if done % WATCH_EVERY == 0 or done == plan.steps:
                row["watched_dice"] = watch(plan, averaged, watched[0])
            recent = []
            log.append(row)
            tell(f"{plan.part} {done} of {plan.steps}: {row}")
            _keep(room, ground, done, model, averaged, optimiser, log)
    return _write(plan, folder, averaged, centres, log)


def watch(plan: Plan, state: dict[str, torch.Tensor], person: Person) -> float:
    """Return the mean Dice of the thalami on fixed images of a person who is not in training."""
    model = network.untrained(plan.part)
    model.load_state_dict(state)
    model.eval()
    sides = [one - 1 for one in network.THALAMI] if plan.part == "locate" else [0, 1]
    found = []
    for number in range(WATCH_SAMPLES):
        draw = synthesis.Draw(plan.seed, 2**40, number)
        image, target = sample(plan.part, person, draw, WATCH_KINDS[number % len(WATCH_KINDS)])
        with torch.no_grad():
            drawn = functional.one_hot(model(image[None]).argmax(1), target.shape[0]).movedim(-1, 1).float()
        found.append(soft_dice(drawn, target[None].round())[sides].mean().item())
    return float(np.mean(found))


def _batches(people: list[Person], plan: Plan, start: int) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    loader = DataLoader(
        Images(people, plan),
        batch_size=None,
        sampler=range(start, plan.steps),
        num_workers=1,
        prefetch_factor=4,
    )
    return iter(loader)


def _keep(room: Path, ground: dict, step: int, model: Any, averaged: Any, optimiser: Any, log: list) -> None:
    state = {"step": step, "ground": ground, "model": model.state_dict(), "averaged": averaged, "log": log,
             "optimiser": optimiser.state_dict()}  # fmt: skip
    with atomic_path(room / CHECKPOINT) as draft:
        torch.save(state, draft)
    with atomic_path(room / LOG) as draft:
        pd.DataFrame(log).to_csv(draft, sep="\t", index=False)


def _begin_as(model: torch.nn.Module, part: str, folder: Path) -> str:
    """Give a network another's weights, from this folder or else from the package; each channel begins alike.

    Returns
    -------
    str
        A hash of the other's weights.

    Raises
    ------
    UsageError
        Where the other network is in neither.
    """
    found = [room / f"{part}.safetensors" for room in (folder, weight_files.FOLDER)]
    there = [path for path in found if path.exists()]
    if not there:
        raise UsageError(
            f"{found[0]}: this network begins as {part}, which is not there. Fit {part} first, into the same folder."
        )
    state = load_file(there[0])
    wanted = model.state_dict()
    for name, value in state.items():
        wanted[name] = value.float().expand(wanted[name].shape) / (wanted[name].numel() / value.numel())
    model.load_state_dict(wanted)
    # of the weights and not of their file, in which the facts beside them may stand in any order
    return hash_bytes(b"".join(name.encode() + state[name].numpy().tobytes() for name in sorted(state)))


def _resume(room: Path, ground: dict, model: Any, averaged: Any, optimiser: Any) -> tuple[int, list, float]:
    """Load a checkpoint of the same ground into the networks; return the next step, the log and the time spent."""
    path = room / CHECKPOINT
    if not path.exists():
        return 0, [], 0.0
    state = torch.load(path, weights_only=True)
    if state.get("ground") != ground:
        raise UsageError(
            f"{path}: this fit was begun with other steps, another seed, another version of the program or its packages, or "
            "from other weights. Give another folder, or delete this file to begin anew."
        )
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    for name, value in state["averaged"].items():
        averaged[name].copy_(value)
    return state["step"], state["log"], state["log"][-1]["seconds"]


def _ground(plan: Plan, begins_as: str) -> dict[str, Any]:
    """Return what decides the images and the steps: a fit that went on upon other ground would be neither's."""
    return {"plan": asdict(plan), "code": _code(), "packages": tool.packages(), "begins_as": begins_as}


@lru_cache(maxsize=1)
def _code() -> str:
    return code_hash("thalutils.training.fit")


def _write(plan: Plan, folder: Path, averaged: dict, centres: np.ndarray, log: list) -> Path:
    """Write the averaged weights at half precision with what must be known of them, and their checksum."""
    halves = {name: value.half().contiguous() for name, value in averaged.items()}
    facts = {
        "version": f"{plan.part}-{plan.seed}-{plan.steps}x{plan.batch}",
        "plan": json.dumps(asdict(plan)),
        "people": json.dumps(label_maps.TRAINED),
        "centres_mm": json.dumps(np.round(centres, 4).tolist()),
        "seconds": str(log[-1]["seconds"]),
    }
    target = folder / f"{plan.part}.safetensors"
    with atomic_path(target) as draft:
        save_file(halves, draft, facts)
        draft.chmod(0o644)  # safetensors writes for the owner alone
    sums = read_json(folder / weight_files.CHECKSUMS) or {}
    write_json(folder / weight_files.CHECKSUMS, sums | {target.name: hash_file(target)})
    return target
