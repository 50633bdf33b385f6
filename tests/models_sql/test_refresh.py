"""Tables that replace only what has changed equal, cell for cell, those of a build from nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from flows.dbt_state import read_manifest
from tests.models_sql.market import Lab, action, bar, day, random_bars
from transforms.errors import QuantmillError
from transforms.operators.refresh import refresh
from transforms.schemas import BARS, CORPORATE_ACTIONS, QUARANTINE_BARS, SESSIONS
from transforms.warehouse import Warehouse

SYMBOLS = ("AAA", "BBB", "CCC", "IDX")
BARS_SO_FAR = 300


class Market(Lab):
    """A lab whose raw rows only grow, as an ingest's do."""

    batches = 0

    def more(self, bars: list[dict[str, Any]], actions: list[dict[str, Any]] | None = None) -> None:
        """Append rows as one more batch, known later than all before."""
        self.batches += 1
        known_at = bar("X", 0, 1.0)["known_at"] + np.timedelta64(self.batches, "s").astype(object)
        for table, rows in ((BARS, bars), (CORPORATE_ACTIONS, actions or [])):
            if rows:
                stamp = {"batch_id": f"more-{self.batches}", "known_at": known_at}
                numbered = [row | stamp | {"page_row": i} for i, row in enumerate(rows)]
                self.warehouse.append(table, pl.DataFrame(numbered, infer_schema_length=None))
        there = self.warehouse.read("select max(session_date) as last from raw.sessions")["last"][0]
        new = sorted({row["session_date"] for row in bars if row["session_date"] > there})
        sessions = pl.DataFrame({"calendar": ["24/7"] * len(new), "session_date": new, "is_half_day": False})
        self.warehouse.append(SESSIONS, sessions)

    def quarantine(self, symbol: str, number: int) -> None:
        """Let the gate refuse what is known of one bar."""
        self.warehouse.execute(
            f"insert into {QUARANTINE_BARS.name} by name select *, 'tested' as reason from raw.bars "
            "where symbol = ? and session_date = ?",
            [symbol, day(number)],
        )

    def everything(self) -> dict[str, pl.DataFrame]:
        """Return every table that the project builds, in the order of its key."""
        nodes = read_manifest(self.home)["nodes"].values()
        tables = [
            f"{node['schema']}.{node['name']}"
            for node in nodes
            if node["resource_type"] == "model" and node["name"] != "int_changed_symbols"
        ]
        return {name: self.warehouse.read(f"select * from {name} order by all") for name in sorted(tables)}

    def rebuilt(self) -> dict[str, pl.DataFrame]:
        """Return the same after a build from nothing."""
        (self.home.dbt / "state" / "build.json").unlink()
        assert self.build().mode == "full"
        return self.everything()


@pytest.fixture(scope="module")
def parsed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    market = Market.at(tmp_path_factory.mktemp("market"), threads=2)
    assert isinstance(market, Market)
    yield market
    market.warehouse.close()


@pytest.fixture
def market(parsed: Market) -> Market:
    """The history so far, built from nothing."""
    parsed.load(
        [row for seed, symbol in enumerate(SYMBOLS) for row in random_bars(symbol, BARS_SO_FAR, seed)]
    )
    assert parsed.build().mode == "full"
    return parsed


def test_after_any_sequence_of_appends_the_tables_are_those_of_a_full_build(market: Market) -> None:
    def session(number: int, symbols: tuple[str, ...] = SYMBOLS) -> list[dict[str, Any]]:
        return [random_bars(symbol, 1, 1000 + number, first=number)[0] for symbol in symbols]

    def step(name: str) -> None:
        result = market.build()
        assert result.mode == "appended", name

    market.more(session(300))
    step("one more session")
    market.more(session(301, ("AAA", "IDX")) + random_bars("NEW", 30, 9, first=272))
    step("a session without two symbols, and a new symbol with a history")
    market.more([*session(302), *random_bars("BBB", 1, 77, first=250), *random_bars("CCC", 1, 78, first=301)])
    step("a session, a restated bar and a late one")
    market.more(session(303), [action("AAA", 303, "split", 4.0), action("BBB", 280, "dividend", 0.7)])
    market.quarantine("CCC", 290)
    step("a split, a dividend that is known late, a bar that the gate now refuses")
    market.more([*session(304), *random_bars("IDX", 1, 79, first=295)])
    step("the benchmark restated")

    appended, whole = market.everything(), market.rebuilt()
    assert appended.keys() == whole.keys()
    for name, table in whole.items():
        assert appended[name].equals(table), name


def test_one_more_session_writes_its_own_rows_alone(market: Market) -> None:
    before = market.warehouse.read("select rowid as row, * from intermediate.int_features_core")
    market.more([random_bars(symbol, 1, 5, first=300)[0] for symbol in SYMBOLS])
    market.build()
    after = market.warehouse.read("select rowid as row, * from intermediate.int_features_core")
    added = after.join(before, on="row", how="anti")
    assert added["session_date"].unique().to_list() == [day(300)]
    assert len(after) == len(before) + len(SYMBOLS) - 1


def test_a_changed_var_rebuilds_whole_what_reads_it_even_with_new_data(market: Market) -> None:
    import dataclasses

    from tests.models_sql.market import VARS
    from transforms.features import FeaturesConfig

    market.more([random_bars(symbol, 1, 5, first=300)[0] for symbol in SYMBOLS])
    other = dataclasses.replace(VARS, features=FeaturesConfig("core", periods_per_year=365))
    assert market.build(other).mode == "full"


@pytest.fixture
def warehouse(tmp_path: Path) -> Iterator[Warehouse]:
    with Warehouse(tmp_path / "w.duckdb") as warehouse:
        warehouse.execute(
            "create table intermediate.t as select 'A' as symbol, timestamp '2024-01-01' as bar_at, 1.0 as x"
        )
        warehouse.execute("create table intermediate.no_key as select 1 as x")
        yield warehouse


@pytest.mark.parametrize(
    ("sql", "options", "message"),
    [
        ('select "lagged(x, 1)" as y from intermediate.t', {}, "calls need a relation"),
        (
            'select "lagged(x, 1)" as y from operators_over(intermediate.no_key)',
            {},
            "there is no column symbol",
        ),
        ('select "nothing(x)" as y from operators_over(intermediate.t)', {}, "names no operator"),
        (
            "select * from operators_over(intermediate.t)",
            {"changes": "session"},
            "changes must be symbol or all",
        ),
        ("select * from intermediate.t", {"changes": "row"}, "changes must be one of"),
    ],
)
def test_a_model_that_cannot_be_refreshed_says_which_and_why(
    warehouse: Warehouse, sql: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(QuantmillError, match=f"marts.mine: .*{message}"):
        refresh(warehouse.cursor, sql=sql, target="marts.mine", full=True, **options)


def test_two_rows_of_one_bar_are_refused(warehouse: Warehouse) -> None:
    warehouse.execute("insert into intermediate.t from intermediate.t")
    with pytest.raises(QuantmillError, match=r"A at 2024-01-01.* is there twice"):
        refresh(
            warehouse.cursor,
            sql="select symbol, bar_at from operators_over(intermediate.t)",
            target="marts.mine",
            full=True,
        )


def test_looking_ahead_is_for_labels(warehouse: Warehouse) -> None:
    from transforms.operators.catalogue import operators

    ahead = next(op for op in operators().values() if op.lookahead(*(p.high for p in op.parameters)) > 0)
    arguments = ["x"] * len(ahead.series) + [
        f"{int(p.low) if p.kind is int else p.low}" for p in ahead.parameters
    ]
    sql = f'select symbol, bar_at, "{ahead.name}({", ".join(arguments)})" as y from operators_over(intermediate.t)'
    with pytest.raises(QuantmillError, match="looks ahead"):
        refresh(warehouse.cursor, sql=sql, target="marts.mine", full=True)
    refresh(warehouse.cursor, sql=sql, target="marts.mine", full=True, may_look_ahead=True)
