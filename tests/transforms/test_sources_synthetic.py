from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import polars as pl
import pytest

from transforms.calendars import sessions
from transforms.config import SyntheticSourceConfig
from transforms.errors import ConfigError
from transforms.frames import ACTIONS_SCHEMA, BARS_SCHEMA
from transforms.sources import synthetic
from transforms.sources.base import Page, Source, open_source


def source(**options: Any) -> Source:
    return open_source(SyntheticSourceConfig(**{"symbol_count": 4, "bar_count": 400, **options}))


def bars(**options: Any) -> pl.DataFrame:
    return pl.concat(page.frame for page in source(**options).pages("bars"))


def actions(**options: Any) -> pl.DataFrame:
    return pl.concat(page.frame for page in source(**options).pages("corporate_actions"))


@pytest.fixture(scope="module")
def market() -> pl.DataFrame:
    """Twelve years of 60 symbols and their index, with split- and dividend-adjusted log returns."""
    options = {"symbol_count": 60, "bar_count": 3000}
    found = actions(**options).pivot(on="kind", index=["symbol", "ex_date"], values="value")
    joined = bars(**options).join(
        found, left_on=["symbol", "session_date"], right_on=["symbol", "ex_date"], how="left"
    )
    total = (pl.col("close") + pl.col("dividend").fill_null(0)) * pl.col("split").fill_null(1)
    return joined.with_columns((total / pl.col("close").shift(1).over("symbol")).log().alias("total_return"))


def returns(market: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the index's returns (T,) and the symbols' (T, N)."""
    wide = market.pivot(on="symbol", index="bar_at", values="total_return").drop("bar_at")[1:]
    return wide["SYNX"].to_numpy(), wide.drop("SYNX").to_numpy()


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def test_coverage_names_symbols_range_and_what_decides_the_bars() -> None:
    coverage = source().coverage()

    assert coverage.symbols == ("S0000", "S0001", "S0002", "S0003", "SYNX")
    assert coverage.timeframes == ("1d", "1m")
    assert coverage.end == date(2025, 12, 31)
    assert coverage.version != source(seed=8).coverage().version


def test_bars_have_the_contracts_shape_on_the_calendars_sessions() -> None:
    found = bars()

    assert found.schema == pl.Schema(BARS_SCHEMA)
    assert found.group_by("symbol").len()["len"].to_list() == [400] * 5
    one = found.filter(pl.col("symbol") == "S0001")
    assert one["session_date"].equals(
        sessions("XNYS", date(2024, 1, 1), date(2025, 12, 31))["session_date"].tail(400)
    )
    assert one["bar_at"].dt.hour().unique().sort().to_list() == [4, 5]  # midnight in New York


@pytest.mark.parametrize("timeframe", ["1d", "1m"])
def test_prices_are_consistent_positive_cents_and_volume_whole(timeframe: str) -> None:
    found = bars(timeframe=timeframe, symbol_count=30, bar_count=1500)
    low, high = pl.min_horizontal("open", "close"), pl.max_horizontal("open", "close")

    assert found.filter((pl.col("low") > low) | (pl.col("high") < high) | (pl.col("low") < 0.01)).is_empty()
    for column in ("open", "high", "low", "close"):
        assert found.filter((pl.col(column) * 100 - (pl.col(column) * 100).round()).abs() > 1e-6).is_empty()
    assert found.filter((pl.col("volume") < 1) | (pl.col("volume") != pl.col("volume").round())).is_empty()


def test_same_seed_gives_the_same_bits_and_another_seed_others() -> None:
    assert bars().equals(bars())
    assert actions().equals(actions())
    assert not bars().equals(bars(seed=8))


def test_symbols_do_not_depend_on_how_many_there_are_or_which_are_asked_for() -> None:
    many = bars(symbol_count=12)

    assert bars().filter(pl.col("symbol") != "SYNX").equals(many.filter(pl.col("symbol") < "S0004"))
    assert bars(symbol_count=12, symbols=["S0007"]).equals(many.filter(pl.col("symbol") == "S0007"))
    assert bars(symbol_count=12, symbols=["SYNX"]).equals(many.filter(pl.col("symbol") == "SYNX"))


def test_pages_after_a_number_are_the_same_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "PAGE_SYMBOLS", 3)

    def pages(after: int = -1) -> list[Page]:
        return list(source(symbol_count=7).pages("bars", after=after))

    every = pages()

    assert [page.frame["symbol"].n_unique() for page in every] == [3, 3, 1, 1]
    for after in range(-1, 4):
        rest = pages(after)
        assert [page.number for page in rest] == list(range(after + 1, 4))
        assert all(a.frame.equals(b.frame) for a, b in zip(rest, every[after + 1 :], strict=True))
    assert pl.concat(page.frame for page in every).equals(bars(symbol_count=7))
    assert list(source().pages("corporate_actions", after=0)) == []


def test_pages_are_bounded_by_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(synthetic, "PAGE_ROWS", 900)

    assert [len(page.frame) for page in source().pages("bars")] == [800, 800, 400]


def test_range_and_symbols_choose_without_changing_anything() -> None:
    chosen = {"symbols": ["S0002", "SYNX"], "start": "2025-03-03", "end": "2025-04-30"}
    within = pl.col("symbol").is_in(["S0002", "SYNX"])
    days = pl.col("session_date").is_between(date(2025, 3, 3), date(2025, 4, 30))

    assert bars(**chosen).equals(bars().filter(within & days))
    assert actions(**chosen).equals(
        actions().filter(within & pl.col("ex_date").is_between(date(2025, 3, 3), date(2025, 4, 30)))
    )


def test_minutes_fill_regular_sessions_and_half_days() -> None:
    found = bars(timeframe="1m", bar_count=990, symbol_count=1, last_session="2024-11-29").filter(
        pl.col("symbol") == "S0000"
    )
    stamps = found.group_by("session_date").agg(
        first=pl.col("bar_at").min().dt.strftime("%H:%M"),
        last=pl.col("bar_at").max().dt.strftime("%H:%M"),
        bars=pl.len(),
    )

    assert stamps.sort("session_date").rows() == [
        (date(2024, 11, 26), "14:30", "20:59", 390),
        (date(2024, 11, 27), "14:30", "20:59", 390),
        (date(2024, 11, 29), "14:30", "17:59", 210),
    ]


def test_minutes_of_an_always_open_market_have_no_gaps() -> None:
    found = bars(timeframe="1m", bar_count=3000, symbol_count=1, calendar="24/7", symbols=["S0000"])

    assert found["bar_at"].diff().drop_nulls().unique().dt.total_minutes().to_list() == [1]


def test_volume_of_minutes_is_u_shaped() -> None:
    found = bars(timeframe="1m", bar_count=3900, symbol_count=8).filter(pl.col("symbol") != "SYNX")
    minute = pl.int_range(pl.len()).over("symbol", "session_date")
    mean = (
        found.with_columns(minute=minute)
        .group_by("minute")
        .agg(pl.col("volume").mean())
        .sort("minute")["volume"]
    )

    assert mean[:30].mean() > 2 * mean[180:210].mean()  # type: ignore[operator]
    assert mean[-30:].mean() > 2 * mean[180:210].mean()  # type: ignore[operator]


def test_splits_and_dividends_are_there_and_keep_total_returns_continuous(market: pl.DataFrame) -> None:
    found = actions(symbol_count=60, bar_count=3000)
    raw = (pl.col("close") / pl.col("close").shift(1).over("symbol")).log()
    splits = market.with_columns(raw=raw).filter(pl.col("split").is_not_null())

    assert found.schema == pl.Schema(ACTIONS_SCHEMA)
    assert set(found["kind"]) == {"split", "dividend"}
    assert set(found.filter(pl.col("kind") == "split")["value"]) >= {1.5, 2.0, 3.0}
    assert splits["raw"].abs().min() > 0.2  # type: ignore[operator]
    assert splits["total_return"].abs().max() < 0.2  # type: ignore[operator]


def test_index_is_the_members_weighted_by_capitalisation(market: pl.DataFrame) -> None:
    """Its return lies among its members' and goes with their mean."""
    index, members = returns(market)

    assert ((index > members.min(axis=1)) & (index < members.max(axis=1))).all()
    assert correlation(index, members.mean(axis=1)) > 0.9


def test_returns_have_the_stylised_facts_of_stocks(market: pl.DataFrame) -> None:
    """Cont (2001): heavy tails, clustered volatility, common movement, volume that goes with volatility."""
    index, members = returns(market)
    pairs = np.corrcoef(members.T)[np.triu_indices(members.shape[1], 1)]
    deviations = members - members.mean(axis=0)
    kurtosis = (deviations**4).mean(axis=0) / (deviations**2).mean(axis=0) ** 2
    size = np.abs(index)
    stocks = market.filter(pl.col("symbol") != "SYNX", pl.col("total_return").is_not_null())

    assert np.median(kurtosis) > 3.5
    assert correlation(size[20:], size[:-20]) > 0.05
    assert abs(correlation(index[1:], index[:-1])) < 0.08
    assert 0.15 < pairs.mean() < 0.5
    assert 0.1 < index.std() * np.sqrt(252) < 0.3
    assert correlation(stocks["total_return"].abs().to_numpy(), stocks["volume"].log().to_numpy()) > 0.1


def test_past_returns_say_a_little_about_coming_ones_and_not_much(market: pl.DataFrame) -> None:
    """Cross-sectional information coefficients: momentum over a quarter, reversal in the next bar."""
    _, members = returns(market)
    members = members - members.mean(axis=1, keepdims=True)
    path = np.cumsum(members, axis=0)
    momentum = correlation(path[60:-20] - path[:-80], path[80:] - path[60:-20])
    reversal = correlation(members[:-1], members[1:])

    assert 0.02 < momentum < 0.15
    assert -0.05 < reversal < -0.005


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"symbols": ["S0009"]}, "has no symbol 'S0009'. Did you mean: S000"),
        (
            {"bar_count": 100_000},
            r"source\.bar_count: 100000 bars of 1d until 2025-12-31 would begin before 1900",
        ),
        ({"last_session": "2190-01-01"}, "knows sessions until"),
    ],
)
def test_what_cannot_be_simulated_is_a_config_error(options: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        source(**options).coverage()
