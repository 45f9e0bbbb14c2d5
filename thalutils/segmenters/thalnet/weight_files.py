"""The files that ThalNet's weights ship in: whether they are whole, and what is written in them."""

from pathlib import Path

from safetensors import safe_open

from thalutils.errors import ToolError
from thalutils.files import hash_file, hash_json, read_json

FOLDER = Path(__file__).parent / "weights"
CHECKSUMS = "checksums.json"
PARTS = ("locate", "draw", "joint")


def facts(folder: Path = FOLDER) -> dict[str, dict[str, str]]:
    """Check the weights' files; return by network what is written in each: people, plan, version and more.

    Raises
    ------
    ToolError
        Where a file is absent or is not the one that was made.
    """
    known = read_json(folder / CHECKSUMS) or {}
    found = {}
    for part in PARTS:
        path = folder / f"{part}.safetensors"
        if not path.exists():
            raise ToolError(f"{path}: ThalNet's weights are not there. Install the package again, or train.")
        if hash_file(path) != known.get(path.name):
            raise ToolError(f"{path}: ThalNet's weights are damaged. Install the package again.")
        with safe_open(path, framework="np") as content:
            found[part] = content.metadata()
    return found


def version(folder: Path = FOLDER, known: dict[str, dict[str, str]] | None = None) -> str:
    """Return what tells these weights from others: how each network was fitted, and a hash of the files.

    Raises
    ------
    ToolError
        As :func:`facts`.
    """
    plans = ", ".join(found["version"] for found in (known or facts(folder)).values())
    return f"{plans} ({hash_json(read_json(folder / CHECKSUMS))[:8]})"
