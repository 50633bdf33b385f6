"""Limits of the data gate. The expectations themselves are files in ``expectations/suites/``."""

from __future__ import annotations

from dataclasses import dataclass

from transforms.config import require


@dataclass
class GateConfig:
    """How much may be wrong before a run stops.

    Attributes:
        max_quarantined_fraction: Largest fraction of rows in quarantine.
        max_missing_fraction: Largest fraction of calendar sessions that a symbol may lack between its
            first and last bar.
        stale_sessions: A symbol whose last bar is older than this many sessions is named as stale.
        gap_sessions: A run of missing sessions at least this long is named as a gap.
        outlier_sigmas: A split-adjusted return this many trailing volatilities from zero is named.
        data_docs: Whether to build Great Expectations' Data Docs.
    """

    name: str = "???"
    max_quarantined_fraction: float = 0.05
    max_missing_fraction: float = 0.05
    stale_sessions: int = 5
    gap_sessions: int = 3
    outlier_sigmas: float = 10.0
    data_docs: bool = True

    def __post_init__(self) -> None:
        require(
            0 <= self.max_quarantined_fraction <= 1,
            "gate.max_quarantined_fraction",
            "in [0, 1]",
            self.max_quarantined_fraction,
        )
        require(
            0 <= self.max_missing_fraction <= 1,
            "gate.max_missing_fraction",
            "in [0, 1]",
            self.max_missing_fraction,
        )
        require(self.stale_sessions >= 0, "gate.stale_sessions", "at least 0", self.stale_sessions)
        require(self.gap_sessions >= 1, "gate.gap_sessions", "at least 1", self.gap_sessions)
        require(self.outlier_sigmas > 0, "gate.outlier_sigmas", "above 0", self.outlier_sigmas)
