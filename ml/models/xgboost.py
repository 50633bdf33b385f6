"""Gradient-boosted trees: T. Chen, C. Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ml.config import XgboostConfig
from ml.matrix import Matrix
from ml.models.base import Floats
from transforms.errors import ArtifactError, QuantmillError, first_line

if TYPE_CHECKING:
    import xgboost


class XgboostModel:
    """Binary logistic boosting with early stopping on validation log loss.

    A missing feature (NaN) goes down the branch that training found better. The artifact holds the trees up
    to the best round only, so what is saved is what predicts.
    """

    suffix: ClassVar[str] = ".ubj"

    def __init__(self, config: XgboostConfig, *, threads: int) -> None:
        self._config = config
        self._threads = threads
        self._fitted: xgboost.Booster | None = None

    @property
    def _booster(self) -> xgboost.Booster:
        if self._fitted is None:
            raise QuantmillError("this xgboost model is neither fitted nor loaded")
        return self._fitted

    @property
    def best_iteration(self) -> int | None:
        return int(self._booster.best_iteration)

    def fit(
        self, x: Matrix, y: Matrix, x_validation: Matrix, y_validation: Matrix, features: Sequence[str]
    ) -> None:
        import xgboost

        config = self._config
        shared = {"feature_names": list(features), "missing": np.nan, "nthread": self._threads}
        train = xgboost.QuantileDMatrix(x, label=y, **shared)
        # Binned by training's quantiles: validation tells where to stop and nothing else.
        validation = xgboost.QuantileDMatrix(x_validation, label=y_validation, ref=train, **shared)
        stop = xgboost.callback.EarlyStopping(
            rounds=config.early_stopping_rounds, metric_name="logloss", data_name="validation", save_best=True
        )
        self._fitted = xgboost.train(
            {
                "objective": "binary:logistic",
                "eval_metric": "logloss",
                "tree_method": "hist",
                "device": "cpu",
                "nthread": self._threads,
                "seed": config.seed,
                "max_depth": config.max_depth,
                "learning_rate": config.learning_rate,
                "subsample": config.subsample,
                "colsample_bytree": config.colsample,
                "min_child_weight": config.min_child_weight,
                "reg_lambda": config.reg_lambda,
            },
            train,
            num_boost_round=config.rounds,
            evals=[(validation, "validation")],
            callbacks=[stop],
            verbose_eval=False,
        )

    def predict(self, x: Matrix) -> Floats:
        predicted = self._booster.inplace_predict(x, missing=np.nan, validate_features=False)
        return np.asarray(predicted, dtype=np.float64)

    def importance(self) -> Floats:
        gains = self._booster.get_score(importance_type="total_gain")
        values = np.array(
            [gains.get(name, 0.0) for name in self._booster.feature_names or []], dtype=np.float64
        )
        total = values.sum()
        return values / total if total > 0 else values

    def to_bytes(self) -> bytes:
        return bytes(self._booster.save_raw(raw_format="ubj"))

    def load_bytes(self, data: bytes) -> None:
        import xgboost

        booster = xgboost.Booster()
        try:
            booster.load_model(bytearray(data))
        except xgboost.core.XGBoostError as error:
            raise ArtifactError(
                f"the artifact is no xgboost model that this version reads ({first_line(error)}): train again"
            ) from error
        booster.set_param({"nthread": self._threads})
        self._fitted = booster
