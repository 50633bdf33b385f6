"""Every feature against its textbook definition, and against the past alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tests.models_sql import reference
from tests.models_sql.market import Lab, day, whole_market

KEY = ("symbol", "bar_at", "session_date")


@pytest.fixture(scope="module")
def expected() -> pd.DataFrame:
    bars, actions = (pd.DataFrame(rows) for rows in whole_market())
    return reference.features(bars, actions, "IDX")


@pytest.fixture(scope="module")
def features(built: Lab) -> pl.DataFrame:
    return built.table("marts.features")


def test_every_feature_is_compared_with_a_definition(features: pl.DataFrame, expected: pd.DataFrame) -> None:
    assert set(features.columns) - set(KEY) == set(expected.columns) - set(KEY)
    assert features["symbol"].to_list() == expected.symbol.to_list()
    assert features["bar_at"].to_list() == expected.bar_at.to_list()


def test_features_equal_their_definitions_to_nine_digits(
    features: pl.DataFrame, expected: pd.DataFrame
) -> None:
    for name in features.drop(KEY).columns:
        got, want = features[name].to_numpy(), expected[name].to_numpy()
        np.testing.assert_array_equal(np.isnan(got), np.isnan(want), err_msg=f"where {name} is NULL")
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-9, err_msg=name)
        assert np.isfinite(want).any(), f"comparing only NULLs of {name} shows nothing"


def test_nothing_is_infinite_or_nan_where_nothing_moved_or_traded(features: pl.DataFrame) -> None:
    flat = features.filter((pl.col("symbol") == "FLAT") & (pl.col("bar_at").is_between(day(40), day(69))))
    values = flat.drop(KEY)
    assert values.null_count().sum_horizontal().item() > 0
    assert all(values[name].is_finite().all() for name in values.columns)
    for name in ("volatility_20", "rsi_14", "bbands_percent_b_20_2", "stoch_k_14_3", "cci_20", "amihud_20"):
        assert values[name].null_count() == len(values), name


@pytest.mark.parametrize("cut", [133, 255, 341])
def test_truncated_history_gives_the_same_cells(
    lab: Lab, built: Lab, features: pl.DataFrame, cut: int
) -> None:
    """What comes later changes no bit of what was known: not by look-ahead, not by rounding."""
    bars, actions = whole_market()
    lab.load(
        [row for row in bars if row["session_date"] <= day(cut)],
        [row for row in actions if row["ex_date"] <= day(cut)],
    )
    lab.build()
    truncated = lab.table("marts.features")
    assert len(truncated) > 100
    assert truncated.equals(features.filter(pl.col("session_date") <= day(cut)))
    adjusted = ["symbol", "bar_at", "adj_open", "adj_close", "adj_volume", "total_return_factor"]
    known = built.table("marts.bars").filter(pl.col("session_date") <= day(cut))
    assert lab.table("marts.bars").select(adjusted).equals(known.select(adjusted))


def test_another_symbol_in_the_market_changes_no_bit_of_the_others(lab: Lab, features: pl.DataFrame) -> None:
    bars, actions = whole_market()
    lab.load(
        [row for row in bars if row["symbol"] != "BBB"], [row for row in actions if row["symbol"] != "BBB"]
    )
    lab.build()
    assert lab.table("marts.features").equals(features.filter(pl.col("symbol") != "BBB"))
