"""How good predictions are: classification on the label's sign, rank correlation with the forward return.

Undefined is None (NULL in ``ml.metrics``), never NaN. Ranks and counts are whole numbers in float64, so sums
over them are exact and do not depend on the number of threads.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from ml.models.base import Floats

_SMALLEST_CROSS_SECTION = 3


def log_loss(probability: Floats, label: Floats) -> float | None:
    """Return the mean of −ln p(label), p clipped to [ε, 1 − ε] with float64's ε; None without rows."""
    if len(label) == 0:
        return None
    epsilon = np.finfo(np.float64).eps
    clipped = np.clip(probability, epsilon, 1 - epsilon)
    return float(-np.mean(np.where(label > 0.5, np.log(clipped), np.log1p(-clipped))))


def auc(probability: Floats, label: Floats) -> float | None:
    """Return the area under the ROC curve, ties counted half: the Mann–Whitney U over n₁·n₀.

    (J. Hanley, B. McNeil, Radiology 143, 1982.) None unless both classes are there.
    """
    positive = label > 0.5
    positives = int(positive.sum())
    negatives = len(label) - positives
    if positives == 0 or negatives == 0:
        return None
    ranks = pl.Series(probability).rank("average").to_numpy()
    u = float(ranks[positive].sum()) - positives * (positives + 1) / 2
    return u / (positives * negatives)


def cross_sectional_ic(rows: pl.DataFrame) -> pl.DataFrame:
    """Return the Spearman correlation of score and forward return at each bar.

    Args:
        rows: ``bar_at, score, forward_return``, without NULL.

    Returns:
        ``bar_at, ic``, ascending; bars with fewer than three names, or on which either side is one and the
        same value, have no correlation and are left out.
    """
    # Twice the average rank less (n + 1): whole numbers around zero.
    centred = [
        (2 * pl.col(name).rank("average").over("bar_at") - (pl.len().over("bar_at") + 1)).alias(name)
        for name in ("score", "forward_return")
    ]
    score, outcome = pl.col("score"), pl.col("forward_return")
    return (
        rows.filter(pl.len().over("bar_at") >= _SMALLEST_CROSS_SECTION)
        .select("bar_at", *centred)
        .group_by("bar_at")
        .agg(
            (score * outcome).sum().alias("product"),
            ((score * score).sum() * (outcome * outcome).sum()).sqrt().alias("scale"),
        )
        .filter(pl.col("scale") > 0)
        .sort("bar_at")
        .select("bar_at", (pl.col("product") / pl.col("scale")).alias("ic"))
    )


def pooled_ic(rows: pl.DataFrame) -> float | None:
    """Return the Spearman correlation of score and forward return over all rows; None if undefined."""
    if len(rows) < _SMALLEST_CROSS_SECTION:
        return None
    ranks = [
        rows[name].rank("average").to_numpy() - (len(rows) + 1) / 2 for name in ("score", "forward_return")
    ]
    scale = math.sqrt(float(np.sum(ranks[0] ** 2)) * float(np.sum(ranks[1] ** 2)))
    return float(np.sum(ranks[0] * ranks[1])) / scale if scale > 0 else None


def newey_west_t(series: Floats, lag: int) -> float | None:
    """Return the t-statistic of a series' mean with Newey and West's standard error (Econometrica 55, 1987).

    Overlapping labels make neighbouring correlations alike; ``lag`` is over how many bars.
    None for a series not longer than ``lag + 1`` or without variance.
    """
    if len(series) <= lag + 1 or np.ptp(series) == 0:
        return None
    from statsmodels.regression.linear_model import OLS

    fitted = OLS(series, np.ones(len(series))).fit(cov_type="HAC", cov_kwds={"maxlags": lag})
    t = float(fitted.tvalues[0])
    return t if math.isfinite(t) else None


def evaluate(rows: pl.DataFrame, *, lag: int) -> dict[str, float | None]:
    """Return the metrics of out-of-sample predictions.

    ``precision`` and ``accuracy`` take p > 0.5 for a positive call; ``base_rate`` is the share of positive
    labels. ``information_coefficient`` is the mean over bars of the cross-sectional Spearman correlation, and
    ``ic_cross_sections`` over how many; where no bar has three names it is the correlation over all rows
    pooled, ``ic_cross_sections`` is 0 and ``ic_t_stat`` None.

    Args:
        rows: ``bar_at, probability, label, forward_return``; rows without a label count for the correlation
            only, rows without a forward return for the classification only.
        lag: The label's horizon in bars, for the t-statistic of the information coefficient.
    """
    labelled = rows.filter(pl.col("label").is_not_null())
    probability = labelled["probability"].to_numpy()
    label = labelled["label"].to_numpy()
    positive = label > 0.5
    called = probability > 0.5
    count = len(label)

    ranked = rows.filter(pl.col("forward_return").is_not_null()).select(
        "bar_at", pl.col("probability").alias("score"), "forward_return"
    )
    sections = cross_sectional_ic(ranked)["ic"].to_numpy()
    widest = ranked.group_by("bar_at").len()["len"].max() or 0
    is_pooled = isinstance(widest, int) and widest < _SMALLEST_CROSS_SECTION
    coefficient = pooled_ic(ranked) if is_pooled else (float(sections.mean()) if len(sections) else None)
    return {
        "rows": float(count),
        "auc": auc(probability, label),
        "log_loss": log_loss(probability, label),
        "brier": float(np.mean((probability - label) ** 2)) if count else None,
        "precision": float(positive[called].mean()) if called.any() else None,
        "accuracy": float((called == positive).mean()) if count else None,
        "base_rate": float(positive.mean()) if count else None,
        "information_coefficient": coefficient,
        "ic_t_stat": newey_west_t(sections, lag),
        "ic_cross_sections": float(len(sections)),
    }
