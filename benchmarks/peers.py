"""Peers: installed for the run into environments of their own, which the project's never sees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def install(folder: Path, *packages: str) -> Path | None:
    """Return the Python of an environment with the packages in ``folder``, made if it is not there yet.

    Returns:
        None where they cannot be installed (no network, say); the reason has been printed.
    """
    python = folder / "bin" / "python"
    ready = folder / "ready"
    if ready.exists():
        return python
    print(f"installing {', '.join(packages)} into {folder}", flush=True)
    steps = [
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages],
    ]
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
            print(f"cannot be installed: {' '.join(reason)}; going on without {', '.join(packages)}")
            return None
    ready.touch()
    return python
