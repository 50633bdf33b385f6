"""File formats, each read a piece at a time in bounded memory, with damage turned into ``DataGateError``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import polars as pl

from transforms.errors import DataGateError

PAGE_ROWS = 500_000
COMPRESSIONS = (".gz", ".bz2", ".zst", ".lz4")
_CSV_SUFFIXES = (".csv", ".tsv", ".txt")
_BLOCK_BYTES = 8 << 20  # of CSV text at a time
_BATCH_ROWS = 65_536  # of Parquet at a time


class Reader(Protocol):
    """One file format."""

    def header(self, path: Path) -> list[str]:
        """Return the names of a file's columns; raise ``DataGateError`` if it is empty or damaged."""
        ...

    def pages(self, path: Path, columns: Sequence[str], *, rows: int = PAGE_ROWS) -> Iterator[pl.DataFrame]:
        """Yield ``columns`` of a file in order, ``rows`` at a time; raise ``DataGateError`` if damaged."""
        ...


class ParquetReader:
    """Parquet; page checksums are verified where the writer left them."""

    def header(self, path: Path) -> list[str]:
        import pyarrow.parquet as pq

        _require_content(path)
        with _readable(path):
            return list(pq.read_schema(path).names)

    def pages(self, path: Path, columns: Sequence[str], *, rows: int = PAGE_ROWS) -> Iterator[pl.DataFrame]:
        import pyarrow.parquet as pq

        with _readable(path), pq.ParquetFile(path, page_checksum_verification=True) as file:
            batches = file.iter_batches(batch_size=_BATCH_ROWS, columns=list(columns))
            yield from _regroup((pl.DataFrame(pl.from_arrow(batch)) for batch in batches), rows)


class CsvReader:
    """CSV with a header row, compressed or not. Every cell is text; an empty one is NULL."""

    def __init__(self, separator: str) -> None:
        self._separator = separator

    def header(self, path: Path) -> list[str]:
        from pyarrow import csv

        _require_content(path)
        with _readable(path), csv.open_csv(path, parse_options=self._parse_options()) as reader:
            return list(reader.schema.names)

    def pages(self, path: Path, columns: Sequence[str], *, rows: int = PAGE_ROWS) -> Iterator[pl.DataFrame]:
        import pyarrow as pa
        from pyarrow import csv

        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(columns, pa.string()),
            include_columns=list(columns),
            strings_can_be_null=True,
            null_values=[""],
        )
        read = csv.ReadOptions(block_size=_BLOCK_BYTES)
        options = {"read_options": read, "parse_options": self._parse_options(), "convert_options": convert}
        with _readable(path), csv.open_csv(path, **options) as batches:
            yield from _regroup((pl.DataFrame(pl.from_arrow(batch)) for batch in batches), rows)

    def _parse_options(self) -> object:
        from pyarrow import csv

        return csv.ParseOptions(delimiter=self._separator)


def reader_for(path: Path, separator: str = ",") -> Reader:
    """Return the reader that a file's name asks for: CSV for .csv, .tsv and .txt, else Parquet."""
    return (
        CsvReader(separator)
        if Path(without_compression(path.name)).suffix in _CSV_SUFFIXES
        else ParquetReader()
    )


def without_compression(name: str) -> str:
    """Return a file's name without a suffix such as ``.gz``."""
    for suffix in COMPRESSIONS:
        name = name.removesuffix(suffix)
    return name


def _require_content(path: Path) -> None:
    if path.stat().st_size == 0:
        raise DataGateError(f"{path} is empty (0 bytes)")


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Say which file could not be read, and why."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataGateError(
            f"{path} cannot be read ({reason[:300]}); repair it, or leave it out of the source's path"
        ) from error


def _regroup(batches: Iterator[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """Yield the same rows in frames of exactly ``rows``, but for the last."""
    waiting: list[pl.DataFrame] = []
    count = 0
    for batch in batches:
        waiting.append(batch)
        count += len(batch)
        while count >= rows:
            joined = pl.concat(waiting)
            yield joined.head(rows)
            waiting = [joined.slice(rows)]
            count -= rows
    if count:
        yield pl.concat(waiting)
