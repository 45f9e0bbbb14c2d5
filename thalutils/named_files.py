"""Tables and settings that come with the project: which of them some code names, and so may read."""

import ast
import re
from functools import lru_cache
from pathlib import Path

from thalutils.process import module_path

SUFFIXES = (".tsv", ".json", ".yml")
# A name of which only the suffix is written out could be any file's.
SAYS_NOTHING = re.compile(r"[\W_]*(tsv|json|yml)")


def kept(root: Path) -> dict[str, Path]:
    """Return the files that are kept with the package and with the bench of a checkout, by their names."""
    package = Path(__file__).parent
    found = [path for path in package.rglob("*") if path.suffix in SUFFIXES]
    found += (root / "benchmarks").glob("*.tsv")
    return {path.name: path for path in sorted(found)}


def named(root: Path, modules: list[str]) -> dict[str, Path]:
    """Return the kept files that any of `modules` names in its source, whole or by an f-string.

    Beside a table counts the JSON of the same name, which says how the table was made.

    Parameters
    ----------
    root : Path
        The checkout.
    modules : list of str
        As ``thalutils.reported``.

    Examples
    --------
    >>> list(named(Path("."), ["thalutils.reported"]))
    ['reported.yml']
    """
    patterns = {pattern for module in modules for pattern in _patterns(module)}
    every = re.compile("|".join(sorted(patterns)) or r"(?!)")
    return {
        name: path
        for name, path in kept(root).items()
        if every.fullmatch(name) or every.fullmatch(Path(name).with_suffix(".tsv").name)
    }


@lru_cache(maxsize=1000)
def _patterns(module: str) -> frozenset[str]:
    """Return the names of files in a module's source as regular expressions, any text for what an f-string fills in."""
    source = module_path(module).read_text(encoding="utf-8")
    found = set()
    if any(suffix in source for suffix in SUFFIXES):
        for node in ast.walk(ast.parse(source)):
            parts = node.values if isinstance(node, ast.JoinedStr) else [node]
            texts = [part.value if isinstance(part, ast.Constant) else None for part in parts]
            written = "".join(text for text in texts if isinstance(text, str))
            if written.endswith(SUFFIXES) and not SAYS_NOTHING.fullmatch(written):
                found.add("".join(re.escape(text) if isinstance(text, str) else ".+" for text in texts))
    return frozenset(found)
