"""What landed is believed only if not one byte of it has changed."""

from __future__ import annotations

import random
import shutil
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from tests.transforms.tiny_source import bars
from transforms.errors import ConfigError, LandingCorruptError
from transforms.landing import Batch, Landing

BATCH = Batch(
    source="tiny",
    dataset="default",
    timeframe="1d",
    batch_id="0123456789abcdef",
    request_id="fedcba9876543210",
    version="v1",
    range_start="2024-03-04",
    range_end=None,
    known_at=datetime(2024, 4, 1, 12, 30, 0, 5),  # noqa: DTZ001
)
FIRST = bars(("A", 4, 10.0), ("A", None, float("nan")), (None, 5, None))
SECOND = bars(("A", 5, 5.1), ("A", 6, 5.2), ("B", 4, 20.0))


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    """A closed batch of two pages of bars and none of corporate actions."""
    landing = Landing(tmp_path / "landing")
    landing.begin(BATCH)
    landing.land(BATCH, "bars", 0, FIRST)
    landing.land(BATCH, "bars", 1, SECOND)
    landing.close(BATCH)
    return landing


def everything(landing: Landing) -> list[pl.DataFrame]:
    """Read all that a rebuild of the warehouse would read."""
    frames = []
    for batch in landing.batches():
        for kind, count in landing.page_numbers(batch).items():
            frames += [landing.read(landing.page(batch, kind, number)) for number in range(count)]
    return frames


def test_what_landed_comes_back_whole(landing: Landing) -> None:
    assert landing.batches() == [BATCH]
    assert landing.page_numbers(BATCH) == {"corporate_actions": 0, "bars": 2}
    assert landing.is_closed(BATCH)
    for got, expected in zip(everything(landing), [FIRST, SECOND], strict=True):
        assert got.equals(expected)
        assert got.schema == expected.schema
    sidecar = landing.page(BATCH, "bars", 1)
    assert (sidecar.rows, sidecar.known_at, sidecar.page) == (3, BATCH.known_at, 1)
    assert sidecar.path == "tiny/default/1d/0123456789abcdef/bars/page-00001.parquet"


def test_same_rows_land_as_same_bytes_whenever_they_come(landing: Landing) -> None:
    later = replace(BATCH, batch_id="00000000000000ff", known_at=datetime(2031, 1, 1))  # noqa: DTZ001
    landing.begin(later)
    again = landing.land(later, "bars", 0, FIRST)
    assert again.sha256 == landing.page(BATCH, "bars", 0).sha256
    assert [batch.batch_id for batch in landing.batches()] == [BATCH.batch_id, later.batch_id]


def test_page_without_sidecar_does_not_count_and_is_written_again(tmp_path: Path) -> None:
    landing = Landing(tmp_path)
    landing.begin(BATCH)
    left_over = tmp_path / "tiny/default/1d/0123456789abcdef/bars/page-00000.parquet"
    left_over.parent.mkdir()
    left_over.write_bytes(b"half a pa")
    assert landing.page_numbers(BATCH)["bars"] == 0
    assert landing.read(landing.land(BATCH, "bars", 0, FIRST)).equals(FIRST)


def test_begun_but_headless_directory_is_no_batch(tmp_path: Path) -> None:
    (tmp_path / "tiny/default/1d/0123456789abcdef").mkdir(parents=True)
    (tmp_path / "tiny/default/1d/0123456789abcdef/.request.json.partial").write_bytes(b"{")
    assert Landing(tmp_path).batches() == []


def test_every_flipped_bit_and_truncation_is_detected(landing: Landing) -> None:
    files = sorted(path for path in landing.root.rglob("*") if path.is_file())
    assert {path.name for path in files} == {
        "request.json",
        "batch.json",
        *(f"page-0000{number}.{ending}" for number in (0, 1) for ending in ("json", "parquet")),
    }
    generator = random.Random(7)
    undetected = []
    for trial in range(240):
        path = files[trial % len(files)]
        intact = path.read_bytes()
        place = generator.randrange(len(intact))
        if trial % 4 == 3:
            path.write_bytes(intact[:place])
        else:
            flipped = intact[place] ^ (1 << generator.randrange(8))
            path.write_bytes(intact[:place] + bytes([flipped]) + intact[place + 1 :])
        try:
            everything(landing)
            undetected.append((path.name, place))
        except LandingCorruptError as error:
            assert str(landing.directory(BATCH)) in str(error)  # noqa: PT017 - the loop goes on
        path.write_bytes(intact)
    assert undetected == []
    assert len(everything(landing)) == 2


@pytest.mark.parametrize("missing", ["request.json", "bars/page-00000.json", "bars/page-00001.json"])
def test_missing_file_of_a_closed_batch_is_named(landing: Landing, missing: str) -> None:
    (landing.directory(BATCH) / missing).unlink()
    with pytest.raises(LandingCorruptError, match=r"Move the batch's directory .* away"):
        everything(landing)


def test_missing_parquet_is_named(landing: Landing) -> None:
    (landing.directory(BATCH) / "bars/page-00001.parquet").unlink()
    with pytest.raises(LandingCorruptError, match=r"page-00001\.parquet is missing"):
        everything(landing)


@pytest.mark.parametrize("endings", [("json",), ("parquet",), ("json", "parquet")])
def test_swapped_pages_are_detected(landing: Landing, endings: tuple[str, ...]) -> None:
    for ending in endings:
        first, second = (landing.directory(BATCH) / f"bars/page-0000{number}.{ending}" for number in (0, 1))
        kept = first.read_bytes()
        first.write_bytes(second.read_bytes())
        second.write_bytes(kept)
    with pytest.raises(LandingCorruptError):
        everything(landing)


def test_batch_copied_to_another_place_is_not_believed(landing: Landing) -> None:
    shutil.copytree(landing.directory(BATCH), landing.root / "other/default/1d/0123456789abcdef")
    with pytest.raises(LandingCorruptError, match="source should be 'other', was 'tiny'"):
        landing.batches()


@pytest.mark.parametrize("name", ["../outside", "a/b", "", ".hidden", "x" * 65])
def test_name_that_is_no_directory_name_is_refused(tmp_path: Path, name: str) -> None:
    landing = Landing(tmp_path / "landing")
    with pytest.raises(ConfigError, match=r"source\.name must be"):
        landing.begin(replace(BATCH, source=name))
    with pytest.raises(ConfigError, match=r"source\.dataset must be"):
        landing.begin(replace(BATCH, dataset=name))
    assert list(tmp_path.iterdir()) == []
