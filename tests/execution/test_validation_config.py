from typing import Any

import pytest

from execution.validation_config import ValidationConfig, VerdictLimitsConfig
from transforms.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"train": 0.0}, "validation.train"),
        ({"train": 0.8, "validation": 0.2}, "validation.validation"),
        ({"validation_start": "2020-01-01"}, "validation.validation_start and validation.holdout_start"),
        ({"validation_start": "2021-01-01", "holdout_start": "2020-01-01"}, "validation.holdout_start"),
        ({"validation_start": "soon", "holdout_start": "2020-01-01"}, "validation.validation_start"),
        ({"seed": -1}, "validation.seed"),
        ({"permutations": 99}, "validation.permutations"),
        ({"paths": 10}, "validation.paths"),
        ({"ruin_fraction": 1.0}, "validation.ruin_fraction"),
        ({"missed_fills": 1.0}, "validation.missed_fills"),
        ({"crash_slippage": 0.5}, "validation.crash_slippage"),
        ({"bear_below": 0.0}, "validation.bear_below"),
        ({"range_low": 0.03}, "validation.range_low"),
        ({"regimes": {"x": ["2020-01-01"]}}, "validation.regimes.x"),
        ({"regimes": {"x": ["2020-02-01", "2020-01-01"]}}, "validation.regimes.x"),
        ({"regimes": {"x": ["2020-02-31", "2020-04-01"]}}, "validation.regimes.x"),
        ({"regimes": {"<b>": ["2020-01-01", "2020-02-01"]}}, "validation.regimes"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(given: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError, match=f"^{key} must be "):
        ValidationConfig(name="test", **given)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_p_value", 1.5), ("max_ruin", -0.1), ("max_degradation", -1.0), ("max_position_correlation", 2.0),
     ("min_deflated_sharpe", 1.1), ("min_bear_excess", -2.0), ("min_stress_sharpe", float("nan"))],
)  # fmt: skip
def test_limits_beyond_what_their_figure_can_be_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"^validation\.limits\.{name} must be in "):
        VerdictLimitsConfig(**{name: value})
