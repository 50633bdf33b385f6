"""The command ``quantmill``: one Hydra entry point. Heavy libraries are imported where they are used."""

from __future__ import annotations

import atexit
import os
import re
import sys
from typing import Any, NoReturn

from transforms.errors import ConfigError, QuantmillError, nearest


def translate(error: BaseException) -> QuantmillError | None:
    """Say what Hydra found wrong with a config in our words: the key, the value, the nearest, the file.

    Returns:
        The error to show, or None where ``error`` is none of Hydra's.
    """
    from hydra.errors import HydraException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    from flows.config import unknown_key

    if isinstance(error, QuantmillError):
        return error
    if not isinstance(error, HydraException | OmegaConfBaseException):
        return None
    if isinstance(error, OverrideParseException):
        return ConfigError(
            f"{error.override}: this cannot be read as key=value. A value with characters such as ~ * ' ; or blanks "
            f"needs double quotes within single ones: 'key=\"value\"'"
        )
    cause = error.__cause__
    text = f"{error}\n{cause}" if cause is not None else str(error)
    full = re.search(r"full_key: ([\w.\[\]]+)", text)
    if refused := _wrong_choice(text):
        return refused
    if "not in" in text or "Could not append" in text:
        named = re.search(r"(?:Could not (?:override|append to config)|Key) '([\w.]+)'", text)
        if named:
            return unknown_key(full.group(1) if full and "." in full.group(1) else named.group(1))
    if full:
        key = full.group(1)
        first = next(line for line in (str(cause) if cause else text).splitlines() if line.strip())
        return ConfigError(f"{key}: {first}  (conf/{key.split('.')[0]}/)")
    return ConfigError(" ".join(text.split()))


def _wrong_choice(text: str) -> ConfigError | None:
    """Say what is wrong with a choice of a group; None where Hydra's words are about something else."""
    from flows.config import SCHEMAS, choices_of, unknown_key

    if match := re.search(r"Could not find '(\w+)/([^']+)'", text):
        group, choice = match.groups()
        if group in SCHEMAS or group == "experiment":
            return ConfigError(
                f"{group}={choice}: no such file in conf/{group}/.{nearest(choice, choices_of(group))}"
            )
    if match := re.search(r"Could not override '(\w+)'. No match in the defaults list", text):
        return unknown_key(match[1])
    if match := re.search(r"(?:schema/)?(\w+@[\w.]+) appears more than once", text):
        return ConfigError(f"{match[1]} is chosen already; {match[1]}=<choice>, without +, chooses another")
    if match := re.search(r"merging override \++(strategy\.portfolios\.\w+)\.", text):
        return unknown_key(match[1])  # Hydra says that a value is of the wrong type, of whatever member
    return None


_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/\-]*")


def named_runs(arguments: list[str]) -> list[str]:
    """Return the arguments with ``run=a,b,c`` written as the list that it means.

    Hydra would take bare commas for a sweep.

    Raises:
        ConfigError: A name among them that no run and no book can have.
    """
    return [
        f"flow.runs=[{','.join(_names_of(argument))}]" if argument.startswith("run=") else argument
        for argument in arguments
    ]


def free_grid(arguments: list[str]) -> list[str]:
    """Return the arguments with ``sensitivity.grid=…`` allowed to bring keys of its own.

    Hydra lets a mapping of the config take new keys only where ``++`` says so.
    """
    return [
        f"++{argument}" if argument.startswith("sensitivity.grid") else argument for argument in arguments
    ]


def _names_of(argument: str) -> list[str]:
    names = [name.strip() for name in argument.removeprefix("run=").split(",")]
    for name in names:
        if _NAME.fullmatch(name) is None:
            raise ConfigError(
                f"{argument}: {name!r} names no run; write run=a,b with run ids, beginnings of them, latest or books"
            )
    return [f'"{name}"' for name in names]


def _register() -> None:
    from omegaconf import OmegaConf

    from flows.config import register
    from transforms.paths import Home

    register()
    OmegaConf.register_new_resolver("quantmill_home", lambda: str(Home.from_environment().root), replace=True)


def command() -> NoReturn:
    """Run ``main`` as the process's whole purpose, and leave without taking the interpreter down.

    The libraries keep daemon threads within C++ code; finalising the interpreter under them can abort the process
    after all is well (``FATAL: exception not rethrown``). So: everything that was registered for the exit runs,
    the streams are flushed, and the process ends with its code.
    """
    code: int | str | None = 0
    try:
        main()
    except SystemExit as leaving:
        code = leaving.code
    except Exception:  # noqa: BLE001 (what nobody expected: the trace is shown, as the interpreter would)
        sys.excepthook(*sys.exc_info())
        code = 1
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
        code = 1
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code or 0)


def main() -> None:
    """Run the command line; exit with the code that the outcome promises."""
    if {"--help", "-h"} & set(sys.argv[1:]):
        from flows import help as help_page

        sys.stdout.write(help_page.text())
        return
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import DictConfig

    from flows.config import CONF

    _register()
    # Hydra would print a trace of its own and exit 1; with this it raises, and we speak.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    failures: list[QuantmillError] = []

    @hydra.main(version_base="1.3", config_path=str(CONF), config_name="config")
    def app(composed: DictConfig) -> Any:
        from flows.config import to_run_config
        from flows.run import carry_out, failed

        hydra_config = HydraConfig.get()
        is_sweep = hydra_config.mode == RunMode.MULTIRUN
        try:
            config = to_run_config(composed)
            if config.flow.name == "compare":
                from flows.compare import compare

                return compare(config.flow.runs)
            return carry_out(
                config,
                is_sweep=is_sweep,
                experiment=hydra_config.runtime.choices.get("experiment"),
            )
        except QuantmillError as error:
            failures.append(error)
            return failed(error)

    try:
        sys.argv[1:] = free_grid(named_runs(sys.argv[1:]))
        app()
    except KeyboardInterrupt:
        sys.exit("interrupted; run the same command again to go on")
    except Exception as error:
        known = translate(error)
        if known is None:
            raise
        failures.append(known)
    for failure in failures:
        sys.stderr.write(f"quantmill: {failure}\n")
    if failures:
        sys.exit(failures[0].exit_code)


if __name__ == "__main__":
    command()
