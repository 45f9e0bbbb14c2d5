"""The keys by which a cohort's YAML says how its spreadsheet is read; any other is refused."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from thalutils.schemas import GROUPS

METHOD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,59}")
# Always stand for an empty cell, in any case of letters; `missing` adds to them.
MISSING_WORDS = ("", "NA", "n/a")


class _Strict(BaseModel):
    # a header or a code that is a number may stand without quotes
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Volume(_Strict):
    """The columns of one method's volumes; where only the sides are given, they are added."""

    both: str | None = None
    left: str | None = None
    right: str | None = None

    @model_validator(mode="after")
    def _has_both_sides(self) -> "Volume":
        if not self.both and not (self.left and self.right):
            raise ValueError("name the column of both thalami, or left and right")
        return self


class Overlap(_Strict):
    """The columns of one method's overlap with the manual masks."""

    dice: str | None = None
    precision: str | None = None
    sensitivity: str | None = None
    hd95_mm: str | None = None
    mean_surface_mm: str | None = None


def _as_volume(value: Any) -> Any:
    return value if isinstance(value, dict) else {"both": value}


VolumeColumns = Annotated[Volume, BeforeValidator(_as_volume)]


class ClinicalColumns(_Strict):
    """Where each thing of a person and a visit stands: the keys are the contract's columns; the values, headers."""

    participant_id: str
    session_id: str | None = None
    visit_date: str | None = None
    birth_date: str | None = None
    onset_date: str | None = None
    sex: str | None = None
    group: str | None = None
    site: str | None = None
    in_ground_truth: str | None = None
    age_years: str | None = None
    disease_duration_years: str | None = None
    attacks: str | None = None
    edss: str | None = None
    t25fw_1_s: str | None = None
    t25fw_2_s: str | None = None
    nhpt_1_s: str | None = None
    nhpt_2_s: str | None = None
    sdmt: str | None = None
    interval_years: str | None = None
    steroids_since_last: str | None = None

    @model_validator(mode="after")
    def _each_header_once(self) -> "ClinicalColumns":
        counts = Counter(header for _, header in self.named())
        twice = [header for header, count in counts.items() if count > 1]
        if twice:
            raise ValueError(f"{', '.join(twice)}: each column can stand for one thing only")
        return self

    def named(self) -> Iterator[tuple[str, str]]:
        """Give each key with its dots, as ``volumes.FIRST.left``, and the header that it names."""
        yield from _leaves(self.model_dump(exclude_none=True), "")


class Columns(ClinicalColumns):
    """The same, and where volumes and what else is measured stand, by method."""

    volumes: dict[str, VolumeColumns] = Field(min_length=1)
    intracranial: dict[str, str] = Field(default_factory=dict)
    overlap: dict[str, Overlap] = Field(default_factory=dict)
    brain_change: dict[str, str] = Field(default_factory=dict)

    @field_validator("volumes", "intracranial", "overlap", "brain_change")
    @classmethod
    def _plain_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        odd = [name for name in value if not METHOD.fullmatch(name)]
        if odd:
            raise ValueError(f"{', '.join(map(repr, odd))}: a name is letters, digits, space and . _ + -")
        return value


def _leaves(content: dict[str, Any], place: str) -> Iterator[tuple[str, str]]:
    for key, value in content.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{place}{key}.")
        else:
            yield f"{place}{key}", value


class Units(_Strict):
    """The units in which the spreadsheet's numbers stand."""

    volume: Literal["mL", "cm3", "mm3"] = "mL"
    icv: Literal["mL", "cm3", "mm3", "L"] = "mL"
    t25fw: Literal["s", "min"] = "s"
    nhpt: Literal["s", "min"] = "s"
    disease_duration: Literal["years", "months"] = "years"
    interval: Literal["years", "months", "days"] = "years"
    overlap: Literal["fraction", "percent"] = "fraction"


def _no_truths(value: Any) -> Any:
    if isinstance(value, dict) and any(isinstance(key, bool) for key in value):
        raise ValueError('write yes and no in quotes: "yes", "no"')
    return value


_QUOTED = BeforeValidator(_no_truths)
Words = Annotated[dict[str, str | None], _QUOTED]
Truths = Annotated[dict[str, bool | None], _QUOTED]


class Values(_Strict):
    """What the spreadsheet's own words stand for; ``null`` for a missing value."""

    sex: Annotated[dict[str, Literal["F", "M"] | None], _QUOTED] = Field(default_factory=dict)
    group: Words = Field(default_factory=dict)
    site: Words = Field(default_factory=dict)
    session_id: Words = Field(default_factory=dict)
    in_ground_truth: Truths = Field(default_factory=dict)
    steroids_since_last: Truths = Field(default_factory=dict)

    @field_validator("group")
    @classmethod
    def _known_groups(cls, value: dict[str, str | None]) -> dict[str, str | None]:
        unknown = {name for name in value.values() if name is not None} - set(GROUPS)
        if unknown:
            raise ValueError(f"{', '.join(sorted(unknown))}: a group is {', '.join(GROUPS)}")
        return value


class Clinical(_Strict):
    """A table with one row a visit or a person, and how to read it."""

    visits: Path
    sheet: str | None = None
    header_row: int = Field(1, ge=1, le=1000)
    columns: ClinicalColumns
    units: Units = Units()
    decimal: Literal[".", ","] = "."
    separator: Literal[",", ";", "\t", "|"] | None = None
    dates: Literal["year-first", "day-first", "month-first"] = "year-first"
    missing: tuple[str, ...] = ()
    values: Values = Values()


class Spreadsheet(Clinical):
    """A spreadsheet with one row a visit, volumes among its columns, and how to read it."""

    columns: Columns
