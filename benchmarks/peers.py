"""Peers: installed for the run into an environment of their own, which the project's never sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_PACKAGES = ("pyqlib",)


def install(folder: Path) -> Path | None:
    """Return the Python of an environment with the peers in ``folder``, made if it is not there yet.

    Returns:
        None where they cannot be installed (no network, say); the reason has been printed.
    """
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    print(f"installing {', '.join(_PACKAGES)} into {folder}", flush=True)
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            print(f"cannot be installed: {' '.join(reason)}; going on without {', '.join(_PACKAGES)}")
            return None
    ready.touch()
    return python
