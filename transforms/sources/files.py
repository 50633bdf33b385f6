"""Bars in files of the user's own: Parquet and CSV, one file or many."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import polars as pl

from transforms import calendars, frames
from transforms.config import TIMEFRAMES, CsvSourceConfig, FileSourceConfig, ParquetSourceConfig, is_symbol
from transforms.errors import ConfigError, DataGateError
from transforms.sources.base import Coverage, Page
from transforms.sources.readers import CsvReader, ParquetReader, Reader, reader_for, without_compression
from transforms.sources.selection import in_range, of_symbols, require_known, with_renamed


class FileSource:
    """What Parquet and CSV files have in common.

    Files come in the order of their paths, each in pages of ``readers.PAGE_ROWS`` rows, in memory bounded by
    a page. ``source.symbol`` is, where given, the symbol of all rows, whatever the files say. Corporate
    actions may be in either format, as their file's name says.
    """

    def __init__(self, config: FileSourceConfig, reader: Reader) -> None:
        self._config = config
        self._reader = reader

    def coverage(self) -> Coverage:
        """Say what the files hold; reads their symbols and hashes their contents.

        Raises:
            ConfigError: No file matches ``source.path``, or none holds a symbol of ``source.symbols``.
            DataGateError: A file is damaged, empty, or lacks columns.
        """
        symbols = {symbol for path in self._files for symbol in self._symbols_in(path)}
        require_known(self._config.symbols, symbols, f"source.path {self._config.path}")
        return Coverage(
            symbols=tuple(sorted(symbols)), timeframes=TIMEFRAMES, start=None, end=None, version=self._version
        )

    def pages(self, kind: str, *, after: int = -1) -> Iterator[Page]:
        """Yield the pages of ``kind`` whose number is above ``after``, in order.

        Raises:
            ConfigError: No file matches, or intraday stamps have no zone and ``source.timezone`` is not set.
            DataGateError: A file is damaged, empty, or lacks columns.
        """
        if kind == "corporate_actions":
            received, normalise = self._received_actions(), self._actions
        else:
            received, normalise = self._received_bars(), self._bars
        for number, (path, rows) in enumerate(received):
            if number > after:
                yield Page(kind, number, normalise(path, rows))

    def _received_bars(self) -> Iterator[tuple[Path, pl.DataFrame]]:
        for path in self._files:
            is_empty = True
            for rows in self._reader.pages(path, list(self._columns_of(path).values())):
                is_empty = False
                yield path, rows
            if is_empty:
                raise DataGateError(f"{path} is empty: it has columns but no rows")

    def _received_actions(self) -> Iterator[tuple[Path, pl.DataFrame]]:
        for path in self._action_files:
            separator = self._config.separator if isinstance(self._config, CsvSourceConfig) else ","
            reader = reader_for(path, separator)
            names = frames.require_columns(
                reader.header(path), frames.ACTION_COLUMNS, {}, where=str(path), symbol=None
            )
            more = [name for name in frames.OPTIONAL_ACTION_COLUMNS if name in reader.header(path)]
            for rows in reader.pages(path, [*names.values(), *more]):
                yield path, rows

    def _bars(self, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        bars = frames.normalise_bars(
            rows,
            columns=self._config.columns,
            timezone=self._config.timezone,
            timeframe=self._config.timeframe,
            exchange_timezone=self._exchange_timezone,
            where=str(path),
            symbol=self._symbol_of(path),
        )
        return in_range(of_symbols(bars, self._asked), "session_date", self._config)

    def _actions(self, path: Path, rows: pl.DataFrame) -> pl.DataFrame:
        actions = frames.normalise_actions(
            rows, columns={}, exchange_timezone=self._exchange_timezone, where=str(path)
        )
        return in_range(of_symbols(actions, self._asked), "ex_date", self._config)

    @cached_property
    def _files(self) -> list[Path]:
        return _matching(self._config.path, "source.path")

    @cached_property
    def _action_files(self) -> list[Path]:
        path = self._config.actions_path
        return [] if path is None else _matching(path, "source.actions_path")

    @cached_property
    def _asked(self) -> set[str]:
        """The symbols of ``source.symbols``, and those that their instruments traded as before and afterwards."""
        asked = set(self._config.symbols)
        if not asked:
            return asked
        changes = [
            rows.filter(
                pl.col("kind").cast(pl.String).str.strip_chars().str.to_lowercase() == "symbol_change"
            )
            .select(pl.col("symbol", "new_symbol").cast(pl.String))
            .drop_nulls()
            for _, rows in self._received_actions()
            if "new_symbol" in rows.columns
        ]
        return with_renamed(asked, [change for page in changes for change in page.iter_rows()])

    @cached_property
    def _exchange_timezone(self) -> str:
        return calendars.exchange_timezone(self._config.calendar)

    @cached_property
    def _version(self) -> str:
        """The digest of the names and contents of all files, in order."""
        digest = hashlib.sha256(f"reading-{frames.READING}\n".encode())
        for path in (*self._files, *self._action_files):
            with path.open("rb") as handle:
                content = hashlib.file_digest(handle, "sha256").hexdigest()
            digest.update(f"{path.name}\0{content}\n".encode())
        return f"sha256:{digest.hexdigest()}"

    def _symbol_of(self, path: Path) -> str | None:
        if self._config.symbol == "{stem}":
            return Path(without_compression(path.name)).stem
        return self._config.symbol

    def _columns_of(self, path: Path) -> dict[str, str]:
        header = self._reader.header(path)
        return frames.require_columns(
            header, frames.BAR_COLUMNS, self._config.columns, where=str(path), symbol=self._symbol_of(path)
        )

    def _symbols_in(self, path: Path) -> set[str]:
        names = self._columns_of(path)
        constant = self._symbol_of(path)
        found: set[str] = set() if constant is None else {constant}
        if constant is None:
            for rows in self._reader.pages(path, [names["symbol"]]):
                found.update(rows.to_series().cast(pl.String).drop_nulls().unique().to_list())
        return {symbol for symbol in found if is_symbol(symbol)}


class ParquetSource(FileSource):
    """Bars in Parquet files."""

    def __init__(self, config: ParquetSourceConfig) -> None:
        super().__init__(config, ParquetReader())


class CsvSource(FileSource):
    """Bars in CSV files with a header row, compressed or not; every cell is read as text, then judged."""

    def __init__(self, config: CsvSourceConfig) -> None:
        if len(config.separator) != 1:
            raise ConfigError(f"source.separator must be one character, was {config.separator!r}")
        super().__init__(config, CsvReader(config.separator))


def _matching(pattern: str, key: str) -> list[Path]:
    """Return the files that a path or glob names, sorted by path; raise ``ConfigError`` if there is none."""
    expanded = Path(pattern).expanduser().absolute()
    if expanded.is_file():  # also a name with [ or ] in it, which is no glob
        return [expanded]
    root = Path(expanded.anchor)
    files = sorted(path for path in root.glob(str(expanded.relative_to(root))) if path.is_file())
    if files:
        return files
    if expanded.is_dir():
        raise ConfigError(f"{key} {pattern!r} is a directory; name its files, such as {expanded}/*")
    directory = expanded.parent
    there = f"which has {_listing(directory)}" if directory.is_dir() else "which does not exist"
    raise ConfigError(f"{key}: no file matches {pattern!r}; looked in {directory}, {there}")


def _listing(directory: Path) -> str:
    names = sorted(path.name for path in directory.iterdir() if path.is_file())
    if not names:
        return "no files"
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
