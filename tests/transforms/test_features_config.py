from __future__ import annotations

from typing import Any

import pytest

from transforms.errors import ConfigError
from transforms.features import FeaturesConfig


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sma_windows": [20, 0]}, r"features\.sma_windows must be bars in 1\.\.10000, was 0"),
        ({"volatility_windows": [1]}, r"features\.volatility_windows must be bars in 2\.\.10000, was 1"),
        ({"timeseries_windows": [2]}, r"features\.timeseries_windows must be bars in 3\.\.10000, was 2"),
        ({"rsi_windows": [14, 14]}, r"features\.rsi_windows must be at least one window, none twice"),
        ({"return_windows": []}, r"features\.return_windows must be at least one window, none twice"),
        ({"donchian_windows": [10_001]}, r"features\.donchian_windows must be bars in 1\.\.10000, was 10001"),
        ({"seasonal_period": 1}, r"features\.seasonal_period must be in 2\.\.10000, was 1"),
        ({"periods_per_year": 0}, r"features\.periods_per_year must be in 1\.\.1000000, was 0"),
        ({"level_columns": ["sma_*; drop"]}, r"features\.level_columns must be patterns"),
    ],
)
def test_a_bad_parameter_names_its_key_its_range_and_its_value(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        FeaturesConfig(name="core", **change)
