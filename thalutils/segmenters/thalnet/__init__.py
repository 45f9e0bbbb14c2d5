"""ThalNet: the study's own network, which draws both thalami on a scan of a head, whatever its contrast.

``thalnet.segment`` does it; see :func:`thalutils.segmenters.thalnet.segmenting.segment`.
"""

from typing import Any

__all__ = ["segment"]


def __getattr__(name: str) -> Any:
    """Load :func:`segment` when it is asked for: torch takes a second, and most commands do without."""
    if name != "segment":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from thalutils.segmenters.thalnet.segmenting import segment

    return segment
