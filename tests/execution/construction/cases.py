"""Inputs of constructions for tests: seeded returns, scores and an account."""

from __future__ import annotations

from typing import Any

import numpy as np

from execution.config import PortfolioConfig
from execution.construction import ConstructionInputs
from execution.types import Floats, Scores


def names(count: int) -> tuple[str, ...]:
    """S00, S01, …"""
    return tuple(f"S{i:02d}" for i in range(count))


def config(**changes: Any) -> PortfolioConfig:
    """A portfolio of every scored name, fully invested."""
    return PortfolioConfig(**{"name": "test", "k": 0, "gross": 1.0, **changes})


def scores(values: Any, *, confidence: Any = None) -> Scores:
    """Scores with confidence 1 unless given."""
    score = np.array(values, dtype=float)
    sure = np.ones(len(score)) if confidence is None else np.array(confidence, dtype=float)
    return Scores("test", score, sure, np.full(len(score), 0.2))


def exact_returns(covariance: Any, *, sessions: int = 400, mean: Any = 0.0) -> Floats:
    """Returns whose sample covariance (ddof 1) and mean are exactly the given ones, up to rounding."""
    wanted = np.array(covariance, dtype=float)
    noise = np.random.default_rng(3).standard_normal((sessions, len(wanted)))
    noise -= noise.mean(axis=0)
    whitened = noise @ np.linalg.inv(np.linalg.cholesky(np.cov(noise, rowvar=False).reshape(wanted.shape))).T
    returns: Floats = whitened @ np.linalg.cholesky(wanted).T + mean
    return returns


def random_returns(count: int, *, seed: int = 0, sessions: int = 260) -> Floats:
    """A market of one factor and noise, with volatilities from 1 % to 2 % a session."""
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((sessions, count)) * 0.01 * (1 + rng.random(count))
    returns: Floats = own + rng.standard_normal((sessions, 1)) * 0.008
    return returns


def inputs(score: Any, returns: Floats | None = None, **changes: Any) -> ConstructionInputs:
    """Inputs over S00, S01, … of an account in cash that trades for nothing."""
    given = score if isinstance(score, Scores) else scores(score)
    count = len(given.score)
    account: dict[str, Any] = {
        "held": np.zeros(count),
        "costs": np.zeros(count),
        "dollar_volume": np.full(count, 1e9),
        "equity": 1e5,
        "peak": 1e5,
    }
    return ConstructionInputs(names(count), given, returns, **{**account, **changes})
