"""Every path derives from one root: ``QUANTMILL_HOME``, or ``var/`` of the checkout."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Home:
    """The state directory and the places in it.

    ``landing`` and ``journal`` are the truth; everything else can be rebuilt from them.
    """

    root: Path

    @classmethod
    def from_environment(cls) -> Home:
        """Return the home that ``QUANTMILL_HOME`` names, else ``var/`` of the checkout or of the cwd."""
        named = os.environ.get("QUANTMILL_HOME")
        if named:
            return cls(Path(named).expanduser().resolve())
        checkout = (PROJECT / "pyproject.toml").is_file()
        return cls((PROJECT if checkout else Path.cwd()) / "var")

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse.duckdb"

    @property
    def lock(self) -> Path:
        return self.root / "warehouse.lock"

    @property
    def published(self) -> Path:
        """The read-only snapshot of the last run that passed its gates."""
        return self.root / "published" / "warehouse.duckdb"

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def journal(self) -> Path:
        return self.root / "journal.sqlite"

    @property
    def halt(self) -> Path:
        """The kill switch: while this file exists, no order is sent."""
        return self.root / "HALT"

    @property
    def brokers(self) -> Path:
        """The simulated brokers' own books, one SQLite file per account."""
        return self.root / "brokers"

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def reports(self) -> Path:
        return self.root / "reports"

    @property
    def data_docs(self) -> Path:
        return self.root / "data_docs"

    @property
    def dbt(self) -> Path:
        """dbt's target and log directory, and the manifest of the last full build."""
        return self.root / "dbt"

    @property
    def audit(self) -> Path:
        """The scratch warehouse of an audit in progress."""
        return self.root / "audit"

    @property
    def prefect(self) -> Path:
        return self.root / "prefect"

    @property
    def runs(self) -> Path:
        return self.root / "runs"
