from __future__ import annotations

import gzip
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from transforms.config import CsvSourceConfig, FileSourceConfig, ParquetSourceConfig
from transforms.errors import ConfigError, DataGateError
from transforms.frames import ACTIONS_SCHEMA, BARS_SCHEMA
from transforms.sources import readers
from transforms.sources.base import Page, open_source

HEADER = "symbol,bar_at,open,high,low,close,volume\n"
ROWS = "AAA,2024-03-08,10,12,9,11,100\nBBB,2024-03-08,20,22,19,21,200\nAAA,2024-03-11,11,13,10,12,110\n"


@pytest.fixture(autouse=True)
def _in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def csv(path: str, content: str, **options: object) -> CsvSourceConfig:
    """Write a CSV file and return the config that reads it."""
    Path(path).write_text(content)
    return CsvSourceConfig(path=path, **options)  # type: ignore[arg-type]


def pages(config: FileSourceConfig, kind: str = "bars", after: int = -1) -> list[Page]:
    return list(open_source(config).pages(kind, after=after))


def bars(config: FileSourceConfig) -> pl.DataFrame:
    return pl.concat(page.frame for page in pages(config))


def typed() -> pl.DataFrame:
    """The rows of ``ROWS`` with the types that a Parquet file has."""
    day = pl.col("bar_at").str.to_date()
    return pl.read_csv((HEADER + ROWS).encode()).with_columns(day)


def test_csv_is_read_into_the_contracts_shape_in_the_files_order() -> None:
    found = bars(csv("bars.csv", HEADER + ROWS))

    assert found.schema == pl.Schema(BARS_SCHEMA)
    assert found.select("symbol", "session_date", "close").rows() == [
        ("AAA", date(2024, 3, 8), 11.0),
        ("BBB", date(2024, 3, 8), 21.0),
        ("AAA", date(2024, 3, 11), 12.0),
    ]


def test_parquet_gives_the_same_bars_as_csv() -> None:
    typed().write_parquet("bars.parquet")

    assert bars(ParquetSourceConfig(path="bars.parquet")).equals(bars(csv("bars.csv", HEADER + ROWS)))


def test_columns_separator_and_compression_are_the_users() -> None:
    text = "Date;Last;open;high;low;volume;symbol\n2024-03-08;11;10;12;9;100;AAA\n"
    with gzip.open("bars.csv.gz", "wt") as handle:
        handle.write("\ufeff" + text)
    config = CsvSourceConfig(path="bars.csv.gz", separator=";", columns={"bar_at": "Date", "close": "Last"})

    assert bars(config).select("symbol", "session_date", "close").row(0) == ("AAA", date(2024, 3, 8), 11.0)


def test_bad_cells_become_defects_and_no_row_is_lost() -> None:
    content = (
        HEADER + "x'; drop table,2024-03-08,10,12,9,11,100\nAAA,2024-03-08,abc,12,9,11,\nAAA,,nan,-1,9,11,1\n"
    )

    found = bars(csv("bars.csv", content))

    assert found["symbol"].to_list() == ["x'; drop table", "AAA", "AAA"]
    assert found["defect"].to_list() == [
        "symbol: 'x'; drop table' is no symbol",
        "open: 'abc' is no number",
        None,
    ]
    assert found["volume"].to_list() == [100.0, None, 1.0]
    assert found["high"].to_list() == [12.0, 12.0, -1.0]


def test_glob_reads_files_in_order_one_page_each_with_the_stem_as_symbol() -> None:
    content = "bar_at,open,high,low,close,volume\n2024-03-08,10,12,9,11,100\n"
    for name in ("MSFT.csv", "AAPL.csv", "BRK.B.csv", "notes.md"):
        Path(name).write_text(content)
    config = CsvSourceConfig(path="*.csv", symbol="{stem}")

    assert open_source(config).coverage().symbols == ("AAPL", "BRK.B", "MSFT")
    assert [(page.number, page.frame["symbol"].item()) for page in pages(config)] == [
        (0, "AAPL"),
        (1, "BRK.B"),
        (2, "MSFT"),
    ]


def test_absolute_path_home_and_recursive_glob_find_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    csv("a/b/[odd].csv", HEADER + ROWS)
    monkeypatch.setenv("HOME", str(tmp_path))

    for path in (f"{tmp_path}/a/b/[odd].csv", "~/a/b/*.csv", "**/*.csv", "a/*/*.csv"):
        assert len(bars(CsvSourceConfig(path=path))) == 3


def test_symbols_and_range_choose_rows_but_defects_stay() -> None:
    content = HEADER + ROWS + "?,2024-03-08,1,1,1,1,1\nBBB,soon,1,1,1,1,1\n"

    found = bars(csv("bars.csv", content, symbols=["AAA"], start="2024-03-09", end="2024-03-31"))

    assert found.select("symbol", "session_date").rows() == [("AAA", date(2024, 3, 11)), ("BBB", None)]


def test_large_files_come_in_pages_that_resume_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers.ParquetReader.pages, "__kwdefaults__", {"rows": 400})
    monkeypatch.setattr(readers.CsvReader.pages, "__kwdefaults__", {"rows": 400})
    start = datetime(2024, 3, 8)  # noqa: DTZ001
    stamps = [start + timedelta(minutes=n) for n in range(1000)]
    frame = pl.DataFrame({"symbol": ["AAA"] * 1000, "bar_at": stamps}).with_columns(
        pl.lit(10.0).alias(name) for name in ("open", "high", "low", "close", "volume")
    )
    frame.write_parquet("bars.parquet", row_group_size=300)
    frame.write_csv("bars.csv")
    for config in (
        ParquetSourceConfig(path="bars.parquet", timeframe="1m", timezone="UTC"),
        CsvSourceConfig(path="bars.csv", timeframe="1m", timezone="UTC"),
    ):
        every = pages(config)
        rest = pages(config, after=0)

        assert [(page.number, len(page.frame)) for page in every] == [(0, 400), (1, 400), (2, 200)]
        assert pl.concat(page.frame for page in every)["bar_at"].to_list() == stamps
        assert [page.number for page in rest] == [1, 2]
        assert rest[0].frame.equals(every[1].frame)


def test_version_follows_the_contents_of_bars_and_actions() -> None:
    Path("actions.csv").write_text("symbol,ex_date,kind,value\nAAA,2024-03-11,split,2\n")

    def version(content: str, actions_path: str | None = None) -> str:
        config = csv("bars.csv", content, actions_path=actions_path)
        return open_source(config).coverage().version

    assert version(HEADER + ROWS) == version(HEADER + ROWS)
    assert version(HEADER + ROWS) != version(HEADER + ROWS.replace("11", "12"))
    assert version(HEADER + ROWS) != version(HEADER + ROWS, "actions.csv")


@pytest.mark.parametrize("name", ["actions.csv", "actions.parquet"])
def test_actions_are_read_in_either_format(name: str) -> None:
    content = (
        "symbol,ex_date,kind,value\nAAA,2024-03-11,split,2\nBBB,2024-03-11,dividend,0.5\n,2024-03-11,gift,1\n"
    )
    Path("actions.csv").write_text(content)
    pl.read_csv("actions.csv").write_parquet("actions.parquet")

    (page,) = pages(csv("bars.csv", HEADER + ROWS, actions_path=name, symbols=["AAA"]), "corporate_actions")

    assert page.frame.schema == pl.Schema(ACTIONS_SCHEMA)
    assert page.frame.rows() == [
        ("AAA", date(2024, 3, 11), "split", 2.0, None, None),
        (
            None,
            date(2024, 3, 11),
            None,
            1.0,
            None,
            "kind: 'gift' is none of dividend, split, symbol_change",
        ),
    ]


def test_a_symbol_that_is_asked_for_brings_what_its_instrument_was_called_before_and_after() -> None:
    bars = "".join(
        f"{name},2024-03-{8 + n:02},1,1,1,1,1\n" for n, name in enumerate(("AAA", "BBB", "CCC", "DDD"))
    )
    Path("actions.csv").write_text(
        "symbol,ex_date,kind,value,new_symbol\n"
        "AAA,2024-03-09,symbol_change,,BBB\nBBB,2024-03-10,symbol_change,,CCC\nDDD,2024-03-10,split,2,\n"
    )
    header = "symbol,bar_at,open,high,low,close,volume\n"

    def got(kind: str, symbols: list[str]) -> list[str]:
        config = csv("bars.csv", header + bars, actions_path="actions.csv", symbols=symbols)
        return [row for page in pages(config, kind) for row in page.frame["symbol"]]

    for asked in ("AAA", "BBB", "CCC"):
        assert got("bars", [asked]) == ["AAA", "BBB", "CCC"]
        assert got("corporate_actions", [asked]) == ["AAA", "BBB"]
    assert got("bars", ["DDD"]) == ["DDD"]
    assert got("corporate_actions", ["DDD"]) == ["DDD"]


def test_no_actions_path_means_no_pages() -> None:
    assert pages(csv("bars.csv", HEADER + ROWS), "corporate_actions") == []


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "none/*.csv",
            r"source\.path: no file matches 'none/\*\.csv'; looked in .*none, which does not exist",
        ),
        ("*.parquet", r"source\.path: no file matches '\*\.parquet'; looked in .*, which has bars\.csv"),
        (".", r"source\.path '\.' is a directory; name its files"),
    ],
)
def test_missing_file_is_a_config_error_that_says_where_it_looked(path: str, told: str) -> None:
    csv("bars.csv", HEADER + ROWS)

    with pytest.raises(ConfigError, match=told):
        open_source(CsvSourceConfig(path=path)).coverage()


def test_missing_actions_file_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"source\.actions_path: no file matches 'gone\.csv'"):
        open_source(csv("bars.csv", HEADER + ROWS, actions_path="gone.csv")).coverage()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", r"bars\.csv is empty \(0 bytes\)"),
        (HEADER, r"bars\.csv is empty: it has columns but no rows"),
        (
            HEADER + "AAA,2024-03-08,10,12,9,11,100,7\n",
            r"bars\.csv cannot be read .*Expected 7 columns, got 8",
        ),
        (HEADER + "AAA,2024-03-08,10,12,9\n", r"bars\.csv cannot be read .*Expected 7 columns, got 5"),
        ("a,b\n1,2\n", r"bars\.csv lacks the columns 'symbol', .*it has 'a', 'b'.*source\.columns\.symbol="),
        (
            HEADER.replace("volume", "Volume") + ROWS,
            r"lacks the columns 'volume'.*source\.columns\.volume=Volume",
        ),
    ],
)
def test_csv_that_cannot_be_bars_stops_at_the_gate(content: str, told: str) -> None:
    config = csv("bars.csv", content)

    with pytest.raises(DataGateError, match=told) as caught:
        pages(config)

    assert caught.value.exit_code == 3


def test_ambiguous_column_is_refused() -> None:
    config = csv("bars.csv", HEADER.replace("volume", "close") + ROWS, columns={"volume": "close"})

    with pytest.raises(DataGateError, match="has the column 'close' more than once"):
        pages(config)


def test_text_that_is_no_utf8_is_refused() -> None:
    Path("bars.csv").write_bytes((HEADER + ROWS).encode() + b"\xff,2024-03-08,1,1,1,1,1\n")

    with pytest.raises(DataGateError, match="UTF8"):
        pages(CsvSourceConfig(path="bars.csv"))


@pytest.mark.parametrize("keep", [0, 3, 200, -1])
def test_truncated_parquet_is_named(keep: int) -> None:
    typed().write_parquet("bars.parquet")
    Path("bars.parquet").write_bytes(Path("bars.parquet").read_bytes()[:keep])

    with pytest.raises(DataGateError, match=r"bars\.parquet"):
        pages(ParquetSourceConfig(path="bars.parquet"))


def test_damaged_page_of_a_parquet_with_checksums_is_detected() -> None:
    import pyarrow.parquet as pq

    prices = typed().sample(5000, with_replacement=True, seed=1)
    pq.write_table(prices.to_arrow(), "bars.parquet", write_page_checksum=True, use_dictionary=False)
    data = bytearray(Path("bars.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    Path("bars.parquet").write_bytes(data)

    with pytest.raises(DataGateError, match=r"bars\.parquet cannot be read"):
        pages(ParquetSourceConfig(path="bars.parquet"))


def test_unknown_symbol_is_a_config_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"has no symbol 'AAB'\. Did you mean: AAA"):
        open_source(csv("bars.csv", HEADER + ROWS, symbols=["AAB"])).coverage()


def test_intraday_stamps_without_a_zone_are_a_config_error() -> None:
    config = csv("bars.csv", HEADER + "AAA,2024-03-08 09:30,10,12,9,11,100\n", timeframe="1m")

    with pytest.raises(ConfigError, match=r"source\.timezone"):
        pages(config)


def test_separator_of_several_characters_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="separator must be one character, was '::'"):
        open_source(csv("bars.csv", HEADER + ROWS, separator="::"))
