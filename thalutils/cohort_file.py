"""The keys that a cohort's YAML may have, and its reading; any other key is refused."""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    ValidationError,
    field_validator,
    model_validator,
)

from thalutils.errors import CohortError
from thalutils.scan_source import MAP_UNITS, PLACES, Source
from thalutils.spreadsheet_settings import Clinical, Spreadsheet

LARGEST_YAML_BYTES = 200_000
FOLDER, SPREADSHEET = "(folder)", "(spreadsheet)"
# The tools whose finished results the study reads.
FINISHED = {"FreeSurfer", "FIRST", "DBSegment", "MindGlide", "SIENA", "hMRI"}


class Phantom(BaseModel):
    """How the simulated scans of a cohort are made; the meaning of each value is in simulate/phantom.py."""

    model_config = ConfigDict(extra="forbid")

    participants: int = Field(5, ge=1, le=9999)
    visits: int = Field(2, ge=1, le=9)
    seed: int = Field(1, ge=0)
    anatomy: str = "auto"
    structural_mm: float = Field(1.0, ge=0.4, le=4)
    mpm_mm: float = Field(1.6, ge=0.4, le=4)
    supersampling: int = Field(2, ge=1, le=6)
    snr: float = Field(60.0, gt=0)
    spoiling: Literal["ideal", "imperfect"] = "ideal"
    border_contrast: float = Field(1.0, gt=0, le=4)
    movement_mm: float = Field(1.5, ge=0)
    movement_deg: float = Field(1.5, ge=0)
    manual_lateral_mm: float = Field(1.6, ge=0, le=10)
    manual_csf_fraction: float = Field(0.0, ge=0, le=1)
    manual_noise_mm: float = Field(0.35, ge=0, le=5)
    manual_habit_mm: float = Field(0.15, ge=0, le=5)


class Twin(BaseModel):
    """How the simulated tables of a cohort are drawn; the meaning of each value is in simulate/twin.py."""

    model_config = ConfigDict(extra="forbid")

    seed: int = Field(1, ge=0)
    switch: Literal["shared-noise", "pseudoatrophy", "relapse-recovery", "nothing"] = "pseudoatrophy"


def _kind_of_tables(value: Any) -> str:
    return FOLDER if isinstance(value, str | Path) else SPREADSHEET


Tables = Annotated[
    Annotated[Path, Tag(FOLDER)] | Annotated[Spreadsheet, Tag(SPREADSHEET)], Discriminator(_kind_of_tables)
]


class CohortFile(BaseModel):
    """The keys a cohort's YAML may have; any other is refused.

    A cohort comes as scans (`bids`) or as tables (`tables`: a folder of the contract's tables, or a
    spreadsheet and how to read it). The scans of a `public` one are fetched.
    """

    model_config = ConfigDict(extra="forbid")

    title: str
    description: str = ""
    bids: Path | None = None
    phantom: Phantom | None = None
    tables: Tables | None = None
    twin: Twin | None = None
    clinical: list[Clinical] = Field(default_factory=list)
    public: Literal["open_ms"] | None = None
    publish_individuals: bool = False
    scans: dict[str, Source] = Field(default_factory=dict)
    references: dict[str, Path | list[Path]] = Field(default_factory=dict)
    finished: dict[str, str] = Field(default_factory=dict)
    stages: dict[str, dict[str, bool | int | float | str]] = Field(default_factory=dict)

    @field_validator("scans")
    @classmethod
    def _known_places(cls, value: dict[str, Source]) -> dict[str, Source]:
        unknown = set(value) - set(PLACES)
        if unknown:
            raise ValueError(f"a scan is {', '.join(PLACES)}, not {', '.join(sorted(unknown))}")
        if "R1" in value and value["R1"].suffix not in MAP_UNITS:
            raise ValueError(f"R1 comes from a {' or a '.join(MAP_UNITS)}, not from a {value['R1'].suffix}")
        return value

    @field_validator("references")
    @classmethod
    def _known_references(cls, value: dict[str, Path]) -> dict[str, Path]:
        unknown = set(value) - {"manual", "truth"}
        if unknown:
            raise ValueError(f"a reference is manual or truth, not {', '.join(sorted(unknown))}")
        if isinstance(value.get("truth"), list):
            raise ValueError("there is one truth: give one folder")
        folders = value.get("manual")
        names = [path.name for path in folders] if isinstance(folders, list) else []
        if len(set(names)) < len(names):
            raise ValueError("raters are named by their folders, and two of `manual` have one name")
        return value

    @field_validator("finished")
    @classmethod
    def _known_tools(cls, value: dict[str, str]) -> dict[str, str]:
        unknown = set(value) - FINISHED
        if unknown:
            raise ValueError(
                f"{', '.join(sorted(unknown))}: results are read of {', '.join(sorted(FINISHED))}"
            )
        return value

    @model_validator(mode="after")
    def _scans_or_tables(self) -> "CohortFile":
        if (self.bids is None) == (self.tables is None):
            raise ValueError("give `bids` (scans) or `tables` (tables), one of the two")
        only_scans = (self.phantom, self.references, self.finished, self.clinical, self.scans)
        if self.tables is not None and any(only_scans):
            raise ValueError(
                "`phantom`, `references`, `finished`, `clinical` and `scans` belong to a cohort of scans, and this one has tables"
            )
        if self.public is not None and (self.bids is None or self.phantom is not None):
            raise ValueError("`public` needs `bids`: the folder into which the scans are laid out")
        if self.twin is not None and not isinstance(self.tables, Path):
            raise ValueError("`twin` needs `tables`: the folder into which its tables are drawn")
        return self


def read_settings(path: Path) -> CohortFile:
    """Read a cohort's YAML.

    Raises
    ------
    CohortError
        Naming every key at fault.
    """
    if path.stat().st_size > LARGEST_YAML_BYTES:
        raise CohortError(f"{path}: larger than a cohort's YAML can be. Is it another file?")
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        return CohortFile.model_validate(content or {})
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CohortError(f"{path}: not YAML ({' '.join(str(error).split())}).") from None
    except ValidationError as error:
        faults = []
        for fault in error.errors():
            parts = [str(part) for part in fault["loc"] if part not in (FOLDER, SPREADSHEET)]
            text = "is not a known key" if fault["type"] == "extra_forbidden" else fault["msg"]
            faults.append(f"{'.'.join(parts) or 'the file'}: {text.removeprefix('Value error, ')}")
        tables = isinstance(content, dict) and "tables" in content
        template = "cohorts/template-tables.yml" if tables else "cohorts/template.yml"
        raise CohortError(f"{path}: " + "; ".join(faults) + f". See {template}.") from None
