from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import accumulate

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from transforms.actions import derive_actions
from transforms.config import SampleSourceConfig
from transforms.sources.sample import SampleSource

FIRST = date(2024, 3, 4)


def closes(rows: Sequence[tuple[float | None, float | None]], symbol: str = "AAA") -> pl.DataFrame:
    """Return one session per (close, adjusted close)."""
    content = [(symbol, FIRST + timedelta(days=n), *row) for n, row in enumerate(rows)]
    schema = {"symbol": pl.String, "session_date": pl.Date, "close": pl.Float64, "adjusted_close": pl.Float64}
    return pl.DataFrame(content, schema=schema, orient="row")


def found(
    rows: Sequence[tuple[float | None, float | None]], decimals: int = 6
) -> list[tuple[int, str, float]]:
    """Return (session, kind, value) of what was derived."""
    derived = derive_actions(closes(rows), adjusted_decimals=decimals)
    return [((day - FIRST).days, kind, value) for day, kind, value in derived.select(pl.nth(1, 2, 3)).rows()]


def test_constant_factor_has_no_actions() -> None:
    assert found([(10.0, 5.0), (11.0, 5.5), (12.0, 6.0), (9.0, 4.5), (10.0, 5.0), (10.5, 5.25)]) == []


def test_two_for_one_split() -> None:
    assert found([(100.0, 50.0), (102.0, 51.0), (50.0, 50.0), (51.0, 51.0), (49.0, 49.0), (50.0, 50.0)]) == [
        (2, "split", 2.0)
    ]


def test_reverse_split() -> None:
    assert found([(1.0, 10.0), (1.1, 11.0), (1.05, 10.5), (10.4, 10.4), (10.8, 10.8), (11.0, 11.0)]) == [
        (3, "split", 0.1)
    ]


def test_dividend_is_cash_over_the_ex_dates_close() -> None:
    # Factor 1 / (1 + 0.50 / 25) before the ex-date.
    before = 1 / 1.02
    rows = [
        (25.5, 25.5 * before),
        (25.0, 25.0 * before),
        (25.0, 25.0),
        (24.0, 24.0),
        (24.5, 24.5),
        (25.0, 25.0),
    ]

    assert found([(close, round(adjusted, 6)) for close, adjusted in rows]) == [(2, "dividend", 0.5)]


def test_split_and_dividend_on_one_day() -> None:
    # 2:1, and $0.25 per new share at a close of 50: factor 1 / (2 × 1.005).
    before = 1 / 2.01
    rows = [
        (100.0, 100 * before),
        (101.0, 101 * before),
        (50.0, 50.0),
        (51.0, 51.0),
        (50.5, 50.5),
        (50.0, 50.0),
    ]

    assert found([(close, round(adjusted, 6)) for close, adjusted in rows]) == [
        (2, "dividend", 0.25),
        (2, "split", 2.0),
    ]


def test_large_special_dividend_is_no_split() -> None:
    # $3.08 at 27.39 is a ratio of 1.1124, close to 10:9.
    before = 1 / (1 + 3.08 / 27.39)
    rows = [(29.97, round(29.97 * before, 6)), (27.39, 27.39), (27.0, 27.0)]

    assert found(rows) == [(1, "dividend", 3.08)]


def test_rounding_of_the_adjusted_close_is_no_action() -> None:
    # Factor 0.5 rounded to cents: the quotient of the printed numbers moves, what they can be does not.
    rows = [(10.01, 5.01), (10.03, 5.02), (10.05, 5.03), (10.07, 5.03), (10.09, 5.04), (10.11, 5.06)]

    assert found(rows, decimals=2) == []


def test_session_without_two_usable_closes_says_nothing() -> None:
    rows = [(10.0, 5.0), (None, 5.0), (10.0, None), (float("nan"), 5.0), (0.0, 5.0), (10.0, 5.0)]

    assert found(rows) == []


@pytest.mark.parametrize(
    "rows",
    [
        [(10.0, 10.0), (10.1, 10.1), (10.0, 5.0), (10.1, 5.05)],
        [(10.0, 5.0), (10.1, 5.05), (10.0, 10.0), (10.1, 10.1)],
        [(10.0, 10.0), (10.1, 10.1), (10.0, 9.97), (10.1, 10.0697)],
    ],
    ids=["factor halves, price stays", "factor doubles, price stays", "factor falls a little"],
)
def test_factor_that_no_action_explains_is_a_defect_not_a_guess(rows: Sequence[tuple[float, float]]) -> None:
    derived = derive_actions(closes(rows), adjusted_decimals=6)

    assert derived.select("ex_date", "kind", "value").rows() == [(date(2024, 3, 6), None, None)]
    assert "is no split or dividend" in derived["defect"].item()


def test_symbols_are_apart_and_rows_may_come_in_any_order() -> None:
    split = closes([(100.0, 50.0), (50.0, 50.0)], "SPL")
    calm = closes([(30.0, 10.0), (33.0, 11.0)], "CLM")
    forward = derive_actions(pl.concat([split, calm]), adjusted_decimals=6)

    assert forward.select("symbol", "kind", "value").rows() == [("SPL", "split", 2.0)]
    assert derive_actions(pl.concat([split, calm]).reverse(), adjusted_decimals=6).equals(forward)


def test_no_closes_have_no_actions() -> None:
    assert derive_actions(closes([]), adjusted_decimals=6).is_empty()


_session = st.tuples(
    st.floats(-0.05, 0.05),
    st.sampled_from([1.0] * 12 + [2.0, 3.0, 1.5, 0.1]),
    st.sampled_from([0] * 8 + [1, 13, 25, 80, 112, 305]),
)


@given(st.lists(_session, min_size=2, max_size=40), st.integers(6, 12))
def test_actions_that_made_the_adjusted_close_are_found_again(
    sessions: list[tuple[float, float, int]], decimals: int
) -> None:
    """Forward: raw closes and factors from known actions; back: the same actions."""
    close, prices, steps, expected = 200.0, [200.0], [1.0], []
    for number, (move, ratio, cents) in enumerate(sessions, start=1):
        split = ratio if 20 <= close / ratio <= 2000 else 1.0  # boards keep prices within bounds
        close = round(close / split * (1 + move), 2)
        # Beside a split, a large dividend may look like another split with a small one.
        is_told_apart = close > 20 and (split == 1 or cents < close)
        dividend = cents / 100 if is_told_apart else 0.0
        if dividend:
            expected.append((number, "dividend", dividend))
        if split != 1:
            expected.append((number, "split", split))
        prices.append(close)
        steps.append(split * (1 + dividend / close))
    growth = list(accumulate(steps, lambda total, step: total * step))
    rows = [
        (price, round(price * factor / growth[-1], decimals))
        for price, factor in zip(prices, growth, strict=True)
    ]

    derived = found(rows, decimals)

    assert [(number, kind) for number, kind, _ in derived] == [(number, kind) for number, kind, _ in expected]
    assert [value for *_, value in derived] == pytest.approx([value for *_, value in expected], abs=0.0101)


@pytest.fixture(scope="module")
def sample() -> pl.DataFrame:
    """The stocks' raw and adjusted closes as they were received."""
    return SampleSource(SampleSourceConfig()).stocks.select(
        "symbol", "session_date", "close", "adjusted_close"
    )


@pytest.fixture(scope="module")
def derived(sample: pl.DataFrame) -> pl.DataFrame:
    return derive_actions(sample, adjusted_decimals=12)


def test_sample_has_the_splits_that_the_companies_made(derived: pl.DataFrame) -> None:
    """Source: the companies' investor relations pages."""
    assert derived.filter(pl.col("kind") == "split").select("symbol", "ex_date", "value").rows() == [
        ("AAPL", date(2000, 6, 21), 2.0),
        ("AAPL", date(2005, 2, 28), 2.0),
        ("MSFT", date(2003, 2, 18), 2.0),
    ]


def test_sample_has_the_dividends_that_the_companies_paid(derived: pl.DataFrame) -> None:
    """Source: the companies' investor relations pages; Microsoft's $3.00 came with its quarterly $0.08."""
    paid = {
        symbol: derived.filter((pl.col("symbol") == symbol) & (pl.col("kind") == "dividend"))
        for symbol in ("AAPL", "FB", "GOOG", "IBM", "MSFT")
    }
    by_day = {symbol: dict(frame.select("ex_date", "value").rows()) for symbol, frame in paid.items()}
    ibm = [0.13] * 4
    for raised in (0.14, 0.15, 0.16, 0.18, 0.2, 0.3, 0.4, 0.5, 0.55, 0.65, 0.75, 0.85):
        ibm += [raised] * 4  # from each year's second quarter on

    assert by_day["AAPL"] == {date(2012, 8, 9): 2.65, date(2012, 11, 7): 2.65, date(2013, 2, 7): 2.65}
    assert by_day["FB"] == by_day["GOOG"] == {}
    assert by_day["MSFT"][date(2004, 11, 15)] == 3.08
    assert by_day["MSFT"][date(2003, 2, 19)] == 0.08
    assert len(by_day["MSFT"]) == 37
    assert list(by_day["IBM"].values()) == ibm
    assert derived["defect"].null_count() == len(derived)


@pytest.mark.parametrize("decimals", [2, 3, 4, 6])
def test_sample_gives_the_same_actions_from_coarser_adjusted_closes(
    sample: pl.DataFrame, derived: pl.DataFrame, decimals: int
) -> None:
    coarse = sample.with_columns(pl.col("adjusted_close").round(decimals))

    again = derive_actions(coarse, adjusted_decimals=decimals)

    assert again.drop("value").equals(derived.drop("value"))
    assert (again["value"] - derived["value"]).abs().max() < 0.0101  # type: ignore[operator]


def test_sample_actions_applied_to_raw_closes_give_the_adjusted_returns(
    sample: pl.DataFrame, derived: pl.DataFrame
) -> None:
    wide = derived.pivot(on="kind", index=["symbol", "ex_date"], values="value")
    total = (pl.col("close") + pl.col("dividend").fill_null(0.0)) * pl.col("split").fill_null(1.0)
    change = sample.join(
        wide, left_on=["symbol", "session_date"], right_on=["symbol", "ex_date"], how="left"
    ).select(
        ours=total / pl.col("close").shift(1).over("symbol"),
        theirs=pl.col("adjusted_close") / pl.col("adjusted_close").shift(1).over("symbol"),
    )

    assert (change["ours"] - change["theirs"]).abs().max() < 1e-11  # type: ignore[operator]
