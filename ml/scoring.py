"""Scores of new sessions by a trained model: what trading asks for, day by day.

A session is scored by the fold whose test window holds it, the newest ones by the last fold; for a session
that was there at training the scores are those of ``ml.predictions``, bit for bit.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.matrix import load_features
from ml.models.base import Floats
from ml.registry import ModelSet, load_model_set
from transforms import schemas
from transforms.errors import QuantmillError
from transforms.paths import Home
from transforms.warehouse import Warehouse


def checked_probabilities(
    probability: Floats, keys: pl.DataFrame, positions: NDArray[np.intp], where: str
) -> Floats:
    """Return ``probability`` if every value is one: finite and in [0, 1].

    Args:
        probability: (m,).
        keys: ``symbol`` and ``bar_at`` of the table's rows.
        positions: (m,) rows of ``keys`` that were predicted.
        where: Model and fold, for the message.

    Raises:
        QuantmillError: One is not; nothing may be decided on it.
    """
    wrong = np.flatnonzero(~((probability >= 0) & (probability <= 1)))  # NaN fails both
    if len(wrong):
        symbol, bar_at = keys.select("symbol", "bar_at").row(int(positions[wrong[0]]))
        raise QuantmillError(
            f"{where}: {len(wrong)} of {len(probability)} predictions are no probability, the first is "
            f"{probability[wrong[0]]} for {symbol} at {bar_at}. Nothing was written or ordered; train again"
        )
    return probability


def prediction_columns(rows: pl.DataFrame) -> pl.DataFrame:
    """Add ``score`` (2p − 1) and ``confidence`` (its absolute value) to rows with a ``probability``."""
    return rows.with_columns((2 * pl.col("probability") - 1).alias("score")).with_columns(
        pl.col("score").abs().alias("confidence")
    )


def score_missing(warehouse: Warehouse, home: Home, model_id: str, *, threads: int) -> int:
    """Add a model's predictions for the bars that have come since it was trained; return how many.

    Only bars from the first test window on that have no prediction yet; what was once predicted stays.

    Raises:
        ArtifactError: The model's artifacts are not what was trained.
        QuantmillError: There are no features, a column of them is missing or infinite, or a prediction is no
            probability; nothing was written.
    """
    model_set = load_model_set(warehouse, home, model_id)
    if not warehouse.has_table("marts.features"):
        raise QuantmillError("there is no marts.features to score: run quantmill flow=build first")
    predicted = "select symbol, bar_at from ml.predictions where model_id = ?"
    missing = warehouse.read(
        "select symbol, bar_at, session_date from marts.features "
        f"anti join ({predicted}) using (symbol, bar_at) where session_date >= ? order by bar_at, symbol",
        [model_id, model_set.folds[0].test_start],
    )
    parts = []
    for session in missing["session_date"].unique(maintain_order=True):
        rows, fold = _predict(warehouse, model_set, session, threads=threads)
        new = rows.join(missing, on=["symbol", "bar_at"], how="semi", maintain_order="left")
        parts.append(new.with_columns(pl.lit(model_id).alias("model_id"), pl.lit(fold).alias("fold")))
    if not parts:
        return 0
    return warehouse.upsert(schemas.PREDICTIONS, pl.concat(parts))


def _predict(
    warehouse: Warehouse, model_set: ModelSet, session: date, *, threads: int
) -> tuple[pl.DataFrame, int]:
    """Return a session's keys with ``probability, score, confidence``, and the fold that gave them."""
    fold = model_set.fold_of(session)
    table = load_features(warehouse, "marts.features", model_set.features, session=session)
    model = model_set.model(fold, threads=threads)
    where = f"model {model_set.model_id}, fold {fold.number}, session {session}"
    everything = np.arange(len(table.keys))
    probability = checked_probabilities(model.predict(table.values), table.keys, everything, where)
    return prediction_columns(table.keys.with_columns(pl.Series("probability", probability))), fold.number
