"""The order in which methods stand in every figure and table, and what their names say."""

from collections.abc import Iterable

from thalutils import reported
from thalutils.segmenters.session import methods
from thalutils.stats.agreement import REFERENCES

T1W = "T1"


def in_order(names: Iterable[str]) -> list[str]:
    """Return names once each: the paper's methods, those made here, others as they come, references last.

    Examples
    --------
    >>> in_order(["manual", "MindGlide-T1", "Mine", "SAMSEG-T1", "Template", "FIRST", "Mine"])
    ['FIRST', 'MindGlide-T1', 'Template', 'SAMSEG-T1', 'Mine', 'manual']
    """
    given = list(dict.fromkeys(names))
    known = list(dict.fromkeys([*reported.values()["voxel_agreement"], *methods()]))
    others = [name for name in given if name not in known and name not in REFERENCES]
    return [name for name in (*known, *others, *REFERENCES) if name in given]


def from_t1w(method: str) -> bool:
    """Return whether a method sees the T1w alone, as its name tells: it has no other contrast in it.

    Examples
    --------
    >>> [from_t1w(name) for name in ("FIRST", "MindGlide-T1", "MindGlide-R1", "MindGlide-T1-R1")]
    [True, True, False, False]
    """
    _, _, contrasts = method.partition("-")
    return contrasts in ("", T1W)
