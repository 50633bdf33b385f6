"""What every model promises, and each by itself."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ml.config import LogisticConfig, ModelConfig, XgboostConfig
from ml.matrix import Matrix
from ml.models.base import Model, known_config, open_model
from transforms.errors import ArtifactError, QuantmillError

NAMES = ("signal", "noise", "gaps")
XGBOOST = XgboostConfig(rounds=30, early_stopping_rounds=10, min_child_weight=1.0)
EVERY = pytest.mark.parametrize("config", [XGBOOST, LogisticConfig()], ids=["xgboost", "logistic"])


def data(rows: int = 600, seed: int = 3) -> tuple[Matrix, Matrix]:
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, 3)).astype(np.float32)
    y = (x[:, 0] + random.normal(size=rows) > 0).astype(np.float32)
    x[random.random(rows) < 0.3, 2] = np.nan
    return x, y


def fitted(config: ModelConfig, *, threads: int = 1, rows: int = 600) -> Model:
    model = open_model(config, threads=threads)
    model.fit(*data(rows), *data(200, seed=4), NAMES)
    return model


@EVERY
def test_a_signal_is_found_and_named_by_importance(config: ModelConfig) -> None:
    model = fitted(config)
    x, y = data(500, seed=9)
    called = model.predict(x) > 0.5
    assert (called == (y > 0.5)).mean() > 0.7
    shares = model.importance()
    assert shares.argmax() == 0
    assert shares.sum() == pytest.approx(1.0)


@EVERY
def test_an_artifact_read_again_predicts_the_same_bits(config: ModelConfig) -> None:
    model = fitted(config)
    again = open_model(config, threads=2)
    again.load_bytes(model.to_bytes())
    x, _ = data(300, seed=9)
    assert np.array_equal(again.predict(x), model.predict(x))
    assert again.to_bytes() == model.to_bytes()
    assert again.best_iteration == model.best_iteration
    assert np.array_equal(again.importance(), model.importance())


@EVERY
def test_a_rows_probability_does_not_depend_on_the_rows_beside_it(config: ModelConfig) -> None:
    model = fitted(config)
    x, _ = data(257, seed=9)
    alone = np.concatenate([model.predict(x[row : row + 1]) for row in range(len(x))])
    assert np.array_equal(model.predict(x), alone)
    assert np.array_equal(model.predict(np.asfortranarray(x)), alone)


@EVERY
def test_the_same_bytes_with_one_thread_and_with_two(config: ModelConfig) -> None:
    assert (
        fitted(config, threads=1, rows=8_000).to_bytes() == fitted(config, threads=2, rows=8_000).to_bytes()
    )


@pytest.mark.parametrize(
    "data", [b"", b"\x80\x05K*.", b"[1, 2]", b"{}"], ids=["empty", "pickle", "list", "object"]
)
def test_bytes_that_are_no_logistic_artifact_are_refused(data: bytes) -> None:
    with pytest.raises(ArtifactError, match="train again"):
        open_model(LogisticConfig(), threads=1).load_bytes(data)


def test_an_xgboost_artifact_of_an_unknown_objective_is_refused() -> None:
    # Bytes that are no UBJ at all would crash the process: the registry's SHA-256 stands before this.
    artifact = fitted(XGBOOST).to_bytes().replace(b"binary:logistic", b"binary:logistiz")
    with pytest.raises(ArtifactError, match=r"Unknown objective.*train again"):
        open_model(XGBOOST, threads=1).load_bytes(artifact)


@EVERY
def test_a_model_that_is_not_fitted_says_so(config: ModelConfig) -> None:
    with pytest.raises(QuantmillError, match="neither fitted nor loaded"):
        open_model(config, threads=1).predict(data()[0])


def test_xgboost_stops_early_and_keeps_the_best_round_only() -> None:
    import xgboost

    model = fitted(
        XgboostConfig(rounds=300, learning_rate=0.5, early_stopping_rounds=5, min_child_weight=1.0)
    )
    assert model.best_iteration is not None
    assert model.best_iteration < 100
    booster = xgboost.Booster()
    booster.load_model(bytearray(model.to_bytes()))
    assert booster.num_boosted_rounds() == model.best_iteration + 1


def test_xgboosts_seed_decides_what_is_drawn() -> None:
    bytes_of = {seed: fitted(XgboostConfig(rounds=30, seed=seed)).to_bytes() for seed in (1, 2)}
    assert bytes_of[1] != bytes_of[2]


def test_logistic_without_penalty_is_the_maximum_likelihood_of_logit() -> None:
    from statsmodels.discrete.discrete_model import Logit

    x, y = data()
    x = np.ascontiguousarray(x[:, :2])  # without gaps
    model = open_model(LogisticConfig(alpha=0.0), threads=1)
    model.fit(x, y, x, y, NAMES[:2])
    design = np.column_stack([np.ones(len(x)), x]).astype(np.float64)
    reference = Logit(y, design).fit(disp=0)
    np.testing.assert_allclose(model.predict(x), reference.predict(design), atol=1e-4)


def test_logistics_penalty_balances_the_likelihoods_gradient() -> None:
    x, y = data()
    model = open_model(LogisticConfig(alpha=0.1), threads=1)
    model.fit(x, y, x, y, NAMES)
    fit = json.loads(model.to_bytes())
    filled = np.where(np.isnan(x), np.array(fit["median"]), x.astype(np.float64))
    z = (filled - np.array(fit["mean"])) / np.array(fit["scale"])
    gradient = z.T @ (y - model.predict(x)) / len(x)
    np.testing.assert_allclose(gradient, 0.1 * np.array(fit["coefficients"]), atol=1e-4)
    assert np.mean(y - model.predict(x)) == pytest.approx(0, abs=1e-4)  # the intercept is free


def test_logistic_fills_gaps_with_the_training_median_whatever_is_predicted() -> None:
    model = fitted(LogisticConfig())
    median = json.loads(model.to_bytes())["median"]
    x, _ = data()
    assert median[2] == pytest.approx(np.nanmedian(x[:, 2]))
    gap, filled = np.array([[0.5, 0.1, np.nan], [0.5, 0.1, median[2]]], dtype=np.float32)
    assert model.predict(gap[None]) == pytest.approx(model.predict(filled[None]), abs=1e-7)


@pytest.mark.parametrize("value", [np.nan, 0.1, 0.0])
def test_a_feature_without_variation_counts_for_nothing(value: float) -> None:
    x, y = data()
    x[:, 1] = value
    model = open_model(LogisticConfig(), threads=1)
    model.fit(x, y, x, y, NAMES)
    moved = x.copy()
    moved[:, 1] = 1e6
    assert np.array_equal(model.predict(moved), model.predict(x))
    assert model.importance()[1] == 0


def test_the_penalty_keeps_separated_classes_finite() -> None:
    x = np.linspace(-1, 1, 200, dtype=np.float32)[:, None]
    y = (x[:, 0] > 0).astype(np.float32)
    model = open_model(LogisticConfig(alpha=1e-3), threads=1)
    model.fit(x, y, x, y, ("x",))
    assert ((model.predict(x) > 0.5) == (y > 0.5)).mean() > 0.98


def test_only_implementations_of_config_classes_are_imported() -> None:
    assert known_config(
        "ml.models.logistic:LogisticModel", {"name": "l", "seed": 1, "alpha": 0.2}
    ) == LogisticConfig(name="l", seed=1, alpha=0.2)
    with pytest.raises(ArtifactError, match="'os:system'"):
        known_config("os:system", {})
    with pytest.raises(ArtifactError, match="LogisticConfig does not take"):
        known_config("ml.models.logistic:LogisticModel", {"beta": 1})
