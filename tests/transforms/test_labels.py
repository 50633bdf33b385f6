"""Config of the labels: what each kind accepts, and what is refused by key and range."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from transforms.config import LabelsConfig, UniverseConfig
from transforms.errors import ConfigError
from transforms.labels import (
    KINDS,
    CrossSectionalRankLabelsConfig,
    ForwardReturnLabelsConfig,
    TouchWithinLabelsConfig,
    TripleBarrierLabelsConfig,
    with_other_kinds,
)

COMPARED = UniverseConfig("all", benchmark="IDX")
ALONE = UniverseConfig("all")


@pytest.mark.parametrize(
    ("kind", "values", "said"),
    [
        (LabelsConfig, {"horizon": 0}, r"labels\.horizon must be in 1\.\.2520, was 0"),
        (LabelsConfig, {"entry": "open"}, r"labels\.entry must be one of next_open, close, was 'open'"),
        (ForwardReturnLabelsConfig, {"kind": "touch_within"}, r"labels\.kind must be forward_return here"),
        (ForwardReturnLabelsConfig, {"return_kind": "exces"}, r"labels\.return_kind.*Did you mean: excess"),
        (ForwardReturnLabelsConfig, {"dead_band": 1.0}, r"labels\.dead_band must be in \[0, 1\), was 1\.0"),
        (ForwardReturnLabelsConfig, {"dead_band": -0.1}, r"labels\.dead_band"),
        (ForwardReturnLabelsConfig, {"volatility_bars": 1}, r"labels\.volatility_bars must be in 2\.\.2520"),
        (CrossSectionalRankLabelsConfig, {"return_kind": "excess"}, r"labels\.return_kind"),
        (
            CrossSectionalRankLabelsConfig,
            {"fraction": 0.51},
            r"labels\.fraction must be in \(0, 0\.5\], was 0\.51",
        ),
        (CrossSectionalRankLabelsConfig, {"fraction": 0.0}, r"labels\.fraction"),
        (TripleBarrierLabelsConfig, {"profit": -1.0}, r"labels\.profit must be in \[0, 1000\), was -1\.0"),
        (TripleBarrierLabelsConfig, {"stop": float("nan")}, r"labels\.stop"),
        (TripleBarrierLabelsConfig, {"profit": 0.0, "stop": 0.0}, r"labels\.profit must be above 0 where"),
        (
            TripleBarrierLabelsConfig,
            {"on_time_limit": "one"},
            r"labels\.on_time_limit must be one of sign, zero",
        ),
        (TouchWithinLabelsConfig, {"rise": 0.0}, r"labels\.rise must be in \(0, 10\), was 0\.0"),
        (TouchWithinLabelsConfig, {"minutes": 0}, r"labels\.minutes must be null or at least 1, was 0"),
        (
            TouchWithinLabelsConfig,
            {"min_coverage": 1.5},
            r"labels\.min_coverage must be in \[0, 1\], was 1\.5",
        ),
    ],
)
def test_what_is_out_of_range_is_refused_by_key(
    kind: type[LabelsConfig], values: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        kind("x", **values)


def test_a_band_in_deviations_may_be_wider_than_one_in_fractions() -> None:
    assert ForwardReturnLabelsConfig("x", return_kind="volatility_scaled", dead_band=2.0).dead_band == 2.0


def test_an_excess_needs_a_benchmark() -> None:
    excess = ForwardReturnLabelsConfig("x", return_kind="excess")
    excess.require_fit("1d", COMPARED)
    with pytest.raises(
        ConfigError, match=r"labels\.return_kind .* where universe\.benchmark is null, was 'excess'"
    ):
        excess.require_fit("1d", ALONE)
    ForwardReturnLabelsConfig("x").require_fit("1d", ALONE)


@pytest.mark.parametrize(
    ("timeframe", "minutes", "said"),
    [
        ("1d", 30, "null for bars of 1d"),
        ("1h", 90, r"a multiple of 60 up to 151200 for bars of 1h"),
        ("1m", 2521, "up to 2520 for bars of 1m"),
    ],
)
def test_minutes_must_be_whole_bars(timeframe: str, minutes: int, said: str) -> None:
    with pytest.raises(ConfigError, match=rf"labels\.minutes must be .*{said}"):
        TouchWithinLabelsConfig("x", minutes=minutes).require_fit(timeframe, ALONE)


def test_the_horizon_is_in_bars_whatever_the_window_is_given_in() -> None:
    window = TouchWithinLabelsConfig("x", minutes=30)
    window.require_fit("5m", ALONE)
    assert window.horizon_bars("5m") == 6
    assert TouchWithinLabelsConfig("x", horizon=7).horizon_bars("5m") == 7
    assert TripleBarrierLabelsConfig("x", horizon=9).horizon_bars("1d") == 9


@pytest.mark.parametrize("kind", KINDS)
def test_the_sql_reads_keys_of_all_kinds_and_the_values_of_the_chosen_one(kind: type[LabelsConfig]) -> None:
    chosen = kind("mine", horizon=17, entry="close")
    values = with_other_kinds(chosen)
    assert values.items() >= asdict(chosen).items()
    assert values.keys() == {key for other in KINDS for key in asdict(other())}
