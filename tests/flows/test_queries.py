"""The example queries of docs/queries.md, run on a snapshot as an analyst runs them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.flows.conftest import Place
from transforms import schemas, schemas_sensitivity
from transforms.paths import PROJECT
from transforms.warehouse import Warehouse, WriterLock

_BLOCK = re.compile(r"^## (.+?)\n.*?```sql\n(.*?)```", re.DOTALL | re.MULTILINE)
QUERIES = dict(_BLOCK.findall((PROJECT / "docs" / "queries.md").read_text(encoding="utf-8")))
SYMBOL = "S0003"  # of the quick experiment's market


@pytest.fixture(scope="module")
def snapshot(quick: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """The quick run's snapshot, with a bar that was restated and one that the gate refused."""
    path = tmp_path_factory.mktemp("snapshot") / "warehouse.duckdb"
    shutil.copyfile(quick.home.published, path)
    with Warehouse(path) as warehouse:
        bar = warehouse.read("select * from raw.bars where symbol = ? order by bar_at limit 1", [SYMBOL])
        restated = bar.with_columns(
            close=pl.col("close") * 1.01, known_at=pl.col("known_at") + timedelta(days=1), page_row=99_999
        )
        warehouse.append(schemas.BARS, restated)
        refused = bar.with_columns(
            close=-1.0, expectation=pl.lit("prices_are_positive"), reason=pl.lit("close -1")
        )
        warehouse.append(schemas.QUARANTINE_BARS, refused)
        grid = [(lookback, k, stop) for lookback in (60, 120) for k in (2, 3) for stop in (0.0, 0.1)]
        warehouse.append(
            schemas_sensitivity.SENSITIVITY,
            pl.DataFrame(
                {
                    "sweep": "sensitivity/1",
                    "trial": number,
                    "parameters": json.dumps(
                        {
                            "strategy.parameters.lookback_bars": lookback,
                            "portfolio.k": k,
                            "exits.stop_loss": stop,
                        }
                    ),
                    "sharpe": k + stop,
                }
                for number, (lookback, k, stop) in enumerate(grid)
            ),
        )
        warehouse.append(
            schemas_sensitivity.SENSITIVITY_SUMMARY,
            pl.DataFrame({"sweep": ["sensitivity/1", "sensitivity/0"], "run_id": ["run-2", "run-1"]}),
        )
    with Warehouse(path, read_only=True) as warehouse:
        yield warehouse


def sessions(frame: pl.DataFrame, column: str = "year") -> list[int]:
    return sorted(set(frame[column].to_list()))


# Title → whether the answer, a frame, is plausible.
CHECKS: dict[str, Callable[[Any], Any]] = {
    "A symbol's features on a day": lambda f: (
        len(f) > 50 and f.filter(feature="rsi_14")["value"].is_between(0, 100).all()
    ),
    "Where a symbol stands among the others that day": lambda f: (
        len(f) == 8 and f["standing"].sum() == 0 and sorted(f["quartile"]) == [1, 1, 2, 2, 3, 3, 4, 4]
    ),
    "What drove a trade, from the raw bar to the fill": lambda f: (
        set(f["step"]) >= {1, 2, 3, 4, 5, 7, 8}
        and f["table_name"].unique(maintain_order=True).to_list()[:3]
        == ["raw.bars", "marts.bars", "marts.features"]
        and (f["step"] == 3).sum() == 10
        and f["facts"].str.json_path_match("$.importance").drop_nulls().len() == 10
    ),
    "Which rules of the risk gate changed something, and how often": lambda f: (
        f.columns == ["book", "rule", "decisions", "symbols", "last_on"]
    ),
    "Who came into the universe and who left, by quarter": lambda f: (
        f.select("entries", "exits", "members").rows() == [(8, 0, 8)]
    ),
    "How well each feature is covered": lambda f: (
        len(f) > 50
        and f["coverage"].is_between(0, 1).all()
        and f.filter(feature="return_1")["coverage"].item() > 0.99
        and f.filter(feature="sma_200")["coverage"].item() < 0.8
    ),
    "How often signals were right, by year": lambda f: (
        sessions(f) == [2024, 2025] and f["hit_rate"].is_between(0.3, 0.7).all() and f["signals"].min() > 100
    ),
    "Whether predicted probabilities come true, by decile": lambda f: (
        f["decile"].to_list() == list(range(1, 11)) and f["predicted"].is_sorted() and f["bars"].min() > 100
    ),
    "Whether labels are balanced": lambda f: (
        sessions(f) == [2023, 2024, 2025] and f["positive"].is_between(0.3, 0.7).all()
    ),
    "What the gate refused, by reason": lambda f: (
        f.rows() == [("bars", "prices_are_positive", SYMBOL, 1, "close -1")]
    ),
    "Which bars were restated, and by how much": lambda f: (
        f.select("symbol", "revisions").rows() == [(SYMBOL, 2)] and abs(f["change"].item() - 0.01) < 1e-9
    ),
    "What was known at a moment, beside what is known now": lambda f: (
        len(f) == 1 and abs(f["close_now"].item() / f["close_then"].item() - 1.01) < 1e-9
    ),
    "What a split or a dividend did to the three kinds of prices": lambda f: (
        f.filter(pl.col("split_ratio") == 2)["raw_return"].max() < -0.3
        and f["total_return"].abs().max() < 0.2
    ),
    "A sensitivity sweep as a heat map: the mean Sharpe ratio by two of its keys": lambda f: (
        f.rows()
        == [(60, 2, 2.05, 2.1, 2), (60, 3, 3.05, 3.1, 2), (120, 2, 2.05, 2.1, 2), (120, 3, 3.05, 3.1, 2)]
    ),
    "Equity by month": lambda f: f["month"].n_unique() > 20 and f["month_return"].abs().max() < 0.5,
    "The largest drawdowns": lambda f: len(f) == 10 and f["depth"].is_sorted() and f["depth"].max() < 0,
    "What each symbol earned": lambda f: len(f) == 8 and f["winners"].is_between(0, 1).all(),
    "Which features the champion relies on, and how steadily": lambda f: (
        len(f) == 20 and (f["lowest"] <= f["mean_importance"]).all() and f["mean_importance"].sum() <= 1
    ),
    "A feature of your own": lambda f: f["breakouts"].min() > 0 and f["winners"].is_between(0, 1).all(),
    "What ran, for how long, and with what outcome": lambda f: f["flow"].to_list() == ["research"],
    "The macros themselves": lambda f: f["gives"].null_count() == 0 and len(f) > 20,
}


@pytest.mark.parametrize("title", list(QUERIES))
def test_example_answers_its_question(title: str, snapshot: Warehouse) -> None:
    sql = QUERIES[title].replace("AAPL", SYMBOL).replace("2012-01-03", "2024-06-03")
    assert CHECKS[title](snapshot.read(sql))


def test_there_are_a_dozen_examples_and_none_is_without_a_check() -> None:
    assert len(QUERIES) >= 12
    assert set(QUERIES) == set(CHECKS)


def test_make_sql_answers_while_a_run_is_writing(quick: Place, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(quick.home.root, home, ignore=shutil.ignore_patterns("dbt", "reports", "prefect"))
    place = Place(home, quick.api)
    query = "select count(*) as bars, macros.hit_rate(adj_close) as above_0 from marts.bars"
    command = ["make", "-C", str(PROJECT), "-o", ".venv/.ready", f"BIN={Path(sys.executable).parent}", "sql"]
    outside_of_make = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}
    }
    with (
        WriterLock(place.home.lock, "a run"),
        Warehouse(place.home.warehouse) as warehouse,
        warehouse.transaction(),
    ):
        warehouse.execute("delete from raw.bars")
        done = subprocess.run(
            [*command, f'ARGS=-csv -c "{query}"'],
            env={**outside_of_make, "QUANTMILL_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert warehouse.value("select count(*) from raw.bars") == 0, "the writer still has its transaction"
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(make.*\n)?bars,above_0\n6300,1\.0\n(make.*\n)?", done.stdout), done.stdout
