"""A small training set of known properties, for the tests of learning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from ml.config import ModelConfig, SplitConfig, XgboostConfig
from ml.training import TrainResult, train
from transforms.config import EngineConfig
from transforms.features import FeaturesConfig
from transforms.labels import ForwardReturnLabelsConfig
from transforms.paths import Home
from transforms.warehouse import Warehouse

HORIZON = 3
FEATURES = ("momentum", "noise", "sparse", "quantity")
SPLIT = SplitConfig(
    name="walk_forward", train_sessions=60, test_sessions=30, embargo_sessions=2, validation_fraction=0.25
)
SMALL = XgboostConfig(
    max_depth=2, rounds=12, learning_rate=0.3, early_stopping_rounds=5, min_child_weight=1.0
)


def sessions(count: int, start: date = date(2020, 1, 6)) -> list[date]:
    """Return ``count`` weekdays."""
    days = (start + timedelta(days=day) for day in range(2 * count + 7))
    return [day for day in days if day.weekday() < 5][:count]


def training_set(
    count: int = 150, symbols: Sequence[str] = ("AAA", "BBB", "CCC", "DDD"), *, seed: int = 1
) -> pl.DataFrame:
    """Return rows whose label follows ``momentum`` seven times in ten; ``sparse`` is NULL half the time.

    A session's rows depend on the seed and on earlier sessions only: a longer table begins with a shorter
    one, but for the labels of its last ``HORIZON`` sessions, which are NULL.
    """
    random = np.random.default_rng(seed)
    days = sessions(count + HORIZON)
    rows: list[dict[str, Any]] = []
    for place, day in enumerate(days[:count]):
        for symbol in symbols:
            momentum, noise, shock, sparse, luck = random.normal(size=5)
            forward = (0.02 if luck < 0.52 else -0.02) * np.sign(momentum) + 0.002 * shock
            is_over = place + HORIZON < count
            rows.append(
                {
                    "symbol": symbol,
                    "bar_at": datetime.combine(day, time()),
                    "session_date": day,
                    "momentum": momentum,
                    "noise": noise,
                    "sparse": sparse if sparse > 0 else None,
                    "quantity": int(shock * 100),
                    "comment": "text",
                    "forward_return": forward if is_over else None,
                    "label_value": forward if is_over else None,
                    "label": float(forward > 0) if is_over else None,
                    "label_end_at": datetime.combine(days[place + HORIZON], time()) if is_over else None,
                }
            )
    return pl.DataFrame(rows)


def write_marts(warehouse: Warehouse, rows: pl.DataFrame) -> None:
    """Put ``rows`` into ``marts.training_set`` and their features into ``marts.features``."""
    warehouse.cursor.register("rows", rows)
    warehouse.execute("create or replace table marts.training_set as select * from rows")
    labels = "forward_return, label_value, label, label_end_at"
    warehouse.execute(f"create or replace table marts.features as select * exclude ({labels}) from rows")
    warehouse.cursor.unregister("rows")


@dataclass(frozen=True)
class Bench:
    """A warehouse and a home to train in."""

    warehouse: Warehouse
    home: Home

    @classmethod
    def at(cls, root: Path) -> Bench:
        home = Home(root)
        return cls(Warehouse(home.warehouse, EngineConfig(threads=1, memory_limit="512MB")), home)

    def train(
        self,
        model_id: str = "m1",
        *,
        model: ModelConfig = SMALL,
        split: SplitConfig = SPLIT,
        columns: Sequence[str] = (),
        threads: int = 1,
        on_fold: Callable[[int, int], None] | None = None,
    ) -> TrainResult:
        return train(
            self.warehouse,
            self.home,
            model_id=model_id,
            model=model,
            split=split,
            features=FeaturesConfig(name="core", columns=list(columns)),
            labels=ForwardReturnLabelsConfig(name="forward_return", horizon=HORIZON),
            timeframe="1d",
            threads=threads,
            lineage={"data_version": "d1", "code_version": "c1"},
            on_fold=on_fold,
        )

    def predictions(self, model_id: str = "m1") -> pl.DataFrame:
        return self.warehouse.read(
            "select * from ml.predictions where model_id = ? order by bar_at, symbol", [model_id]
        )
