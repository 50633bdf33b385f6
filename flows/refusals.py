"""What the SQL refuses of a config's values, in the config's words."""

from __future__ import annotations

import re

from execution.config import StrategyConfig
from transforms.errors import ConfigError

# What macros/vars.sql says of a value that it refuses; dbt adds where it was called.
_REFUSED = re.compile(r"\bvar (\S+ must be .+?, was .+?)(?: > in macro .*)?$")
_PARAMETER = re.compile(r"\bstrategy\.signals\.(\w+)\.")


def refusal(message: str, strategy: StrategyConfig) -> ConfigError | None:
    """Return the error for a value that the SQL refuses, None where dbt's message says something else.

    Args:
        message: In one line.
        strategy: Of the config. SQL knows a parameter as ``strategy.signals.<strategy>.<parameter>``, whether it is
            the config's one strategy or one of several; the error has the key at which it stands in the config.
    """
    refused = _REFUSED.search(message)
    if refused is None:
        return None

    def key(found: re.Match[str]) -> str:
        place = "strategy" if found[1] == strategy.name else f"strategy.members.{found[1]}"
        return f"{place}.parameters."

    return ConfigError(_PARAMETER.sub(key, refused[1]))
