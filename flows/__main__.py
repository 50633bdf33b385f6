"""The command ``quantmill``: one Hydra entry point. Heavy libraries are imported where they are used."""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from transforms.errors import ConfigError, QuantmillError, nearest


def _translate(error: BaseException) -> QuantmillError | None:
    """Say what Hydra found wrong with a config in our words: the key, the value, the nearest, the file."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from flows.config import SCHEMAS, choices_of, unknown_key

    if isinstance(error, QuantmillError):
        return error
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    cause = error.__cause__
    text = f"{error}\n{cause}" if cause is not None else str(error)
    if match := re.search(r"Could not find '(\w+)/([^']+)'", text):
        group, choice = match.groups()
        if group in SCHEMAS or group == "experiment":
            return ConfigError(f"{group}={choice}: no such file in conf/{group}/.{nearest(choice, choices_of(group))}")
    if match := re.search(r"(?:Could not (?:override|append to config)|Key) '([\w.]+)'", text):
        named = match.group(1)
        full = re.search(r"full_key: ([\w.\[\]]+)", text)
        key = full.group(1) if full and "." in full.group(1) else named
        if "not in" in text or "Could not append" in text:
            return unknown_key(key.lstrip("+"))
    if match := re.search(r"Could not override '(\w+)'. No match in the defaults list", text):
        return unknown_key(match.group(1))
    if full := re.search(r"full_key: ([\w.\[\]]+)", text):
        key = full.group(1)
        first = next(line for line in (str(cause) if cause else text).splitlines() if line.strip())
        return ConfigError(f"{key}: {first}  (conf/{key.split('.')[0]}/)")
    return ConfigError(" ".join(text.split()))


def _register() -> None:
    from omegaconf import OmegaConf

    from flows.config import choices, register
    from transforms.paths import Home

    register()
    OmegaConf.register_new_resolver("quantmill_home", lambda: str(Home.from_environment().root), replace=True)
    OmegaConf.register_new_resolver("quantmill_choices", choices, replace=True)


def main() -> None:
    """Run the command line; exit with the code that the outcome promises."""
    if len(sys.argv) > 1 and sys.argv[1] == "sql":
        from flows.shell import shell

        sys.exit(shell(sys.argv[2:]))
    import hydra
    from omegaconf import DictConfig

    from flows.config import CONF

    _register()
    # Hydra would print its own trace and exit 1; with this it raises, and we speak.
    os.environ["HYDRA_FULL_ERROR"] = "1"

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def app(composed: DictConfig) -> Any:
        from flows.config import to_run_config
        from flows.run import carry_out

        return carry_out(to_run_config(composed))

    try:
        app()
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")
    except Exception as error:
        known = _translate(error)
        if known is None:
            raise
        sys.stderr.write(f"quantmill: {known}\n")
        sys.exit(known.exit_code)


if __name__ == "__main__":
    main()
