"""Reads the columns of one sheet by the names that the contract has for them, and keeps account of every cell."""

from collections.abc import Mapping
from datetime import date

import pandas as pd

from thalutils import spreadsheet_values as cells
from thalutils.entry import COLUMNS, STAGE
from thalutils.schemas import SCHEMAS
from thalutils.spreadsheet_file import Sheet, plain
from thalutils.spreadsheet_settings import Clinical
from thalutils.spreadsheet_values import DATE_COLUMNS, LIMITS, Read

LONGEST_SHOWN = 40
# What a page may quote of a cell: more digits may be a date or a number of a person.
PUBLIC_NUMBER = "[+\N{MINUS SIGN}-]?\\d{1,7}([.,]\\d*)?"


class Reader:
    """The columns of one sheet, every row but those that are longer than the header.

    Parameters
    ----------
    file : str
        The name by which messages call the spreadsheet.
    sheet : Sheet
    settings : Clinical
    """

    def __init__(self, file: str, sheet: Sheet, settings: Clinical) -> None:
        self.file, self.settings = file, settings
        self.headers = {key: plain(name) for key, name in settings.columns.named()}
        self.text = sheet.frame.drop(index=sheet.long_rows)
        self.rows = self.text.index
        self._faults: list[pd.DataFrame] = []
        self._account: list[dict[str, object]] = []
        long = "it has more cells than the header. Is a separator in a text or a number?"
        self.fault(pd.Series(long, sheet.long_rows, dtype=object))

    def has(self, key: str) -> bool:
        """Say whether the YAML names a column for `key` and the sheet has it."""
        return self.headers.get(key) in self.text

    def fault(
        self, reasons: pd.Series, key: str | None = None, what: str | None = None, person: bool = False
    ) -> None:
        """Keep faults, each told in the cell's own words, and as pages have it: without its text and dates.

        Parameters
        ----------
        reasons : Series of str
            By row.
        key : str, optional
            The column at fault.
        what : str, optional
            What is left out; by default the whole row.
        person : bool
            Whether it is left out of the person, not of the visit.
        """
        if reasons.empty:
            return
        rows = reasons.index
        place = self.file + " row " + pd.Series(rows.astype(str), rows, dtype=object)
        if key:
            place += f", column {self.headers[key]}: "
            text = self.text.loc[rows, self.headers[key]]
            quoted = text.map(shown, na_action="ignore").astype("str").fillna("it")
            public = text.str.fullmatch(PUBLIC_NUMBER, na=False) & (key not in DATE_COLUMNS)
            told, reason = (place + one + " " + reasons for one in (quoted, quoted.where(public, "it")))
        else:
            told = reason = place + ": " + reasons
        columns = {"row": rows, "key": key, "method": what, "person": person}
        columns |= {"reason": reason.to_numpy(), "told": told.to_numpy()}
        self._faults.append(pd.DataFrame(columns))

    def exclusions(self, participant: pd.Series, session: pd.Series, *, told: bool = False) -> pd.DataFrame:
        """Return the faults as the contract's table, its index their rows; in the order of these.

        `participant` and `session` are the ids of the sheet's rows. With `told` the reasons quote the cells, dates and
        all: for the command line, and for no page.
        """
        found = self._all_faults().sort_values("row", kind="stable").set_index("row", drop=False)
        found["reason"] = found["told" if told else "reason"]
        nobody = "row " + found["row"].astype(str)
        found["participant_id"] = found["row"].map(participant).astype("str").fillna(nobody)
        found["session_id"] = found["row"].map(session).mask(found["person"].astype(bool))
        return found.assign(stage=STAGE)[list(SCHEMAS["exclusions"].columns)]

    def _all_faults(self) -> pd.DataFrame:
        nothing = pd.DataFrame(columns=["row", "key", "method", "person", "reason", "told"])
        return pd.concat(self._faults, ignore_index=True) if self._faults else nothing

    def account(self) -> pd.DataFrame:
        """Return a row a column: where it came from, and how many cells are filled, missing and left out."""
        keys = self._all_faults()["key"].value_counts()
        found = pd.DataFrame(self._account, columns=["key", *COLUMNS])
        found["left_out"] = found["key"].map(keys).fillna(0).astype(int)
        found["filled"] = len(self.rows) - found["missing"] - found["left_out"]
        return found[list(COLUMNS)]

    def _keep(
        self, key: str, read: Read, table: str, column: str, method: str | None = None, unit: str = ""
    ) -> pd.Series:
        """Keep account of a column that was read; return its values."""
        values, reasons = read
        self.fault(reasons, key, method or column)
        missing = int(values.isna().sum()) - len(reasons)
        names = {"table": table, "column": column, "method": method, "source": self.headers[key]}
        self._account.append({"key": key, **names, "unit": unit, "missing": missing})
        return values

    def number(self, key: str, column: str, table: str = "sessions", method: str | None = None) -> pd.Series:
        """Return a column of numbers in the contract's units."""
        if not self.has(key):
            return pd.Series(float("nan"), self.rows)
        values, reasons = cells.numbers(self.text[self.headers[key]], self.settings.decimal, self._codes())
        limits = LIMITS.get(column)
        unit = limits.contract_unit if limits else ""
        if limits and limits.key:
            unit = getattr(self.settings.units, limits.key)
        values, more = cells.convert(values, limits, unit) if limits else cells.edss(values)
        return self._keep(key, (values, pd.concat([reasons, more])), table, column, method, unit)

    def _codes(self) -> list[float]:
        codes, _ = cells.numbers(pd.Series(self.settings.missing, dtype=str), self.settings.decimal)
        return codes.dropna().tolist()

    def date(self, key: str) -> pd.Series:
        """Return a column of dates."""
        if not self.has(key):
            return pd.Series(pd.NaT, self.rows)
        read = cells.dates(self.text[self.headers[key]], self.settings.dates, date.today())
        return self._keep(key, read, "sessions", key, unit=self.settings.dates)

    def word(self, key: str, known: Mapping[str, str], table: str) -> pd.Series:
        """Return a column of the contract's words."""
        if not self.has(key):
            return self._nothing()
        own = getattr(self.settings.values, key)
        return self._keep(key, cells.words(self.text[self.headers[key]], known, own, key), table, key)

    def label(self, key: str, table: str) -> pd.Series:
        """Return a column of free names."""
        if not self.has(key):
            return self._nothing()
        return self._keep(key, cells.labels(self._translated(key)), table, key)

    def person(self) -> pd.Series:
        """Return the rows' participant ids; a row without one is left out."""
        return self._identifier("participant_id", "sub-", "names nobody.")

    def visit(self) -> pd.Series:
        """Return the rows' session ids; a row without one is left out."""
        return self._identifier("session_id", "ses-", "names no visit.")

    def _identifier(self, key: str, prefix: str, empty: str) -> pd.Series:
        if not self.has(key):
            return self._nothing()
        text = self._translated(key)
        values, reasons = cells.identifiers(cells.pad(text) if key == "session_id" else text, prefix)
        self.fault(reasons, key)
        self.fault(pd.Series(empty, self.rows[text.isna()], dtype=object), key)
        return values

    def _nothing(self) -> pd.Series:
        return pd.Series(None, self.rows, dtype="str")

    def _translated(self, key: str) -> pd.Series:
        """Return a column's text, the words of the YAML's `values` translated."""
        own = getattr(self.settings.values, key, {})
        table = {word.strip().casefold(): meaning for word, meaning in own.items()}
        text = self.text[self.headers[key]]
        folded = text.str.casefold()
        return text.mask(folded.isin(table), folded.map(table).astype("str"))


def shown(text: str) -> str:
    """Return a cell's text as messages quote it."""
    return repr(text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}...")
