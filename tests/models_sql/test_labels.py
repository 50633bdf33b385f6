"""Each kind of labels on bars that the eye can check, and after changes of the future."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.models_sql.market import VARS, day
from tests.models_sql.rendering import RefusedError, render_model
from transforms.config import LabelsConfig
from transforms.labels import (
    CrossSectionalRankLabelsConfig,
    ForwardReturnLabelsConfig,
    TouchWithinLabelsConfig,
    TripleBarrierLabelsConfig,
)
from transforms.operators.refresh import refresh
from transforms.warehouse import Warehouse

KEY = ("symbol", "bar_at", "session_date")
COMMON = ("label", "label_value", "forward_return", "label_end_at")
MODELS = {
    "forward_return": ("int_label_returns", "int_labels_forward_return"),
    "cross_sectional_rank": ("int_label_returns", "int_labels_cross_sectional_rank"),
    "triple_barrier": ("int_labels_triple_barrier",),
    "touch_within": ("int_labels_touch_within",),
}

Pair = tuple[float, float] | None  # open and close; None where there is no bar


def bars(symbol: str, prices: Sequence[Pair], benchmark: Sequence[Pair] = ()) -> list[dict[str, Any]]:
    """Return the bars of ``int_feature_bars``, one per session, with those of the benchmark beside them."""
    rows = []
    for number, pair in enumerate(prices):
        if pair is not None:
            other = (benchmark[number] if benchmark else None) or (None, None)
            rows.append(
                minute_bar(symbol, datetime.combine(day(number), time()), *pair)
                | dict(zip(("benchmark_open", "benchmark_close"), other, strict=True))
            )
    return rows


def minute_bar(symbol: str, at: datetime, open_: float, close: float, high: float = 0.0) -> dict[str, Any]:
    """Return one bar of ``int_feature_bars`` that begins at ``at``."""
    return {
        "symbol": symbol,
        "bar_at": at,
        "session_date": at.date(),
        "adj_open": float(open_),
        "adj_high": float(max(open_, close, high)),
        "adj_low": float(min(open_, close)),
        "adj_close": float(close),
        "benchmark_open": None,
        "benchmark_close": None,
    }


class Bench:
    """A warehouse with the two tables that labels are made of, and the labels' SQL to run on it."""

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse

    def load(self, rows: list[dict[str, Any]], members: Sequence[str] = ()) -> None:
        """Make these the bars; all symbols are members unless some are named."""
        doubles = dict.fromkeys([name for name in rows[0] if name not in KEY], pl.Float64)
        self._create("intermediate.int_feature_bars", pl.DataFrame(rows, schema_overrides=doubles))
        self.admit(
            [(name, day(0), None, True) for name in members or dict.fromkeys(r["symbol"] for r in rows)]
        )

    def admit(self, memberships: Sequence[tuple[str, date, date | None, bool]]) -> None:
        """Make these the universe: symbol, first session, first session after it, whether a member."""
        names = ("symbol", "valid_from", "valid_to", "is_member")
        types = {"valid_from": pl.Date, "valid_to": pl.Date}
        self._create("marts.universe", pl.DataFrame(memberships, names, orient="row", schema_overrides=types))

    def make(self, config: LabelsConfig, timeframe: str = "1d", *, full: bool = True) -> pl.DataFrame:
        """Build the models of a kind in their order, and return ``marts.labels``."""
        vars_ = dataclasses.replace(VARS, labels=config, timeframe=timeframe).as_dict()
        for model in MODELS[config.kind]:
            sql = render_model(model, vars_)
            is_view = "operators_over" not in sql
            refresh(
                self._warehouse.cursor,
                sql=sql,
                target=f"intermediate.{model}",
                full=full or is_view,
                may_look_ahead=not is_view,
            )
        return self._warehouse.read(f"from ({render_model('labels', vars_)}) order by symbol, bar_at")

    def change(self, rows: list[dict[str, Any]], changed_from: dict[str, datetime]) -> None:
        """Make these the bars, which differ from those before as ``changed_from`` says."""
        self.load(rows)
        pairs = {"symbol": list(changed_from), "changed_from": list(changed_from.values())}
        self._create("intermediate.int_changed_symbols", pl.DataFrame(pairs))

    def _create(self, table: str, frame: pl.DataFrame) -> None:
        self._warehouse.cursor.register("frame", frame)
        self._warehouse.execute(f"create or replace table {table} as from frame")
        self._warehouse.cursor.unregister("frame")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with Warehouse(tmp_path_factory.mktemp("labels") / "w.duckdb") as warehouse:
        yield Bench(warehouse)


def days(*numbers: int | None) -> list[datetime | None]:
    """Return the starts of the bars of these sessions."""
    return [None if number is None else datetime.combine(day(number), time()) for number in numbers]


# ---------------------------------------------------------------- the kinds


def test_returns_run_from_the_next_open_and_those_within_the_dead_band_have_no_sign(bench: Bench) -> None:
    prices = [(8, 8), (8, 11), (10, 10), (5, 11), (5.0390625, 20)]
    bench.load([*bars("A", prices), *bars("OUT", prices)], members=["A"])
    table = bench.make(ForwardReturnLabelsConfig("f", horizon=1, dead_band=0.01))
    assert tuple(table.columns) == (*KEY, *COMMON)
    assert set(table["symbol"]) == {"A"}
    assert table["forward_return"].to_list() == [0.25, -0.5, 0.0078125, None, None]
    assert table["label_value"].to_list() == table["forward_return"].to_list()
    assert table["label"].to_list() == [1.0, 0.0, None, None, None]
    assert table["label_end_at"].to_list() == days(2, 3, 4, None, None)


@pytest.mark.parametrize(
    "config", [ForwardReturnLabelsConfig("f", horizon=1), CrossSectionalRankLabelsConfig("r", horizon=1)]
)
def test_labels_are_those_of_the_members_of_the_day_even_if_they_leave_before_the_exit(
    bench: Bench, config: LabelsConfig
) -> None:
    bench.load([row for name in "ABC" for row in bars(name, [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)])])
    bench.admit([("A", day(0), None, True), ("B", day(1), day(3), True), ("C", day(0), None, False)])
    table = bench.make(config)
    assert table.filter(pl.col("symbol") == "A")["bar_at"].to_list() == days(0, 1, 2, 3, 4)
    assert table.filter(pl.col("symbol") == "B")["bar_at"].to_list() == days(1, 2)
    assert "C" not in table["symbol"]
    assert table.filter(pl.col("symbol") == "B")["forward_return"].to_list() == pytest.approx([1 / 3, 1 / 4])
    if "members_ranked" in table.columns:
        assert table.filter(pl.col("symbol") == "A")["members_ranked"].to_list() == [1, 2, 2, 0, 0]


def test_a_return_between_unknown_prices_is_unknown_and_has_no_end(bench: Bench) -> None:
    rows = bars("A", [(8, 8)] * 5)
    rows[2]["adj_open"] = None
    bench.load(rows)
    table = bench.make(ForwardReturnLabelsConfig("f", horizon=1))
    assert table["forward_return"].to_list() == [None, None, 0.0, None, None]
    assert table["label_end_at"].to_list() == days(None, None, 4, None, None)


def test_returns_from_close_to_close_start_at_this_close(bench: Bench) -> None:
    bench.load(bars("A", [(8, 8), (8, 11), (10, 10), (5, 11), (5, 20)]))
    table = bench.make(ForwardReturnLabelsConfig("f", horizon=2, entry="close"))
    assert table["forward_return"].to_list() == [0.25, 0.0, 1.0, None, None]
    assert table["label_end_at"].to_list() == days(2, 3, 4, None, None)


@pytest.mark.parametrize("entry", ["next_open", "close"])
def test_an_excess_is_over_the_same_bars_of_the_benchmark(bench: Bench, entry: str) -> None:
    steady = [(8, 8), (8, 8), (10, 10), (10, 10), (5, 5)]
    # The benchmark's own price where the position has its; twice as much where it has not.
    prices = (
        [(1, 1), (4, 1), (5, 1), (2, 1), None]
        if entry == "next_open"
        else [(1, 4), (1, 4), (1, 5), None, (1, 1)]
    )
    bench.load(bars("A", steady, prices))
    table = bench.make(ForwardReturnLabelsConfig("f", horizon=1, entry=entry, return_kind="excess"))
    if entry == "next_open":
        assert table["forward_return"].to_list() == [0.25, 0.0, -0.5, None, None]
        assert table["label_value"].to_list() == [0.0, 0.6, None, None, None], "no bar of it at the exit"
    else:
        assert table["forward_return"].to_list() == [0.0, 0.25, 0.0, -0.5, None]
        assert table["label_value"].to_list() == [0.0, 0.0, None, None, None], (
            "none at the exit, then the entry"
        )
    assert table["label_end_at"].null_count() == table["forward_return"].null_count()


def test_scaled_returns_are_in_deviations_of_the_horizon_known_at_the_decision(bench: Bench) -> None:
    closes = [100.0, 102.0, 101.0, 104.0, 100.0, 100.0]
    bench.load(bars("A", [(close, close) for close in closes]))
    config = ForwardReturnLabelsConfig(
        "f", horizon=2, entry="close", return_kind="volatility_scaled", volatility_bars=2, dead_band=0.5
    )
    table = bench.make(config)
    logs = np.diff(np.log(closes))
    returns = [closes[t + 2] / closes[t] - 1 for t in range(4)]
    assert table["forward_return"].to_list() == pytest.approx([*returns, None, None])
    scaled = [returns[t] / (np.std(logs[t - 2 : t], ddof=1) * math.sqrt(2)) for t in (2, 3)]
    assert table["label_value"].to_list() == pytest.approx([None, None, *scaled, None, None])
    assert table["label"].to_list() == [None, None, None, 0.0, None, None], "-0.33 and -1.04 deviations"
    assert table["label_end_at"].to_list() == days(2, 3, 4, 5, None, None)


def test_prices_that_stand_still_have_a_return_but_no_scale(bench: Bench) -> None:
    bench.load(bars("A", [(100, 100)] * 6))
    config = ForwardReturnLabelsConfig("f", horizon=1, return_kind="volatility_scaled", volatility_bars=2)
    table = bench.make(config)
    assert table["forward_return"].to_list() == [0.0] * 4 + [None] * 2
    assert table["label_value"].null_count() == 6
    assert bench.make(TripleBarrierLabelsConfig("b", volatility_bars=2))["label"].null_count() == 6


def test_ranks_are_among_the_members_of_the_bar_and_known_with_the_last_of_their_exits(bench: Bench) -> None:
    opens: dict[str, list[float | None]] = {
        "A": [100, 100, 101, 100, 101],
        "B": [100, 100, None, 102, 104],
        "C": [100, 100, 102, 100, 102],
        "D": [100, 100, 104, 100, 102],
        "E": [None, None, 100, 100, 103],
        "OUT": [100, 100, 900, 100, 900],
    }
    market = [
        row for name, prices in opens.items() for row in bars(name, [(p, p) if p else None for p in prices])
    ]
    bench.load(market, members=["A", "B", "C", "D", "E"])
    table = bench.make(CrossSectionalRankLabelsConfig("r", horizon=1, fraction=0.4))
    assert tuple(table.columns) == (*KEY, *COMMON, "members_ranked")
    first = table.filter(pl.col("session_date") == day(0))
    # From session 1's open to session 2's; B has no bar there and leaves at session 3's, with 2 %.
    assert first["symbol"].to_list() == ["A", "B", "C", "D"]
    assert first["label_value"].to_list() == [-0.75, 0.0, 0.0, 0.75], "B and C share their places"
    assert first["label"].to_list() == [0.0, None, None, 1.0], "1.6 places at either end"
    assert first["members_ranked"].to_list() == [4] * 4
    assert first["label_end_at"].to_list() == days(3) * 4, "until B has left"
    third = table.filter(pl.col("session_date") == day(2))
    # From session 3's open to session 4's: A 1 %, C 2 %, D 2 %, E 3 %.
    assert third["symbol"].to_list() == ["A", "C", "D", "E"], "B has no bar to decide on"
    assert third["label_value"].to_list() == [-0.75, 0.0, 0.0, 0.75]
    newest = table.filter(pl.col("session_date") >= day(3))
    for name in COMMON:
        assert newest[name].null_count() == len(newest), name
    assert set(newest["members_ranked"]) == {0}


@pytest.mark.parametrize(
    ("fraction", "want"),
    [(0.5, [0, 0, None, 1, 1]), (0.2, [0, None, None, None, 1]), (0.1, [None] * 5)],
)
def test_fractions_count_half_of_each_place(bench: Bench, fraction: float, want: list[float | None]) -> None:
    bench.load([row for i, name in enumerate("ABCDE") for row in bars(name, [(1, 1), (1, 1), (1 + i, 1)])])
    table = bench.make(CrossSectionalRankLabelsConfig("r", horizon=1, fraction=fraction))
    assert table.filter(pl.col("session_date") == day(0))["label"].to_list() == want


def test_barriers_are_volatilities_of_the_decisions_bar_away(bench: Bench) -> None:
    # Two log returns of ±ln 1.02: a standard deviation of ln 1.02 times the root of 2, 2.8 %.
    quiet: list[Pair] = [(100, 100), (102, 102), (100, 100)]
    width = 2 * math.log(1.02) * math.sqrt(2)
    paths: dict[str, list[Pair]] = {
        "GAIN": [*quiet, (100, 104), (104, 110), (1, 1)],
        "LATE": [*quiet, (100, 101), (101, 102)],
        "LOSS": [*quiet, (100, 99), (90, 200), (1, 1)],
        "TIME": [*quiet, (100, 101), (101, 102), (103, 103)],
    }
    bench.load([row for name, path in paths.items() for row in bars(name, path)])
    config = TripleBarrierLabelsConfig("b", horizon=2, volatility_bars=2, profit=2.0, stop=2.0, dead_band=1.0)
    table = bench.make(config).filter(pl.col("session_date") == day(2))
    assert tuple(table.columns) == (*KEY, *COMMON, "touched", "touched_at", "barrier_volatility")
    assert table["touched"].to_list() == ["profit", None, "stop", "time"]
    assert table["label"].to_list() == [1.0, None, 0.0, 1.0], "3 % are more than one volatility"
    assert table["forward_return"].to_list() == pytest.approx([width, None, -0.1, 0.03])
    assert table["label_value"].to_list() == pytest.approx([2.0, None, -0.2 / width, 0.06 / width])
    assert table["touched_at"].to_list() == table["label_end_at"].to_list() == days(4, None, 4, 5)
    assert table["barrier_volatility"].to_list() == pytest.approx([width / 2] * 4)


@pytest.mark.parametrize(
    ("on_time_limit", "dead_band", "want"),
    [("sign", 0.0, 1.0), ("sign", 9.0, None), ("zero", 0.0, 0.0), ("none", 0.0, None)],
)
def test_the_time_limit_gives_the_label_that_was_asked_for(
    bench: Bench, on_time_limit: str, dead_band: float, want: float | None
) -> None:
    bench.load(bars("A", [(100, 100), (102, 102), (100, 100), (100, 101), (101, 101)]))
    config = TripleBarrierLabelsConfig(
        "b", horizon=1, volatility_bars=2, on_time_limit=on_time_limit, dead_band=dead_band
    )
    table = bench.make(config)
    assert (table["touched"][2], table["label"][2]) == ("time", want)


def test_touches_within_minutes_go_by_the_clock_and_need_their_coverage(bench: Bench) -> None:
    first = datetime.combine(day(0), time(9))
    # Minute → high; open, low and close are 100. Minute 4 is missing, and the next session is a day later.
    highs = {0: 100, 1: 100, 2: 101, 3: 100, 5: 102, 6: 100, 1440: 110, 1441: 100, 1442: 100, 1443: 100}
    bench.load([minute_bar("A", first + timedelta(minutes=at), 100, 100, high) for at, high in highs.items()])
    table = bench.make(TouchWithinLabelsConfig("t", rise=0.02, minutes=3, min_coverage=2 / 3), "1m")
    assert tuple(table.columns) == (*KEY, *COMMON, "max_gain", "min_loss", "time_to_max", "coverage")
    assert table["label"].to_list() == [0, 0, 1, 1, None, 1, 0, None, None, None]
    assert table["coverage"].to_list() == pytest.approx(
        [1, 2 / 3, 2 / 3, 2 / 3, 1 / 3, 1, 1, None, None, None]
    )
    assert table["time_to_max"].to_list() == [2, 1, 3, 1, 1, 1, 1, None, None, None]
    assert table["max_gain"].to_list() == table["label_value"].to_list()


def test_minutes_that_bars_cannot_give_are_refused_in_sql_too() -> None:
    vars_ = dataclasses.replace(VARS, labels=TouchWithinLabelsConfig("t")).as_dict()
    for timeframe, minutes in (("1d", 30), ("1h", 90), ("5m", 0), ("1m", 2521)):
        wrong = vars_ | {"timeframe": timeframe, "labels": vars_["labels"] | {"minutes": minutes}}
        with pytest.raises(RefusedError, match=r"var (timeframe|labels\.minutes) must be"):
            render_model("int_labels_touch_within", wrong)


# ---------------------------------------------------------------- a future that changes

KINDS = [
    ForwardReturnLabelsConfig("f", horizon=4, return_kind="volatility_scaled", volatility_bars=5),
    ForwardReturnLabelsConfig("f", horizon=4, return_kind="excess", entry="close"),
    CrossSectionalRankLabelsConfig("r", horizon=4),
    TripleBarrierLabelsConfig("b", horizon=8, volatility_bars=5),
    TripleBarrierLabelsConfig("b", horizon=8, volatility_bars=5, entry="close", profit=6.0, stop=6.0),
    TouchWithinLabelsConfig("t", horizon=8),
    TouchWithinLabelsConfig("t", minutes=8, min_coverage=0.0),
]


def random_market(seed: int, count: int = 40) -> list[dict[str, Any]]:
    """Return random minute bars of three symbols with gaps, and a benchmark beside them."""
    random = np.random.default_rng(seed)
    rows = []
    yardstick = np.exp(np.cumsum(random.normal(0, 0.01, (count, 2)), axis=0))
    for symbol in ("A", "B", "C"):
        closes = 50 * np.exp(np.cumsum(random.normal(0, 0.02, count)))
        for i, close in enumerate(closes):
            at = datetime.combine(day(0), time(9)) + timedelta(minutes=i)
            row = minute_bar(symbol, at, close * random.uniform(0.99, 1.01), close, close * 1.01)
            if random.random() < 0.9:
                rows.append(row | {"benchmark_open": yardstick[i, 0], "benchmark_close": yardstick[i, 1]})
    return rows


@pytest.mark.parametrize("config", KINDS, ids=lambda config: f"{config.kind}-{config.entry}")
def test_labels_whose_future_has_changed_are_made_anew_and_no_others_differ(
    bench: Bench, config: LabelsConfig
) -> None:
    for seed in range(3):
        random = np.random.default_rng(seed)
        market = random_market(seed)
        # Some bars come later: the newest ones, and a few in between; some are restated.
        is_late = [row["bar_at"].minute >= 36 or random.random() < 0.03 for row in market]
        is_restated = random.random(len(market)) < 0.03
        early = [
            row | {"adj_close": row["adj_close"] * 0.97} if restated else row
            for row, late, restated in zip(market, is_late, is_restated, strict=True)
            if not late
        ]
        bench.load(early)
        before = bench.make(config, "1m")
        changed: dict[str, datetime] = {}
        for row, late, restated in zip(market, is_late, is_restated, strict=True):
            if late or restated:
                changed[row["symbol"]] = min(changed.get(row["symbol"], row["bar_at"]), row["bar_at"])
        bench.change(market, changed)
        appended = bench.make(config, "1m", full=False)
        assert not appended.equals(before)
        assert appended.equals(bench.make(config, "1m"))


@pytest.mark.parametrize("config", KINDS, ids=lambda config: f"{config.kind}-{config.entry}")
def test_prices_after_its_end_do_not_matter_to_a_label(bench: Bench, config: LabelsConfig) -> None:
    market = random_market(11)
    bench.load(market)
    table = bench.make(config, "1m")
    prices = [name for name in market[0] if name.startswith(("adj_", "benchmark_"))]
    for place in (5, 12, 20):
        at = datetime.combine(day(0), time(9)) + timedelta(minutes=place)
        ends = table.filter(pl.col("bar_at") == at)["label_end_at"].drop_nulls()
        for end in ends.unique():
            shocked = [
                row | {name: row[name] * 3 for name in prices} if row["bar_at"] > end else row
                for row in market
            ]
            bench.load(shocked)
            after = bench.make(config, "1m")
            same_end = (pl.col("bar_at") == at) & (pl.col("label_end_at") == end)
            assert after.filter(same_end).equals(table.filter(same_end))
            assert not after.equals(table)
