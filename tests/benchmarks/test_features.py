"""What the benchmark of feature sets relies on: one market for all engines, an honest comparison, a readable plot."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import polars as pl
import pytest

from benchmarks.agreement import compare
from benchmarks.engines.factors import ALPHA158
from benchmarks.engines.polars_factors import Factors, over, partition
from benchmarks.engines.protocol import heard, sampled
from benchmarks.growth import draw
from benchmarks.market import Size, daily_bars, write_qlib, write_source

SIZE = Size(3, 90)


@pytest.fixture(scope="module")
def bars() -> pl.DataFrame:
    return daily_bars(SIZE)


def test_bars_are_the_same_each_time_and_in_single_precision(bars: pl.DataFrame) -> None:
    assert bars.equals(daily_bars(SIZE))
    assert len(bars) == SIZE.rows
    prices = bars.select("open", "high", "low", "close", "volume").to_numpy()
    assert (prices == prices.astype(np.float32)).all()
    assert (bars["high"] >= bars["low"]).all()


def test_both_stores_hold_the_same_bars(bars: pl.DataFrame, tmp_path: Path) -> None:
    write_source(bars, tmp_path / "source")
    write_qlib(bars, tmp_path / "qlib")
    files = [pl.read_parquet(tmp_path / "source" / f"bars-{number}.parquet") for number in range(2)]
    assert [len(file) for file in files] == [SIZE.rows - SIZE.symbols, SIZE.symbols], "the last session apart"
    stored = np.fromfile(tmp_path / "qlib" / "features" / "s0001" / "close.day.bin", "<f4")
    of_symbol = pl.concat(files).filter(pl.col("symbol") == "S0001").sort("bar_at")["close"].to_numpy()
    assert stored[0] == 0, "the index of the first bar"
    assert (stored[1:] == of_symbol).all()


def test_both_ways_of_polars_give_the_same_158_columns(bars: pl.DataFrame) -> None:
    factors = Factors(ALPHA158)
    result = over(bars, factors)
    assert result.columns == ["symbol", "session_date", *ALPHA158]
    assert result.equals(partition(bars, factors))


def test_fiftieths_are_sampled_in_order() -> None:
    names = [f"S{number:04d}" for number in range(120)]
    assert sampled(names[::-1]) == ["S0000", "S0050", "S0100"]


def test_figures_are_heard_among_what_libraries_print() -> None:
    assert heard('warning: x\nfigures: {"seconds": 1.5}\nbye\n') == {"seconds": 1.5}


def written(folder: Path, name: str, values: list[float | None], column: str) -> Path:
    dates = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 1, 10), eager=True)
    path = folder / f"{name}.parquet"
    pl.DataFrame({"symbol": "A", "session_date": dates, column: values}).write_parquet(path)
    return path


@pytest.mark.parametrize(
    ("theirs", "holds"),
    [
        pytest.param([float(n) for n in range(10)], True, id="equal"),
        pytest.param([float(n) + 1e-5 for n in range(10)], True, id="within tolerance"),
        pytest.param([float(n) for n in range(9)] + [9.1], False, id="one cell beyond it"),
        pytest.param([None, None] + [float(n) for n in range(2, 10)], True, id="none in the warm-up"),
        pytest.param([float(n) for n in range(9)] + [None], False, id="none afterwards"),
        pytest.param([float(n) for n in range(9)] + [float("inf")], False, id="not finite"),
        pytest.param([None] * 10, False, id="nothing at all"),
    ],
)
def test_engines_agree_only_where_they_do(tmp_path: Path, theirs: list[float | None], holds: bool) -> None:
    ours = written(tmp_path, "ours", [float(n) for n in range(10)], "roc_20")
    agreement = compare(ours, written(tmp_path, "theirs", theirs, "ROC20"), warm_up=2)
    assert agreement.columns == 1
    assert agreement.holds(1e-3) is holds


def test_tables_with_nothing_in_common_are_no_agreement(tmp_path: Path) -> None:
    ours = written(tmp_path, "ours", [1.0] * 10, "a")
    with pytest.raises(ValueError, match="nothing to compare"):
        compare(ours, written(tmp_path, "theirs", [1.0] * 10, "b"), warm_up=0)


def test_the_plot_is_an_image_with_a_point_per_figure() -> None:
    image = draw({"symbols": [(100, 1.0), (800, 7.5)], "bars & more": [(875, 2.0)]})
    root = ElementTree.fromstring(image)
    assert len(root.findall(".//{*}circle")) == 3
    labels = {text.text for text in root.findall(".//{*}text")}
    assert {"symbols", "bars & more", "800", "8 s"} <= labels
