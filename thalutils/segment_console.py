"""What ``thalutils segment`` does: scans in, masks and volumes out, one line for each."""

import os
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from thalutils.errors import ThalutilsError, UsageError
from thalutils.files import atomic_path, write_text

DONE, FAILED = 0, 1
ENDINGS = (".nii.gz", ".nii", ".mgz", ".mgh", ".img", ".hdr")
VOLUMES = "volumes.tsv"
out = Console(highlight=False, soft_wrap=True)
err = Console(highlight=False, soft_wrap=True, stderr=True)


@dataclass(frozen=True)
class Job:
    """One scan, where its mask goes and, if wanted, its picture; other contrasts of the same head beside it."""

    scan: Path
    mask: Path
    preview: Path | None
    others: dict[str, Path] = field(default_factory=dict)


def segment(
    scans: list[Path],
    output: Path | None,
    output_dir: Path | None,
    preview: Path | None,
    weights: Path | None = None,
    others: dict[str, Path] | None = None,
) -> int:
    """Draw both thalami on each scan; return the exit code, 1 where one failed.

    With `others` (``FLAIR``, ``R1``) the one scan is a T1w, and one mask is drawn from all of them.

    Raises
    ------
    UsageError
        Where the outputs asked for do not fit the scans; nothing is written then.
    """
    wanted = jobs(scans, output, output_dir, preview)
    if others and len(wanted) > 1:
        raise UsageError("segment: --flair and --r1 go with one scan, the T1w of the same head.")
    wanted = [replace(job, others=others or {}) for job in wanted]
    import torch  # what takes seconds is loaded once the wishes are known to make sense

    from thalutils.segmenters.thalnet import network, weight_files

    torch.set_num_threads(os.cpu_count() or 1)
    networks = network.load(weights or weight_files.FOLDER)
    rows, failed = [], 0
    for job in wanted:
        try:
            rows.append(_one(job, networks))
        except ThalutilsError as error:
            failed += 1
            err.print(f"{job.scan}: {error}", markup=False)
    if output_dir and rows:
        header = "scan\tmask\tleft_ml\tright_ml\tvolume_ml\tcertainty\twarnings"
        write_text(output_dir / VOLUMES, "\n".join([header, *rows]) + "\n")
    if len(wanted) > 1:
        out.print(f"{len(rows)} of {len(wanted)} scans have a mask.")
    return FAILED if failed else DONE


def jobs(scans: list[Path], output: Path | None, output_dir: Path | None, preview: Path | None) -> list[Job]:
    """Settle where everything goes.

    Raises
    ------
    UsageError
        Where that is not clear, or a scan would be overwritten.
    """
    if output and output_dir:
        raise UsageError("segment: give --output or --output-dir, not both.")
    if output and len(scans) > 1:
        raise UsageError("segment: --output is for one scan; give --output-dir for several.")
    if output and not output.name.endswith((".nii.gz", ".nii")):
        raise UsageError(f"segment: {output}: a mask's name ends with .nii.gz or .nii.")
    if preview and len(scans) == 1 and preview.suffix != ".png":
        raise UsageError(f"segment: {preview}: a picture's name ends with .png.")
    given = {scan.resolve() for scan in scans}
    found: dict[Path, Job] = {}
    for scan in scans:
        stem = _stem(scan)
        mask = output or (output_dir or scan.parent) / f"{stem}_thalamus.nii.gz"
        picture = preview if preview is None or len(scans) == 1 else preview / f"{stem}_thalamus.png"
        if mask in found:
            raise UsageError(
                f"segment: the masks of {found[mask].scan} and {scan} would both be {mask}. Run them apart."
            )
        if mask.resolve() in given:
            raise UsageError(
                f"segment: {mask}, the mask of {scan}, is among the scans itself. Leave it out, or write elsewhere."
            )
        found[mask] = Job(scan, mask, picture)
    return list(found.values())


def _stem(scan: Path) -> str:
    for ending in ENDINGS:
        if scan.name.endswith(ending):
            return scan.name.removesuffix(ending)
    return scan.name


def _one(job: Job, networks) -> str:
    """Segment one scan, write what is wanted, say its volumes; return its line of the table."""
    import nibabel as nib

    from thalutils.imaging import quality
    from thalutils.segmenters.thalnet import segmenting

    for before in filter(None, (job.mask, job.preview)):
        with suppress(OSError):  # a mask of an earlier run must not pass for this one's
            before.unlink(missing_ok=True)
    image = quality.load(job.scan)
    if job.others:
        drawn = segmenting.segment_together({"T1": image, **job.others}, networks)
    else:
        drawn = segmenting.segment(image, networks)
    with atomic_path(job.mask) as draft:
        nib.save(drawn.image(), draft)
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
