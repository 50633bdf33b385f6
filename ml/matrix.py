"""Features as one float32 matrix, streamed from a mart: what training and scoring both read.

Both go through here, so a historical row is scored on the very numbers that its test window was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from transforms.config import LABEL_COLUMNS
from transforms.errors import ConfigError, QuantmillError, nearest
from transforms.features import FeaturesConfig
from transforms.warehouse import Warehouse

Matrix = NDArray[np.float32]

KEYS = ("symbol", "bar_at", "session_date")

_NUMERIC = {
    *("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"),
    *("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"),
    *("FLOAT", "DOUBLE", "DECIMAL"),
}
_BATCH_ROWS = 100_000


@dataclass(frozen=True)
class FeatureTable:
    """Rows of a mart, in the order of (bar_at, symbol).

    Attributes:
        features: Column names of ``values``.
        keys: ``symbol, bar_at, session_date`` and whatever else was asked for, (n,).
        values: (n, k) float32, C order; NaN where the mart has NULL or NaN, never infinite.
    """

    features: tuple[str, ...]
    keys: pl.DataFrame
    values: Matrix


def feature_columns(warehouse: Warehouse, config: FeaturesConfig) -> tuple[str, ...]:
    """Return the columns of ``marts.training_set`` that a model may see.

    ``config.columns`` in their order; where it is empty, every numeric column that is neither key nor label, and
    none of ``config.level_columns``: prices and shares mean nothing from one symbol to the next.

    Raises:
        ConfigError: A configured column is unknown (the nearest are named), a key, a label, not numeric or
            named twice.
        QuantmillError: There is no ``marts.training_set``, or it has no feature.
    """
    if not warehouse.has_table("marts.training_set"):
        raise QuantmillError("there is no marts.training_set to learn from: run quantmill flow=build first")
    kinds = warehouse.columns("marts.training_set")
    reserved = {*KEYS, *LABEL_COLUMNS}
    allowed = [
        name for name, kind in kinds.items() if name not in reserved and kind.split("(")[0] in _NUMERIC
    ]
    if not allowed:
        raise QuantmillError("marts.training_set has no numeric feature column")
    for position, column in enumerate(config.columns):
        if column in reserved:
            raise ConfigError(
                f"features.columns: {column!r} is a key or a label of marts.training_set and never a feature"
            )
        if column not in kinds:
            raise ConfigError(
                f"features.columns: marts.training_set has no column {column!r}.{nearest(column, allowed)}"
            )
        if column not in allowed:
            raise ConfigError(f"features.columns: {column!r} must be numeric, was {kinds[column]}")
        if column in config.columns[:position]:
            raise ConfigError(f"features.columns: {column!r} is named twice")
    if config.columns:
        return tuple(config.columns)
    chosen = [name for name in allowed if not any(fnmatchcase(name, level) for level in config.level_columns)]
    if not chosen:
        raise ConfigError(
            "features.level_columns leave no column of marts.training_set; name some in features.columns"
        )
    return tuple(chosen)


def load_features(
    warehouse: Warehouse,
    mart: str,
    features: Sequence[str],
    *,
    others: Sequence[str] = (),
    session: date | None = None,
) -> FeatureTable:
    """Return a mart's keys and features, sorted by bar and symbol.

    Batches are streamed into one float32 matrix: the whole mart as doubles is never held.

    Args:
        warehouse: Where the mart is.
        mart: ``marts.training_set`` or ``marts.features``.
        features: Columns of the matrix.
        others: Further columns of ``keys``.
        session: Only this session's rows; None for all.

    Raises:
        QuantmillError: The mart is missing or lacks a column, or a feature is infinite (or beyond float32);
            the message names the column, symbol and bar.
    """
    if not warehouse.has_table(mart):
        raise QuantmillError(f"there is no {mart}: run quantmill flow=build first")
    there = warehouse.columns(mart)
    missing = [name for name in (*KEYS, *features, *others) if name not in there]
    if missing:
        raise QuantmillError(
            f"{mart} lacks {len(missing)} of the columns that are asked of it: {', '.join(missing)}. "
            "Build it with the features that the model was trained on, or train again"
        )
    tail = f"from {mart} {'' if session is None else 'where session_date = ?'} order by bar_at, symbol"
    parameters: list[Any] = [] if session is None else [session]
    columns = ", ".join(f'"{name}"' for name in (*KEYS, *others))
    keys = warehouse.read(f"select {columns} {tail}", parameters)
    values = np.empty((len(keys), len(features)), dtype=np.float32)
    columns = ", ".join(f'"{name}"::double' for name in features)
    reader = warehouse.cursor.execute(f"select {columns} {tail}", parameters).to_arrow_reader(_BATCH_ROWS)
    row = 0
    for batch in reader:
        block = values[row : row + batch.num_rows]
        with np.errstate(over="ignore"):  # beyond float32 becomes infinite, and is refused as such
            for place in range(len(features)):
                block[:, place] = batch.column(place).to_numpy(zero_copy_only=False)
        if np.isinf(block).any():
            at, place = np.argwhere(np.isinf(block))[0]
            symbol, bar_at = keys.select("symbol", "bar_at").row(row + int(at))
            raise QuantmillError(
                f"{mart}.{features[int(place)]} is infinite (or beyond ±3.4e38) at {symbol}, {bar_at}: a "
                "model would predict on it without a murmur, so nothing was learnt or predicted. Mend the "
                "feature's SQL, or quarantine the bar"
            )
        row += batch.num_rows
    return FeatureTable(tuple(features), keys, values)
