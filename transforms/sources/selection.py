"""What of a source's rows a config asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import date

import polars as pl

from transforms.config import SourceConfig
from transforms.errors import ConfigError, nearest


def require_known(symbols: Iterable[str], known: Iterable[str], source: str) -> None:
    """Raise ``ConfigError`` for the first of ``symbols`` that ``source`` does not have."""
    there = set(known)
    for symbol in symbols:
        if symbol not in there:
            raise ConfigError(f"source.symbols: {source} has no symbol {symbol!r}.{nearest(symbol, there)}")


def in_range(frame: pl.DataFrame, column: str, config: SourceConfig) -> pl.DataFrame:
    """Keep the rows from ``source.start`` to ``source.end``, and those whose date could not be read."""
    keep = pl.lit(value=True)
    if config.start:
        keep = keep & (pl.col(column) >= date.fromisoformat(config.start))
    if config.end:
        keep = keep & (pl.col(column) <= date.fromisoformat(config.end))
    return frame.filter(keep | pl.col(column).is_null())


def of_symbols(frame: pl.DataFrame, symbols: Collection[str]) -> pl.DataFrame:
    """Keep the rows of ``symbols`` (all if empty), and those with a defect: they may be of them."""
    if not symbols:
        return frame
    return frame.filter(pl.col("symbol").is_in(list(symbols)) | pl.col("defect").is_not_null())


def with_renamed(symbols: Collection[str], changes: Collection[tuple[str, str]]) -> set[str]:
    """Return ``symbols`` and every symbol that (old, new) ``changes`` join to one of them, however far."""
    joined = set(symbols)
    size = 0
    while size < len(joined):
        size = len(joined)
        for pair in changes:
            if joined.intersection(pair):
                joined.update(pair)
    return joined
