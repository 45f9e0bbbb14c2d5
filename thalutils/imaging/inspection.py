"""The stage of acquisition: which scans a visit has, and which of them are fit for use."""

from thalutils.errors import ImageError
from thalutils.imaging import quality
from thalutils.stage import ACQUISITION, Rows, Task, exclusion


def inspect(task: Task) -> Rows:
    """Check every scan of a visit; list it in ``scans`` and, where it is not fit, in ``exclusions``."""
    found = task.session.scans()
    rows: Rows = {"scans": [], "exclusions": []}
    closed = task.session.unreadable()
    for folder, why in closed.items():
        reason = f"the folder {folder.relative_to(task.cohort.bids)} cannot be read ({why}). Change its permissions."
        rows["exclusions"].append(exclusion(task, ACQUISITION, reason))
    if "T1w" not in found and not {task.session.folder, task.session.folder / "anat"} & set(closed):
        where = task.session.folder.relative_to(task.cohort.bids)
        reason = f"{task.session.key} has no T1w in {where}/anat. Every stage starts from it."
        rows["exclusions"].append(exclusion(task, ACQUISITION, reason))
    for name, path in found.items():
        shape, size, usable = None, None, True
        try:
            image = quality.load(path, holes=name == quality.READY_MAP)
            shape = "x".join(map(str, image.shape))
            size = "x".join(f"{float(edge):.3g}" for edge in image.header.get_zooms()[:3])
        except ImageError as error:
            usable = False
            rows["exclusions"].append(exclusion(task, ACQUISITION, str(error), name))
        rows["scans"].append(
            task.row(
                image=name,
                file=str(path.relative_to(task.cohort.bids)),
                shape=shape,
                voxel_mm=size,
                usable=usable,
            )
        )
    return rows
