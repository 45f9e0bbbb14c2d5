"""The package's own errors: each message names the file or row, what is wrong and what to do."""


class ThalutilsError(Exception):
    """Base of every error that is the user's to mend; the command line prints it without a traceback."""


class CohortError(ThalutilsError):
    """A cohort's YAML, its folder or its participants are not usable."""


class ImageError(ThalutilsError, ValueError):
    """An image is missing, broken, or not what its place asks for."""


class ToolError(ThalutilsError):
    """A program is absent, failed, ran out of time, or wrote nothing usable."""


class TableError(ThalutilsError, ValueError):
    """A table does not keep the contract of :mod:`thalutils.schemas`."""


class DiskError(ThalutilsError):
    """A disk is full, read-only or limited: no fault of what was worked on, which is tried again on the next run."""


class UsageError(ThalutilsError):
    """The command was asked for something that does not exist or does not fit."""
