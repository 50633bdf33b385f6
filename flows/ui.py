"""``make ui``: Prefect's UI on this home's run history, until Ctrl-C."""

from __future__ import annotations

import os
import subprocess
import sys

from flows.prefect_home import environment
from transforms.paths import Home


def main() -> int:
    """Serve the UI on 127.0.0.1:4200; return the server's exit code."""
    home = Home.from_environment()
    home.prefect.mkdir(parents=True, exist_ok=True)
    address = {"PREFECT_SERVER_API_HOST": "127.0.0.1", "PREFECT_API_URL": "http://127.0.0.1:4200/api"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", "4200"]
    try:
        return subprocess.run(
            command, env={**os.environ, **environment(home), **address}, check=False
        ).returncode
    except KeyboardInterrupt:
        return 0


if __name__ == "__main__":
    sys.exit(main())
