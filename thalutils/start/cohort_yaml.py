"""Writes a cohort's YAML from what was found: settings, remarks as comments, questions above the lines they touch."""

from pathlib import Path
from textwrap import wrap
from typing import Any

import yaml

from thalutils import scan_tables
from thalutils.cohort_file import CohortFile
from thalutils.errors import TableError
from thalutils.files import read_json
from thalutils.scan_source import entities, suffix
from thalutils.spreadsheet_values import identifiers
from thalutils.start import clinical, results, scans
from thalutils.start.finding import Finding, times

WIDTH = 110
PEOPLE = "participants.tsv"
PHENOTYPE = "phenotype"
TITLE = "title"
# Sides as 10 and 49, or a plain mask, as ITK-SNAP saves them.
DRAWN = ("dseg", "mask")
OWN_COLUMNS = {"participant_id", "sex", "group", "site", "in_ground_truth"}


def write(name: str, bids: Path, root: Path, tables: list[Path]) -> tuple[str, int]:
    """Look at a dataset and return the text of its YAML, and how many questions it asks.

    Parameters
    ----------
    name : str
        The cohort's name.
    bids : Path
        The dataset.
    root : Path
        The checkout; what lies in it is named from there.
    tables : list of Path
        Clinical tables beside those of the dataset (``participants.tsv``, ``phenotype/*.tsv``).

    Raises
    ------
    CohortError
        Where the dataset is not there or has nobody in it.
    TableError
        Where a table cannot be read.
    """
    images = scans.look(bids)
    every = scans.sessions(bids)
    own = [path for path in (bids / PEOPLE, *sorted((bids / PHENOTYPE).glob("*.tsv"))) if path.is_file()]
    given = [path for path in tables if path.resolve() not in [one.resolve() for one in own]]
    looked = [clinical.look(path, _from_root(path, root), every) for path in [*given, *own]]
    people = _from_root(bids / PEOPLE, root)
    plain = (bids / PEOPLE).is_file() and _plain(bids, [one.settings for one in looked], people)
    if (bids / PEOPLE).is_file() and not plain and not any(one.settings for one in looked):
        looked[len(given)].questions.append(
            f"while `clinical` names no table, {PEOPLE} is read all the same, and `thalutils check` refuses it or leaves "
            f"people out. Write, with the column of the ids in place of X: clinical: [{{visits: {_flow(people)}, columns: "
            "{participant_id: X}}]. Or take it out of the dataset: then the folders say who there is."
        )
    drawn, ready = _references(bids), results.look(bids, every)
    count = sum(len(one.questions) for one in (images, *looked, drawn, ready))
    parts = [
        _head(name, bids, root, count),
        _block("scans", images, "Which file is which, where more than one would do, or it lies elsewhere."),
        _clinical(looked, plain),
        _block("references", drawn, "Masks drawn by hand: sub-XX[/ses-YY]/anat/*_desc-thalamus_dseg.nii.gz, 10 left, 49 right, or plain *_mask.nii.gz."),
        _block("finished", ready, "What other programs have finished already."),
        "# Parameters of single stages; `thalutils stages` lists them.\nstages: {}\n",
    ]  # fmt: skip
    text = "\n".join(part for part in parts if part)
    CohortFile.model_validate(yaml.safe_load(text))
    return text, count


def _from_root(path: Path, root: Path) -> str:
    path, root = path.resolve(), root.resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _comment(text: str, first: str = "# ", more: str = "#   ") -> str:
    return "\n".join(wrap(text, WIDTH, initial_indent=first, subsequent_indent=more, break_long_words=False,
                          break_on_hyphens=False)) + "\n"  # fmt: skip


def _said(found: Finding) -> str:
    told = "".join(_comment(remark, "# - ") for remark in found.remarks)
    return told + "".join(_comment(f"QUESTION: {question}", "# ", "#     ") for question in found.questions)


def _head(name: str, bids: Path, root: Path, count: int) -> str:
    asked = (
        f"{times(count, 'question')} stay{'s' if count == 1 else ''} open: look for QUESTION."
        if count
        else "Nothing stays open."
    )
    text = _comment(
        f"Written by `thalutils init {name}` from what lies in the dataset. {asked} Then:", more="# "
    )
    text += f"#\n#     .venv/bin/thalutils check {name}\n#     make book COHORT={name}\n#\n"
    text += '# The book\'s page "Adapt to your cohort" says what each key means. A key that is not known is refused.\n\n'
    content = {TITLE: _title(bids) or name, "bids": _from_root(bids, root)}
    return text + yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def _title(bids: Path) -> str:
    said = read_json(bids / "dataset_description.json")
    title = said.get("Name") if isinstance(said, dict) else None
    return title if isinstance(title, str) else ""


def _block(key: str, found: Finding, words: str) -> str:
    text = _comment(words) + _said(found)
    if found.settings:
        lines = [f"  {name}: {_flow(value)}" for name, value in found.settings.items()]
        return text + "\n".join([f"{key}:", *lines]) + "\n"
    return text


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000, allow_unicode=True).removesuffix("...\n").strip()  # fmt: skip


def _clinical(looked: list[Finding], plain: bool) -> str:
    text = _comment("Clinical tables: left what the study calls a column, right what the table calls it.")
    text += "".join(_said(found) for found in looked)
    if not looked:
        text += _comment("There is none. Without scores, pages on associations say so.", "# - ")
    if plain:
        return text + _comment(f"{PEOPLE} is as the study has it: no map is needed.", "# - ")
    used = [found.settings for found in looked if found.settings]
    lines = ["clinical:"] if used else []
    for one in used:
        lines.append(f"  - visits: {_flow(one['visits'])}")
        lines.append("    columns:")
        lines += [f"      {key}: {_flow(header)}" for key, header in one["columns"].items()]
        lines += [
            f"    {key}: {_flow(value)}" for key, value in one.items() if key not in ("visits", "columns")
        ]
    return text + "\n".join(lines) + "\n"


def _plain(bids: Path, looked: list[dict[str, Any] | None], people: str) -> bool:
    """Return whether participants.tsv, named `people`, says without a map all that any table says of use."""
    for one in filter(None, looked):
        known = set(one["columns"]) <= OWN_COLUMNS
        if one["visits"] != people or not known or _translated(one):
            return False
    try:
        excluded = scan_tables.read(bids, []).exclusions["participant_id"].drop_duplicates()
    except TableError:
        return False
    # A map puts sub- before ids, so that rows which name nobody as they are may name someone by it.
    mapped = identifiers(excluded, "sub-")[0].dropna() if len(excluded) else excluded
    return not any((bids / one).is_dir() for one in set(mapped) - set(excluded))


def _translated(settings: dict[str, Any]) -> bool:
    plain = all(key == header for key, header in settings["columns"].items())
    return not plain or bool(set(settings) - {"visits", "columns"})


def _references(bids: Path) -> Finding:
    """Find masks drawn by hand among the derivatives."""
    found = Finding()
    visits: dict[str, set[Path]] = {}
    for path in sorted((bids / "derivatives").glob("*/sub-*/**/anat/*_desc-thalamus_*.nii*")):
        if suffix(path) in DRAWN and entities(path).get("desc") == "thalamus":
            visits.setdefault("/".join(path.relative_to(bids).parts[:2]), set()).add(path.parent)
    folders = {folder: len(places) for folder, places in visits.items()}
    if not folders:
        found.remarks.append("There are none: pages that hold masks against drawings say so.")
        return found
    best = max(folders, key=lambda folder: folders[folder])
    found.settings = {"manual": best}
    found.remarks.append(f"Masks of {times(folders[best], 'visit')} in {best}.")
    if len(folders) > 1:
        others = ", ".join(folder for folder in folders if folder != best)
        found.questions.append(
            f"there are masks in {others} as well. Whose were drawn by hand? Several raters are written as manual: [{best}, "
            f"{others}]"
        )
    return found
