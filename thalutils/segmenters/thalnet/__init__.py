"""ThalNet: the study's own network, which draws both thalami on a scan of a head, whatever its contrast.

``thalnet.segment`` does it on one scan, ``thalnet.segment_together`` on several of one head at once; see
:mod:`thalutils.segmenters.thalnet.segmenting`.
"""

from typing import Any

__all__ = ["segment", "segment_together"]


def __getattr__(name: str) -> Any:
    """Load a function when it is asked for: torch takes a second, and most commands do without."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from thalutils.segmenters.thalnet import segmenting

    return getattr(segmenting, name)
