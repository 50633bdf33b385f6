"""The core and timeseries sets with windows of the user's own, on histories that are short, torn or violent."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from tests.models_sql.market import VARS, Lab, bar, day, random_bars
from transforms.features import FeaturesConfig

FEATURES = FeaturesConfig(
    name="own",
    sets=["core", "timeseries"],
    return_windows=[2],
    sma_windows=[3, 500],
    ema_windows=[4],
    rsi_windows=[5],
    roc_windows=[6],
    volatility_windows=[7],
    donchian_windows=[8],
    timeseries_lags=[1, 3],
    timeseries_windows=[5],
    timeseries_differences=[2],
    seasonal_period=7,
)
SELECT = "+int_features_core +int_features_timeseries"
CALENDAR = ("month", "weekday", "is_month_end", "is_quarter_end")


def market() -> list[dict[str, Any]]:
    """A usual symbol, the same prices with gaps of days between them, one bar alone, and moves of more than 50 %."""
    usual = random_bars("USUAL", 150, 1)
    gappy = [
        row | bar("GAPPY", 2 * i + 5 * (i // 10), 0.0) | _prices(row) for i, row in enumerate(usual[:60])
    ]
    closes = [10.0, 25.0, 6.0, 11.0, 3.0, 9.0, 9.0, 20.0, 5.0, 14.0] * 5
    violent = [
        bar(
            "VIOLENT",
            i,
            close,
            open=before,
            high=max(close, before),
            low=min(close, before),
            volume=100.0 + i,
        )
        for i, (before, close) in enumerate(zip([10.0, *closes], closes, strict=False))
    ]
    return [*random_bars("IDX", 200, 2), *usual, *gappy, bar("SINGLE", 3, 7.0), *violent]


def _prices(row: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in ("open", "high", "low", "close", "volume")}


def read(lab: Lab, feature_set: str) -> dict[str, pl.DataFrame]:
    table = lab.table(f"intermediate.int_features_{feature_set}")
    return {str(symbol): rows for (symbol,), rows in table.group_by("symbol", maintain_order=True)}


@pytest.fixture(scope="module")
def own_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    lab = Lab.at(tmp_path_factory.mktemp("own"), threads=2)
    yield lab
    lab.warehouse.close()


@pytest.fixture(scope="module")
def sets(own_lab: Lab) -> dict[str, dict[str, pl.DataFrame]]:
    """Feature set → symbol → rows of the whole market."""
    own_lab.load(market())
    own_lab.build(dataclasses.replace(VARS, features=FEATURES), select=SELECT)
    return {name: read(own_lab, name) for name in FEATURES.sets}


def test_columns_carry_the_configured_windows(sets: dict[str, dict[str, pl.DataFrame]]) -> None:
    core, timeseries = (sets[name]["USUAL"].columns for name in FEATURES.sets)
    wanted = {"return_2", "sma_3", "sma_500", "sma_distance_3", "ema_4", "rsi_5", "roc_6", "volatility_7"}
    assert wanted | {"donchian_upper_8", "donchian_position_8"} <= set(core)
    assert not {"return_1", "sma_20", "ema_12", "rsi_14", "donchian_upper_20"} & set(core)
    assert timeseries[3:] == [
        *("return_1", "return_3", "lag_return_1", "lag_return_3"),
        *("return_mean_5", "return_std_5", "return_skew_5", "diff_2"),
        *CALENDAR,
        *("seasonal_trend_7", "seasonal_component_7", "seasonal_residual_7"),
    ]


def test_timeseries_features_equal_pandas(sets: dict[str, dict[str, pl.DataFrame]]) -> None:
    rows = [row for row in market() if row["symbol"] == "USUAL"]
    close = pd.Series([row["close"] for row in rows])
    returns = close / close.shift(1) - 1
    trend = np.log(close).rolling(7).mean()
    detrended = np.log(close) - trend
    seasonal = detrended.groupby(np.arange(len(close)) % 7).transform(lambda x: x.expanding().mean().shift(1))
    dates = pd.Series(pd.to_datetime([row["session_date"] for row in rows]))
    expected = {
        "return_1": returns,
        "return_3": close / close.shift(3) - 1,
        "lag_return_1": returns.shift(1),
        "lag_return_3": returns.shift(3),
        "return_mean_5": returns.rolling(5).mean(),
        "return_std_5": returns.rolling(5).std(),
        "return_skew_5": returns.rolling(5).skew(),
        "diff_2": close.diff(2),
        "month": dates.dt.month,
        "weekday": dates.dt.day_of_week + 1,
        # The calendar is 24/7: its sessions are all days.
        "is_month_end": dates.dt.is_month_end,
        "is_quarter_end": dates.dt.is_quarter_end,
        "seasonal_trend_7": trend,
        "seasonal_component_7": seasonal,
        "seasonal_residual_7": detrended - seasonal,
    }
    got = sets["timeseries"]["USUAL"]
    assert set(got.columns[3:]) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(
            got[name].to_numpy(), values.astype(float), rtol=1e-8, atol=1e-12, err_msg=name
        )
    assert got["is_quarter_end"].sum() == 1, "31 March is within these bars"


def test_windows_count_bars_and_not_days(sets: dict[str, dict[str, pl.DataFrame]]) -> None:
    """Gaps of two and more days: every feature is the one of the same bars on consecutive days."""
    against_benchmark = ("beta_60", "relative_return_20")
    for name in FEATURES.sets:
        left_out = [
            *("symbol", "bar_at", "session_date"),
            *(CALENDAR if name == "timeseries" else against_benchmark),
        ]
        gappy, usual = (sets[name][symbol].drop(left_out) for symbol in ("GAPPY", "USUAL"))
        assert gappy.equals(usual.head(60)), name


def test_one_bar_alone_has_what_needs_no_other(sets: dict[str, dict[str, pl.DataFrame]]) -> None:
    core = sets["core"]["SINGLE"].drop("symbol", "bar_at", "session_date")
    known = {name: core[name].item() for name in core.columns if core[name].item() is not None}
    assert known == {"intraday_range": 0.0, "obv": 1000.0}
    timeseries = sets["timeseries"]["SINGLE"].drop("symbol", "bar_at", "session_date")
    assert {name for name in timeseries.columns if timeseries[name].item() is not None} == set(CALENDAR)


def test_a_window_longer_than_every_history_is_null(sets: dict[str, dict[str, pl.DataFrame]]) -> None:
    assert sets["core"]["USUAL"]["sma_500"].null_count() == 150
    assert sets["core"]["USUAL"]["sma_3"].null_count() == 2


def test_moves_of_more_than_half_stay_finite_and_in_range(sets: dict[str, dict[str, pl.DataFrame]]) -> None:
    core = sets["core"]["VIOLENT"]
    assert core["return_2"].abs().max() > 0.5  # type: ignore[operator]
    for name in core.columns[3:]:
        assert core[name].is_finite().all(), name
    for name in ("rsi_5", "adx_14", "stoch_k_14_3", "mfi_14", "aroon_up_25"):
        assert core[name].is_between(0, 100).all(), name
        assert core[name].count() > 10, name


def test_a_month_whose_end_the_calendar_does_not_know_is_null(own_lab: Lab) -> None:
    own_lab.load(market())
    own_lab.warehouse.execute("delete from raw.sessions where session_date > ?", [date(2020, 2, 29)])
    own_lab.build(dataclasses.replace(VARS, features=FEATURES), select="+int_features_timeseries")
    usual = read(own_lab, "timeseries")["USUAL"]
    known = usual.filter(pl.col("is_month_end").is_not_null())
    assert known["session_date"].max() == date(2020, 1, 31)
    assert usual["is_quarter_end"].null_count() == usual["is_month_end"].null_count() == 150 - 31


def test_truncated_history_gives_the_same_cells(
    own_lab: Lab, sets: dict[str, dict[str, pl.DataFrame]]
) -> None:
    # On the last day of a quarter: that it is one is known from the calendar, not from the next bar.
    cut = date(2020, 3, 31)
    own_lab.load([row for row in market() if row["session_date"] <= cut])
    own_lab.build(dataclasses.replace(VARS, features=FEATURES), select=SELECT)
    for name in FEATURES.sets:
        for symbol, rows in read(own_lab, name).items():
            assert rows.equals(sets[name][symbol].filter(pl.col("session_date") <= cut)), (name, symbol)
            assert len(rows) <= (cut - day(0)).days + 1
