"""Config of learning: split, model. Light on purpose: ``--help`` imports this module."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from transforms.config import require, require_choice


@dataclass
class SplitConfig:
    """Walk-forward folds over sessions.

    Attributes:
        scheme: ``expanding`` (train from the first session) or ``rolling`` (last ``train_sessions``).
        train_sessions: Sessions in the first training window, and in every rolling one.
        test_sessions: Sessions in each test window; a fold's model serves until the next fold's begins.
        embargo_sessions: Sessions left out between the last label's end and the test window.
        validation_fraction: Last part of each training window kept for early stopping, purged alike.
    """

    name: str = "???"
    scheme: str = "expanding"
    train_sessions: int = 756
    test_sessions: int = 126
    embargo_sessions: int = 5
    validation_fraction: float = 0.2

    def __post_init__(self) -> None:
        require_choice(self.scheme, ("expanding", "rolling"), "split.scheme")
        require(self.train_sessions >= 20, "split.train_sessions", "at least 20", self.train_sessions)
        require(self.test_sessions >= 1, "split.test_sessions", "at least 1", self.test_sessions)
        require(self.embargo_sessions >= 0, "split.embargo_sessions", "at least 0", self.embargo_sessions)
        require(
            0 < self.validation_fraction < 0.5,
            "split.validation_fraction",
            "between 0 and 0.5 (exclusive)",
            self.validation_fraction,
        )


@dataclass
class ModelConfig:
    """What every model has.

    Attributes:
        name: The model's name in the registry.
        seed: Seed of every random choice in training.
    """

    implementation: ClassVar[str] = ""

    name: str = "???"
    seed: int = 7


@dataclass
class XgboostConfig(ModelConfig):
    """Gradient-boosted trees on the label's sign (binary logistic).

    Attributes:
        max_depth: Depth of a tree.
        learning_rate: Shrinkage per round.
        rounds: Upper limit of boosting rounds.
        early_stopping_rounds: Rounds without better validation log loss before stopping.
        subsample: Fraction of rows per tree.
        colsample: Fraction of columns per tree.
        min_child_weight: Minimum sum of hessians in a leaf.
        reg_lambda: L2 regularisation of leaf weights.
    """

    implementation: ClassVar[str] = "ml.models.xgboost:XgboostModel"

    name: str = "xgboost"
    max_depth: int = 3
    learning_rate: float = 0.03
    rounds: int = 400
    early_stopping_rounds: int = 40
    subsample: float = 0.8
    colsample: float = 0.7
    min_child_weight: float = 20.0
    reg_lambda: float = 5.0

    def __post_init__(self) -> None:
        require(1 <= self.max_depth <= 16, "model.max_depth", "in 1..16", self.max_depth)
        require(0 < self.learning_rate <= 1, "model.learning_rate", "in (0, 1]", self.learning_rate)
        require(1 <= self.rounds <= 100_000, "model.rounds", "in 1..100000", self.rounds)
        require(
            self.early_stopping_rounds >= 1,
            "model.early_stopping_rounds",
            "at least 1",
            self.early_stopping_rounds,
        )
        require(0 < self.subsample <= 1, "model.subsample", "in (0, 1]", self.subsample)
        require(0 < self.colsample <= 1, "model.colsample", "in (0, 1]", self.colsample)
        for name in ("min_child_weight", "reg_lambda"):
            value = getattr(self, name)
            require(0 <= value < math.inf, f"model.{name}", "finite and at least 0", value)


@dataclass
class LogisticConfig(ModelConfig):
    """Ridge-penalised logistic regression (statsmodels) on z-scored features: the linear yardstick.

    Attributes:
        alpha: Strength of the penalty.
    """

    implementation: ClassVar[str] = "ml.models.logistic:LogisticModel"

    name: str = "logistic"
    alpha: float = 0.001

    def __post_init__(self) -> None:
        require(0 <= self.alpha < math.inf, "model.alpha", "finite and at least 0", self.alpha)
