"""The design's arrows, and the pages that are generated from the code."""

from __future__ import annotations

import subprocess
import sys

from flows import reference
from transforms.paths import PROJECT


def test_imports_point_one_way() -> None:
    script = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


def test_the_config_reference_is_current() -> None:
    assert reference.TARGET.read_text() == reference.page(), "run make docs"


def test_no_module_is_longer_than_a_reader_likes() -> None:
    """Around 400 lines is the aim; what is far above it holds two ideas."""
    long = {
        str(path.relative_to(PROJECT)): lines
        for package in ("transforms", "expectations", "ml", "execution", "reports", "flows")
        for path in (PROJECT / package).rglob("*.py")
        if (lines := len(path.read_text().splitlines())) > 450
    }
    assert not long
