"""What ``thalutils segment`` does: scans in, masks and volumes out, one line for each."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from thalutils.errors import ThalutilsError, UsageError
from thalutils.files import atomic_path, write_text

DONE, FAILED = 0, 1
NIFTI = (".nii.gz", ".nii")
ENDINGS = (*NIFTI, ".mgz", ".mgh", ".img", ".hdr")
VOLUMES = "volumes.tsv"
HEADER = "scan\tmask\tleft_ml\tright_ml\tvolume_ml\tcertainty\twarnings"
# The end of a file's name that says that it is an R1 map, as BIDS has it.
R1_MAP = "_R1map"
STOPPED = "The masks that are finished are kept; the same command draws every scan anew."
out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)


@dataclass(frozen=True)
class Job:
    """One scan, where its mask goes and, if wanted, its picture and the probability; other contrasts of the head."""

    scan: Path
    mask: Path
    preview: Path | None = None
    probability: Path | None = None
    others: dict[str, Path] = field(default_factory=dict)

    def targets(self) -> dict[str, Path]:
        """Return what is written, by what it is."""
        found = {"mask": self.mask, "picture": self.preview, "probability": self.probability}
        return {what: path for what, path in found.items() if path}


@contextmanager
def _told_when_stopped() -> Iterator[None]:
    """Say what a stop leaves, which is less than of a study's run."""
    try:
        yield
    except KeyboardInterrupt:
        raise KeyboardInterrupt(STOPPED) from None


@_told_when_stopped()
def segment(
    scans: list[Path],
    output: Path | None,
    output_dir: Path | None,
    preview: Path | None,
    weights: Path | None = None,
    others: dict[str, Path] | None = None,
    probability: Path | None = None,
) -> int:
    """Draw both thalami on each scan; return the exit code, 1 where one failed.

    With `others` (``FLAIR``, ``R1``) the one scan is a T1w, and one mask is drawn from all of them.

    Raises
    ------
    UsageError
        Where the outputs asked for do not fit the scans; nothing is written then.
    """
    wanted = jobs(scans, output, output_dir, preview, probability, others)
    import torch  # what takes seconds is loaded once the wishes are known to make sense

    from thalutils.segmenters.thalnet import network, weight_files

    torch.set_num_threads(os.cpu_count() or 1)
    networks = network.load(weights or weight_files.FOLDER)
    rows, failed = [], 0
    if output_dir:
        _remove(output_dir / VOLUMES)
    for job in wanted:
        try:
            rows.append(_one(job, networks))
            if output_dir:  # after each, so that a stop keeps the rows of all that is done
                write_text(output_dir / VOLUMES, "\n".join([HEADER, *rows]) + "\n")
        except ThalutilsError as error:
            failed += 1
            err.print(f"{job.scan}: {error}", markup=False)
    if len(wanted) > 1:
        out.print(f"{len(rows)} of {len(wanted)} scans have a mask.")
    return FAILED if failed else DONE


def jobs(
    scans: list[Path],
    output: Path | None,
    output_dir: Path | None,
    preview: Path | None,
    probability: Path | None = None,
    others: dict[str, Path] | None = None,
) -> list[Job]:
    """Settle where everything goes.

    Raises
    ------
    UsageError
        Where that is not clear, or a file that is read would be overwritten.
    """
    others = others or {}
    if others and len(scans) > 1:
        raise UsageError("segment: --flair and --r1 go with one scan, the T1w of the same head.")
    if output and output_dir:
        raise UsageError("segment: give --output or --output-dir, not both.")
    if output and len(scans) > 1:
        raise UsageError("segment: --output is for one scan; give --output-dir for several.")
    if output and not output.name.endswith(NIFTI):
        raise UsageError(f"segment: {output}: a mask's name ends with .nii.gz or .nii.")
    if probability and len(scans) == 1 and not probability.name.endswith(NIFTI):
        raise UsageError(f"segment: {probability}: a probability's name ends with .nii.gz or .nii.")
    if preview and len(scans) == 1 and preview.suffix != ".png":
        raise UsageError(f"segment: {preview}: a picture's name ends with .png.")
    alone = len(scans) == 1
    found = []
    for scan in scans:
        stem = _stem(scan)
        mask = output or (output_dir or scan.parent) / f"{stem}_thalamus.nii.gz"
        picture = preview if preview is None or alone else preview / f"{stem}_thalamus.png"
        chance = probability if probability is None or alone else probability / f"{stem}_probability.nii.gz"
        found.append(Job(scan, mask, picture, chance, others))
    _check_apart(found, output_dir / VOLUMES if output_dir else None)
    return found


def _check_apart(wanted: list[Job], volumes: Path | None) -> None:
    """Check that nothing that is written is read as well, or written twice.

    Raises
    ------
    UsageError
        Naming the file.
    """
    given = {path.resolve() for job in wanted for path in (job.scan, *job.others.values())}
    if volumes and volumes.resolve() in given:
        raise UsageError(f"segment: {volumes}, the table of volumes, is among the scans itself.")
    taken: dict[Path, Job] = {}
    for job in wanted:
        for what, path in job.targets().items():
            before = taken.setdefault(path.resolve(), job)
            if before is not job:
                raise UsageError(
                    f"segment: results of {before.scan} and {job.scan} would both be {path}. Run them apart."
                )
            if path.resolve() in given:
                raise UsageError(
                    f"segment: {path}, the {what} of {job.scan}, is among the scans itself. Leave it out, or write "
                    "elsewhere."
                )
        if len({path.resolve() for path in job.targets().values()}) < len(job.targets()):
            raise UsageError(f"segment: the mask and the probability of {job.scan} would both be {job.mask}.")


def _remove(path: Path) -> None:
    """Remove what an earlier run left, which must not pass for this one's."""
    with suppress(OSError):
        path.unlink(missing_ok=True)


def _stem(scan: Path) -> str:
    for ending in ENDINGS:
        if scan.name.endswith(ending):
            return scan.name.removesuffix(ending)
    return scan.name


def _one(job: Job, networks) -> str:
    """Segment one scan, write what is wanted, say its volumes; return its line of the table."""
    import nibabel as nib

    from thalutils.segmenters.thalnet import segmenting

    for before in job.targets().values():
        _remove(before)
    image = segmenting.read(job.scan, holes=_stem(job.scan).endswith(R1_MAP))
    if job.others:
        drawn = segmenting.segment_together({"T1": image, **job.others}, networks)
    else:
        drawn = segmenting.segment(image, networks)
    with atomic_path(job.mask) as draft:
        nib.save(drawn.image(), draft)
    if job.probability:
        with atomic_path(job.probability) as draft:
            nib.save(drawn.probability_image(), draft)
    if job.preview:
        _picture(image, drawn, job.preview)
    warnings = "; ".join(drawn.warnings)
    sure = f"look at it: {warnings}" if warnings else "confidence good"
    volumes = (drawn.left_ml, drawn.right_ml, drawn.volume_ml)
    told = "left {:.2f} mL, right {:.2f} mL, both {:.2f} mL".format(*volumes)
    scans = ", ".join(map(str, (job.scan, *job.others.values())))
    out.print(f"{scans}: {told} ({sure}) -> {job.mask}", markup=False)
    numbers = "\t".join(f"{volume:.4f}" for volume in (*volumes, drawn.certainty))
    return f"{job.scan}\t{job.mask}\t{numbers}\t{warnings}"


def _picture(image, drawn, path: Path) -> None:
    import matplotlib.pyplot as plt
    import nibabel as nib
    import numpy as np

    from thalutils.report import pictures

    mask = nib.Nifti1Image((drawn.labels > 0).astype(np.uint8), drawn.affine)
    fig = pictures.outline_sheet(image, {"ThalNet": mask}, centre_on="ThalNet")
    with atomic_path(path) as draft:
        fig.savefig(draft, dpi=110)
    plt.close(fig)
