"""A failpoint does nothing unless it is named."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from transforms.failpoints import failpoint

SCRIPT = """
from transforms.failpoints import failpoint
for passing in range(1, 4):
    failpoint("here")
    failpoint("elsewhere")
    print(passing, flush=True)
"""


def test_unnamed_place_is_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("QUANTMILL_FAILPOINT", raising=False)
    failpoint("anywhere")
    monkeypatch.setenv("QUANTMILL_FAILPOINT", "elsewhere")
    failpoint("anywhere")


@pytest.mark.parametrize(("named", "printed"), [("here", ""), ("elsewhere:1", ""), ("here:3", "1\n2\n")])
def test_named_place_kills_at_the_named_passing(named: str, printed: str) -> None:
    died = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"QUANTMILL_FAILPOINT": named, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    assert died.stdout == printed
