"""What can go wrong in a run, each with the exit code that the command line promises."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class QuantmillError(Exception):
    """A failure with one clear line for the user; details go to the log.

    Attributes:
        exit_code: The process's exit code: 1 run failed, 2 config, 3 data gate, 4 risk gate.
    """

    exit_code = 1


class ConfigError(QuantmillError):
    """The config is wrong. The message names the key, the value and what is allowed."""

    exit_code = 2


class DataGateError(QuantmillError):
    """The data gate refused. The message names the expectation, the rows and the quarantine."""

    exit_code = 3


class RiskHaltError(QuantmillError):
    """A risk gate or the kill switch stopped trading."""

    exit_code = 4


class WarehouseBusyError(QuantmillError):
    """Another run holds the warehouse. The message names the holder."""


class LandingCorruptError(QuantmillError):
    """A landed file is not what was written: its SHA-256 differs."""


class ArtifactError(QuantmillError):
    """A model artifact is missing, incomplete or not what its manifest says."""


def first_line(error: object) -> str:
    """Return the first line of what an error says; where it says nothing, its type's name."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def nearest(word: str, allowed: Iterable[str], *, count: int = 3) -> str:
    """Say which of ``allowed`` the user may have meant.

    Returns:
        `` Did you mean: a, b?`` or, where nothing is near, `` Allowed: a, b, c.`` (leading space).
    """
    options = sorted(set(allowed))
    close = difflib.get_close_matches(word, options, n=count, cutoff=0.5)
    if close:
        return f" Did you mean: {', '.join(close)}?"
    return f" Allowed: {', '.join(options)}." if options else ""
