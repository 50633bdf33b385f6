"""What a source is: say what you can give, then give it in pages."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Protocol

import polars as pl

from transforms.config import SourceConfig
from transforms.errors import ConfigError


@dataclass(frozen=True)
class Coverage:
    """What a source can give.

    Attributes:
        symbols: Every symbol it has, sorted.
        timeframes: The bar lengths it has.
        start: First session it has, None if unknown.
        end: Last session it has, None if unknown.
        version: A token that changes when what it would give changes (package version, file hashes, seed).
    """

    symbols: tuple[str, ...]
    timeframes: tuple[str, ...]
    start: date | None
    end: date | None
    version: str


@dataclass(frozen=True)
class Page:
    """One piece of an answer; the same request gives the same pages with the same numbers.

    Attributes:
        kind: ``bars`` or ``corporate_actions``.
        number: Position of the page in its kind's answer, from 0.
        frame: The rows in the shape of ``transforms.frames``: ``raw.bars`` (or ``raw.corporate_actions``)
            without source, timeframe and provenance columns. Rows that could not be read carry a ``defect``.
    """

    kind: str
    number: int
    frame: pl.DataFrame


class Source(Protocol):
    """One way to get bars and corporate actions."""

    def coverage(self) -> Coverage:
        """Say what can be asked for; raise ``ConfigError`` where the config asks for something else."""
        ...

    def pages(self, kind: str, *, after: int = -1) -> Iterator[Page]:
        """Yield the pages of ``kind`` whose number is above ``after``, in order."""
        ...


def open_source(config: SourceConfig) -> Source:
    """Return the source that ``config`` describes."""
    if not config.implementation:
        raise ConfigError(f"source {config.name!r} names no implementation; choose one of conf/source/*.yaml")
    module, _, name = config.implementation.partition(":")
    source: Source = getattr(importlib.import_module(module), name)(config)
    return source
