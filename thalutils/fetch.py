"""Public data that the study reads: from a local folder or from its address, checked by content."""

import hashlib
import os
from pathlib import Path

import pooch

from thalutils.errors import ImageError, UsageError
from thalutils.files import project_root, user_data

DATA_VARIABLE = "THALUTILS_DATA"
CONNECT_TIMEOUT_S = 8
ADDRESS = "https://github.com/{repository}/raw/{commit}/{path}"

# Files of the collections by path in their repository, with git's blob id: SHA-1 of a short
# header and the content, by which a download is checked.
COLLECTIONS: dict[str, dict[str, str]] = {
    "label_maps": {
        "repository": "BBillot/SynthSeg",
        "commit": "66342c1f05e520f3729a6d7ca1042eb7f01b6266",
        "prefix": "data/training_label_maps/",
    },
    "open_ms": {
        "repository": "muschellij2/open_ms_data",
        "commit": "65704901f60650824565aa5a4818611aa89716f4",
        "prefix": "",
    },
}

# Scans that a package of the system brings: one man scanned 27 times (Holmes et al. 1998), with his skull.
INSTALLED = {"colin27": Path("/usr/share/mricron/templates/ch2.nii.gz")}


def fetch(collection: str, path: str) -> Path:
    """Return a local copy of one file of a public collection, its content checked.

    A folder named by ``THALUTILS_DATA`` is used first; else the file is downloaded once into
    ``data/public`` of the checkout, or without a checkout into ``public`` among the user's own data. It takes
    its name there only when it is whole, and a download that is not what was published is removed, so that the
    next call asks for it again.

    Parameters
    ----------
    collection : str
        ``label_maps`` or ``open_ms``.
    path : str
        Path inside the collection.

    Raises
    ------
    ImageError
        Where the file can be had from neither, or its content is not the one that is known.
    """
    local = os.environ.get(DATA_VARIABLE)
    if local and (Path(local) / collection / path).is_file():
        found = Path(local) / collection / path
        if not _published(collection, path, found):
            raise ImageError(f"{found}: its content is not the published one. Put the published file there.")
        return found
    source = COLLECTIONS[collection]
    url = ADDRESS.format(**source | {"path": source["prefix"] + path})
    target = _downloads() / collection / path
    if not target.exists():
        pooch.get_logger().setLevel("WARNING")
        downloader = pooch.HTTPDownloader(progressbar=False, timeout=CONNECT_TIMEOUT_S)
        try:
            pooch.retrieve(url, known_hash=None, fname=target.name, path=target.parent, downloader=downloader)
        except Exception as error:  # requests, urllib3 and the operating system each have their own
            where = f" and is not in {local}" if local else ""
            raise ImageError(
                f"{collection}/{path}: cannot be downloaded ({type(error).__name__}){where}. Connect to "
                f"the network, or put the file from {url} under a folder and name it by {DATA_VARIABLE}."
            ) from None
    if not _published(collection, path, target):
        target.unlink()
        raise ImageError(
            f"{collection}/{path}: what came from {url} is not what was published, and was removed. Run again; where it "
            "comes back, something between here and there answers in its place."
        )
    return target


def address(collection: str) -> str:
    """Return where people find a public collection."""
    source = COLLECTIONS[collection]
    return ADDRESS.format(**source | {"path": source["prefix"]}).replace("/raw/", "/tree/")


def _downloads() -> Path:
    try:
        return project_root() / "data" / "public"
    except UsageError:
        return user_data() / "public"


def at_hand(collection: str) -> dict[str, Path]:
    """Return the files of a public collection that lie where ``THALUTILS_DATA`` says, or are installed, by their paths."""
    if collection in INSTALLED:
        return {path.name: path for path in (INSTALLED[collection],) if path.is_file()}
    local = os.environ.get(DATA_VARIABLE)
    prefix = COLLECTIONS[collection]["prefix"]
    names = [name.removeprefix(prefix) for name in _blob_ids(collection)] if local else []
    return {name: Path(local, collection, name) for name in names if Path(local, collection, name).is_file()}


def _published(collection: str, path: str, found: Path) -> bool:
    """Return whether a file's content is the one that is known; true where none is."""
    expected = _blob_ids(collection).get(COLLECTIONS[collection]["prefix"] + path)
    content = found.read_bytes()
    blob = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return expected is None or blob == expected


def _blob_ids(collection: str) -> dict[str, str]:
    lines = (Path(__file__).parent / "data" / f"{collection}.blobs.tsv").read_text().splitlines()[1:]
    return dict(line.split("\t") for line in lines)


def label_map(person: str = "08") -> Path:
    """Return the whole-head label map of one real person, ``01`` to ``20`` (Billot et al. 2023).

    The one that is taken where none is named took no part in ThalNet's training, so that a phantom made
    from it is anatomy that the network has not seen.
    """
    return fetch("label_maps", f"training_seg_{person}.nii.gz")
