"""Walk-forward training: one model per fold, out-of-sample predictions, metrics, artifacts.

Artifacts are put in place first, then all tables are written in one transaction; a run that is killed between
the two leaves a directory that nothing refers to, and the next run with the same fingerprint takes it over.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.config import ModelConfig, SplitConfig
from ml.matrix import FeatureTable, Matrix, feature_columns, load_features
from ml.metrics import evaluate, log_loss
from ml.models.base import Floats, Model, open_model
from ml.registry import FORMAT, ArtifactWriter, model_directory
from ml.scoring import checked_probabilities, prediction_columns
from ml.splits import Fold, FoldRows, walk_forward
from transforms import schemas
from transforms.config import LabelsConfig, as_plain
from transforms.errors import QuantmillError
from transforms.failpoints import failpoint
from transforms.features import FeaturesConfig
from transforms.paths import Home
from transforms.versions import library_versions
from transforms.warehouse import Warehouse, utc_now

ALL_FOLDS = -1

# Up to this many training rows a fold keeps no more than one thread busy (two are three times slower than one
# on a machine that has other work), so folds are fitted side by side; larger ones one by one on all threads.
_ROWS_FOR_ALL_THREADS = 250_000


@dataclass(frozen=True)
class TrainResult:
    """What a training made.

    Attributes:
        model_id: The fingerprint it was given.
        path: The directory of its artifacts.
        sha256: Of its manifest; two trainings on the same input have the same.
        folds: Number of folds.
        predictions: Rows written to ``ml.predictions``.
        metrics: Over all folds together, None where undefined.
    """

    model_id: str
    path: Path
    sha256: str
    folds: int
    predictions: int
    metrics: dict[str, float | None]


@dataclass(frozen=True)
class _FoldResult:
    fold: Fold
    rows: FoldRows
    artifact: bytes
    suffix: str
    probability: Floats  # of the test rows
    best_iteration: int | None
    importance: Floats
    fit_metrics: dict[str, float | None]


def train(
    warehouse: Warehouse,
    home: Home,
    *,
    model_id: str,
    model: ModelConfig,
    split: SplitConfig,
    features: FeaturesConfig,
    labels: LabelsConfig,
    timeframe: str,
    threads: int,
    lineage: dict[str, str],
    on_fold: Callable[[int, int], None] | None = None,
) -> TrainResult:
    """Train on ``marts.training_set`` fold by fold; write the artifacts and ``ml.*``.

    Every prediction comes from a model that was fitted on labels that had ended before the prediction's test
    window (``ml.splits``). Earlier output under the same ``model_id`` is replaced; a champion stays champion.

    Args:
        warehouse: The open warehouse.
        home: Where ``models/`` is.
        model_id: The training's fingerprint; names its directory and its rows.
        model: Which model, and its parameters.
        split: Walk-forward folds.
        features: Which columns the model may see.
        labels: How ``marts.labels`` was built; how far they look ahead is the lag of the t-statistic.
        timeframe: Length of the training set's bars.
        threads: Threads to fit with, 0 for one per core; changes no result.
        lineage: What the training came from (data version, code version …), for the manifest. Whatever stands
            here must be the same in a repeated run, or the manifest is not.
        on_fold: Told (folds done, folds in all) after each fold.

    Raises:
        ConfigError: Unknown feature columns, or too little history for the split.
        QuantmillError: No training set, an infinite feature, a training window with one class only.
    """
    directory = model_directory(home, model_id)
    columns = feature_columns(warehouse, features)
    others = ("forward_return", "label", "label_end_at")
    table = load_features(warehouse, "marts.training_set", columns, others=others)
    is_labelled = pl.col("label").is_not_null()
    label_ends = table.keys.select(
        "session_date", "bar_at", pl.when(is_labelled).then("label_end_at").alias("label_end_at")
    )
    folds = walk_forward(label_ends, split)
    sessions = label_ends["session_date"].to_numpy().astype("datetime64[D]")
    ends = label_ends["label_end_at"].to_numpy().astype("datetime64[us]")
    label = table.keys["label"].cast(pl.Float32).fill_null(np.nan).to_numpy()

    writer = ArtifactWriter(home, model_id)
    probability = np.full(len(table.keys), np.nan)
    fold_of_row = np.full(len(table.keys), ALL_FOLDS, dtype=np.int32)
    results: list[_FoldResult] = []
    entries = []
    for result in _learn(model, table, label, [(fold, fold.rows(sessions, ends)) for fold in folds], threads):
        number, test = result.fold.number, result.rows.test
        where = f"model {model_id}, fold {number}"
        probability[test] = checked_probabilities(result.probability, table.keys, test, where)
        fold_of_row[test] = number
        file = f"fold-{number:03d}{result.suffix}"
        digest = writer.add(file, result.artifact)
        failpoint("train.fold")
        entries.append(
            {
                "fold": number,
                "file": file,
                "sha256": digest,
                **{name: value.isoformat() for name, value in _dates(result.fold).items()},
                **_counts(result.rows),
                "best_iteration": result.best_iteration,
                "metrics": result.fit_metrics,
            }
        )
        results.append(result)
        if on_fold is not None:
            on_fold(len(results), len(folds))

    manifest = {
        "format": FORMAT,
        "model_id": model_id,
        "name": model.name,
        "implementation": model.implementation,
        "model": as_plain(model),
        "split": as_plain(split),
        "labels": as_plain(labels),
        "features": list(columns),
        "lineage": lineage,
        "libraries": library_versions(),
        "folds": entries,
    }
    predictions = _predictions(model_id, table.keys, probability, fold_of_row)
    metrics = _metrics(table.keys, probability, fold_of_row, labels.horizon_bars(timeframe))
    text, digest = writer.finish(manifest)
    champion = warehouse.value("select is_champion from ml.models where model_id = ?", [model_id])
    registered = pl.DataFrame(
        {
            "model_id": model_id,
            "name": model.name,
            "path": str(directory.relative_to(home.root)),
            "sha256": digest,
            "manifest": text,
            "trained_at": utc_now(),
            "is_champion": bool(champion),
        }
    )
    with warehouse.transaction():
        for contract, frame in (
            (schemas.FOLDS, _fold_table(model_id, results)),
            (schemas.METRICS, _metric_table(model_id, metrics)),
            (schemas.FEATURE_IMPORTANCE, _importance_table(model_id, columns, results)),
            (schemas.PREDICTIONS, predictions),
            (schemas.MODELS, registered),
        ):
            warehouse.replace_where(contract, {"model_id": model_id}, frame)
        failpoint("train.commit")
    return TrainResult(model_id, directory, digest, len(folds), len(predictions), metrics[ALL_FOLDS])


def _learn(
    config: ModelConfig, table: FeatureTable, label: Matrix, folds: list[tuple[Fold, FoldRows]], threads: int
) -> Iterator[_FoldResult]:
    """Yield the folds' results in order; they depend neither on the threads nor on what runs beside them."""
    cores = threads or os.cpu_count() or 1
    is_small = max(len(rows.train) for _, rows in folds) <= _ROWS_FOR_ALL_THREADS
    workers, threads_each = (min(cores, len(folds)), 1) if is_small else (1, cores)
    pool = ThreadPoolExecutor(workers, thread_name_prefix="fold")
    try:
        yield from pool.map(
            lambda part: _fit(open_model(config, threads=threads_each), table, label, *part), folds
        )
    finally:
        pool.shutdown(cancel_futures=True)  # after a failure: begin no further fold


def _fit(model: Model, table: FeatureTable, label: Matrix, fold: Fold, rows: FoldRows) -> _FoldResult:
    """Fit one fold and predict its test window."""
    x, y = _take(table.values, rows.train), label[rows.train]
    x_validation, y_validation = _take(table.values, rows.validation), label[rows.validation]
    if y.min() == y.max():
        raise QuantmillError(
            f"fold {fold.number}: every label from {fold.train_start} to {fold.train_end} is {y.min():.0f}, "
            "so there is nothing to tell apart. Raise split.train_sessions, or look at marts.labels"
        )
    model.fit(x, y, x_validation, y_validation, table.features)
    fit_metrics = {
        "train_log_loss": log_loss(model.predict(x), y.astype(np.float64)),
        "validation_log_loss": log_loss(model.predict(x_validation), y_validation.astype(np.float64)),
    }
    return _FoldResult(
        fold=fold,
        rows=rows,
        artifact=model.to_bytes(),
        suffix=model.suffix,
        probability=model.predict(_take(table.values, rows.test)),
        best_iteration=model.best_iteration,
        importance=model.importance(),
        fit_metrics=fit_metrics,
    )


def _take(values: Matrix, positions: NDArray[np.intp]) -> Matrix:
    """Return rows of the matrix: a view where they are neighbours, else a copy."""
    first, last = int(positions[0]), int(positions[-1])
    return values[first : last + 1] if last - first + 1 == len(positions) else values[positions]


def _dates(fold: Fold) -> dict[str, Any]:
    wanted = [name for name in schemas.FOLDS.columns if name.endswith(("_start", "_end"))]
    return {name: value for name, value in asdict(fold).items() if name in wanted}


def _counts(rows: FoldRows) -> dict[str, int]:
    return {
        "train_rows": len(rows.train),
        "validation_rows": len(rows.validation),
        "test_rows": len(rows.test),
        "purged_rows": rows.purged,
    }


def _predictions(
    model_id: str, keys: pl.DataFrame, probability: Floats, fold_of_row: NDArray[np.int32]
) -> pl.DataFrame:
    return prediction_columns(
        keys.select("symbol", "bar_at", "session_date")
        .with_columns(
            pl.lit(model_id).alias("model_id"),
            pl.Series("fold", fold_of_row),
            pl.Series("probability", probability),
        )
        .filter(pl.col("fold") != ALL_FOLDS)
    ).sort("bar_at", "symbol")


def _metrics(
    keys: pl.DataFrame, probability: Floats, fold_of_row: NDArray[np.int32], lag: int
) -> dict[int, dict[str, float | None]]:
    """Return fold → metric → value, ``ALL_FOLDS`` for all together."""
    tested = keys.select("bar_at", "label", "forward_return").with_columns(
        pl.Series("fold", fold_of_row), pl.Series("probability", probability)
    )
    tested = tested.filter(pl.col("fold") != ALL_FOLDS)
    metrics = {ALL_FOLDS: evaluate(tested, lag=lag)}
    for part in tested.partition_by("fold", maintain_order=True):
        metrics[int(part["fold"][0])] = evaluate(part, lag=lag)
    return metrics


def _metric_table(model_id: str, metrics: dict[int, dict[str, float | None]]) -> pl.DataFrame:
    rows = [
        (model_id, fold, name, value)
        for fold, values in sorted(metrics.items())
        for name, value in values.items()
    ]
    return pl.DataFrame(
        rows,
        schema={"model_id": pl.String, "fold": pl.Int32, "metric": pl.String, "value": pl.Float64},
        orient="row",
    )


def _fold_table(model_id: str, results: list[_FoldResult]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "model_id": model_id,
                "fold": result.fold.number,
                **_dates(result.fold),
                **_counts(result.rows),
                "best_iteration": result.best_iteration,
            }
            for result in results
        ],
        schema_overrides={"best_iteration": pl.Int32},
    )


def _importance_table(model_id: str, features: tuple[str, ...], results: list[_FoldResult]) -> pl.DataFrame:
    rows = [
        (model_id, result.fold.number, feature, float(share))
        for result in results
        for feature, share in zip(features, result.importance, strict=True)
    ]
    return pl.DataFrame(
        rows,
        schema={"model_id": pl.String, "fold": pl.Int32, "feature": pl.String, "importance": pl.Float64},
        orient="row",
    )
