"""Which columns become features, and how they become a matrix."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from ml.matrix import feature_columns, load_features
from tests.ml.market import FEATURES, Bench, training_set, write_marts
from transforms.errors import ConfigError, QuantmillError
from transforms.features import FeaturesConfig


def chosen(bench: Bench, *columns: str) -> tuple[str, ...]:
    return feature_columns(bench.warehouse, FeaturesConfig(name="f", columns=list(columns)))


def test_every_numeric_column_but_keys_and_labels_is_a_feature(bench: Bench) -> None:
    assert chosen(bench) == FEATURES


def test_levels_of_price_are_features_only_when_they_are_named(bench: Bench) -> None:
    def features(columns: list[str], levels: list[str]) -> tuple[str, ...]:
        config = FeaturesConfig(name="f", columns=columns, level_columns=levels)
        return feature_columns(bench.warehouse, config)

    assert features([], ["quan*", "no_such_[0-9]*"]) == tuple(name for name in FEATURES if name != "quantity")
    assert features(["quantity", "momentum"], ["quan*"]) == ("quantity", "momentum")
    with pytest.raises(ConfigError, match=r"features\.level_columns leave no column"):
        features([], ["*"])


def test_configured_columns_keep_their_order(bench: Bench) -> None:
    assert chosen(bench, "quantity", "momentum") == ("quantity", "momentum")


@pytest.mark.parametrize(
    "label", ["label", "label_value", "forward_return", "label_end_at", "touched", "bar_at"]
)
def test_a_label_or_key_is_never_a_feature(bench: Bench, label: str) -> None:
    with pytest.raises(ConfigError, match=rf"features\.columns: '{label}' .* never a feature"):
        chosen(bench, "momentum", label)


def test_an_unknown_column_names_the_nearest(bench: Bench) -> None:
    with pytest.raises(ConfigError, match=r"no column 'momentun'\. Did you mean: momentum"):
        chosen(bench, "momentun")


@pytest.mark.parametrize(
    ("columns", "message"),
    [(["comment"], "must be numeric, was VARCHAR"), (["noise", "noise"], "named twice")],
)
def test_text_and_repeated_columns_are_refused(bench: Bench, columns: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        chosen(bench, *columns)


def test_without_a_training_set_the_error_says_what_to_run(bench: Bench) -> None:
    bench.warehouse.execute("drop table marts.training_set")
    with pytest.raises(QuantmillError, match="run quantmill flow=build first"):
        chosen(bench)


def test_rows_come_by_bar_and_symbol_with_null_as_nan(bench: Bench) -> None:
    rows = training_set(5)
    write_marts(bench.warehouse, rows.sample(fraction=1, shuffle=True, seed=1))
    table = load_features(bench.warehouse, "marts.training_set", ["sparse", "quantity"], others=["label"])
    expected = rows.sort("bar_at", "symbol")
    assert table.keys.equals(expected.select("symbol", "bar_at", "session_date", "label"))
    assert table.values.dtype == np.float32
    np.testing.assert_array_equal(
        table.values,
        expected.select(pl.col("sparse", "quantity").cast(pl.Float32)).fill_null(math.nan).to_numpy(),
    )


@pytest.mark.parametrize("value", [math.inf, -math.inf, 1e300])
def test_an_infinite_feature_names_column_symbol_and_bar(bench: Bench, value: float) -> None:
    place = (pl.col("symbol") == "CCC") & (pl.col("session_date") == pl.date(2020, 1, 8))
    rows = training_set().with_columns(pl.when(place).then(value).otherwise("noise").alias("noise"))
    write_marts(bench.warehouse, rows)
    with pytest.raises(QuantmillError, match=r"marts\.training_set\.noise is infinite .* at CCC, 2020-01-08"):
        bench.train()
    assert not (bench.home.models / "m1").exists()


def test_missing_columns_are_named(bench: Bench) -> None:
    bench.warehouse.execute("alter table marts.features drop column noise")
    with pytest.raises(QuantmillError, match=r"marts\.features lacks 1 .*: noise\."):
        load_features(bench.warehouse, "marts.features", FEATURES)
