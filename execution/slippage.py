"""A slippage model fitted to recorded fills: by symbol and part of the session, bounded, kept under its own digest.

A version is a digest of the file's content, so that a config which pins one names these numbers and no others.
Models are files ``models/slippage/<version>/model.json`` of the home; they are written once and never changed.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from execution.config import CostsConfig
from execution.types import Floats
from transforms.errors import ArtifactError, QuantmillError, nearest
from transforms.failpoints import failpoint
from transforms.paths import Home
from transforms.warehouse import fsync_directory

FORMAT = 1
MOST_BPS = 20.0
"""Estimates lie in 0..MOST_BPS: below would pay us for trading, above is a record gone wrong rather than a market."""
_CLIP_BPS = 100.0  # a single fill further from its reference than this counts as this far
_AGAIN = "Fit it again with quantmill flow=fit_slippage, or name another costs.slippage_model"


@dataclass(frozen=True)
class SlippageModel:
    """Slippage by part of the session and symbol.

    Attributes:
        version: ``s`` and the first 16 hex digits of the file's SHA-256.
        minutes: Minutes after the open at which the parts begin, ascending from 0, (B,).
        pooled: Slippage of a symbol that was never traded, basis points, (B,).
        by_symbol: Symbol → slippage, basis points, (B,).
        fills: How many fills it was fitted to.
    """

    version: str
    minutes: tuple[int, ...]
    pooled: tuple[float, ...]
    by_symbol: Mapping[str, tuple[float, ...]]
    fills: int

    def bps(self, symbols: Sequence[str]) -> Floats:
        """Return the slippage in basis points, (B, N)."""
        columns = [self.by_symbol.get(symbol, self.pooled) for symbol in symbols]
        return np.array(columns, dtype=np.float64).reshape(len(columns), len(self.minutes)).T


def model_file(home: Home, version: str) -> Path:
    """Return where a version is, or would be."""
    return home.models / "slippage" / version / "model.json"


def fit(
    fills: pl.DataFrame, *, minutes: Sequence[int], prior_fills: float, book: str, home: Home
) -> SlippageModel:
    """Fit a model to fills and keep it under the home; the same fills give the same version.

    The estimate of a symbol in a part of the session is the mean over its n fills, drawn to the mean of that
    part's fills by n / (n + prior_fills), which is drawn to the mean of all in the same way (Bühlmann 1967, *Experience
    rating and credibility*, with the ratio of the variances given). Then it is bounded to 0..20 bps.

    Args:
        fills: One row per fill: ``symbol``, ``minute`` (after the open), ``quantity`` (signed), ``price``, and
            ``slippage`` (USD against the reference price).
        minutes: Minutes after the open at which the parts of the session begin, ascending from 0.
        prior_fills: How many fills the mean of the larger group counts for.
        book: Whose fills, for the record.

    Raises:
        QuantmillError: If there is no fill, or one whose quantity, price or slippage is not finite or whose
            reference price is not above 0.
    """
    observed = _observed(fills, minutes, book)
    overall = _mean([value for values in observed.values() for value in values])
    parts = range(len(minutes))
    by_part = [[v for (_, p), values in observed.items() if p == part for v in values] for part in parts]
    pooled = [_drawn(by_part[part], overall, prior_fills) for part in parts]
    symbols = {
        symbol: {
            "bps": [_bounded(_drawn(observed.get((symbol, p), []), pooled[p], prior_fills)) for p in parts],
            "fills": [len(observed.get((symbol, part), [])) for part in parts],
        }
        for symbol in sorted({symbol for symbol, _ in observed})
    }
    content = {
        "format": FORMAT,
        "book": book,
        "fills": fills.height,
        "minutes": list(minutes),
        "prior_fills": prior_fills,
        "pooled_bps": [_bounded(value) for value in pooled],
        "symbols": symbols,
    }
    data = (json.dumps(content, sort_keys=True, indent=1, allow_nan=False) + "\n").encode()
    version = _version(data)
    _keep(model_file(home, version), data)
    return load(home, version)


def load(home: Home, version: str) -> SlippageModel:
    """Return a fitted model, after checking that its file is what was written.

    Raises:
        ArtifactError: There is no such version (the message lists those there are), or its file was changed.
    """
    path = model_file(home, version)
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        known = sorted(found.parent.name for found in path.parent.parent.glob("*/model.json"))
        there = nearest(version, known) or " There is none yet."
        raise ArtifactError(
            f"costs.slippage_model: {path.parent.parent} has no version {version}.{there} {_AGAIN}"
        ) from error
    except OSError as error:
        raise ArtifactError(f"{path} cannot be read ({error.strerror}). {_AGAIN}") from error
    if _version(data) != version:
        raise ArtifactError(
            f"{path} is not what was fitted: its content has the version {_version(data)}; nothing of it was "
            f"loaded. {_AGAIN}"
        )
    content: dict[str, Any] = json.loads(data)
    if content["format"] != FORMAT:
        raise ArtifactError(f"{path} is in format {content['format']}, must be in {FORMAT}. {_AGAIN}")
    return SlippageModel(
        version=version,
        minutes=tuple(content["minutes"]),
        pooled=tuple(content["pooled_bps"]),
        by_symbol={symbol: tuple(found["bps"]) for symbol, found in content["symbols"].items()},
        fills=content["fills"],
    )


def pinned(home: Home, config: CostsConfig) -> SlippageModel | None:
    """Return the model that ``costs.slippage_model`` names, None where it names none; raises as ``load``."""
    return None if config.slippage_model is None else load(home, config.slippage_model)


def _observed(fills: pl.DataFrame, minutes: Sequence[int], book: str) -> dict[tuple[str, int], list[float]]:
    """Return (symbol, part) → each fill's distance from its reference in bps, against us, in a fixed order."""
    if fills.is_empty():
        raise QuantmillError(
            f"execution.fills has no fill of {book!r} that slippage can be seen in; name the book that traded "
            "with flow.fit_book=<broker>/<account>"
        )
    quantity, price, cost = (fills[name].to_numpy() for name in ("quantity", "price", "slippage"))
    with np.errstate(divide="ignore", invalid="ignore"):
        reference: NDArray[np.float64] = price - cost / quantity
        value = np.abs(quantity) * reference
    wrong = ~(np.isfinite(value) & (reference > 0) & (value > 0))
    if wrong.any():
        row = fills.row(int(np.flatnonzero(wrong)[0]), named=True)
        raise QuantmillError(f"a fill of {book!r} has no reference price above 0: {row}")
    distance = np.clip(cost / value * 1e4, -_CLIP_BPS, _CLIP_BPS)
    part = np.maximum(np.searchsorted(list(minutes), fills["minute"].to_numpy(), side="right") - 1, 0)
    found: dict[tuple[str, int], list[float]] = defaultdict(list)
    for symbol, place, bps in zip(fills["symbol"].to_list(), part.tolist(), distance.tolist(), strict=True):
        found[symbol, place].append(bps)
    return dict(found)


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)  # exactly rounded: the order of the fills cannot matter


def _drawn(values: Sequence[float], prior: float, prior_fills: float) -> float:
    """Return the mean of ``values``, drawn to ``prior`` as if that were ``prior_fills`` more of them."""
    count = len(values)
    return prior if count == 0 else (math.fsum(values) + prior_fills * prior) / (count + prior_fills)


def _bounded(bps: float) -> float:
    return round(min(max(bps, 0.0), MOST_BPS), 6)


def _version(data: bytes) -> str:
    return f"s{hashlib.sha256(data).hexdigest()[:16]}"


def _keep(path: Path, data: bytes) -> None:
    """Write the file so that it is there whole or not at all; one that holds these very bytes is left alone."""
    if path.is_file() and path.read_bytes() == data:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.building")
    with building.open("wb") as handle:
        handle.write(data)
        handle.flush()
        os.fsync(handle.fileno())
    failpoint("slippage.rename")
    building.replace(path)
    for directory in (path.parent, path.parent.parent):
        fsync_directory(directory)
