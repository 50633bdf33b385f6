"""What numba's cache relies on."""

from __future__ import annotations

import dis
import hashlib
import importlib
import subprocess
import sys
from pathlib import Path

from numba.core.dispatcher import Dispatcher

import transforms.operators
from execution.kernel import fills
from transforms.operators import compiled


def test_kernels_call_those_of_their_own_file_and_of_the_shared_one() -> None:
    """Another file's kernel could change without the cached code that contains it."""
    folder = Path(transforms.operators.__file__).parent
    kernels = 0
    for path in folder.glob("*.py"):
        module = importlib.import_module(f"transforms.operators.{path.stem}")
        for value in vars(module).values():
            if isinstance(value, Dispatcher):
                kernels += 1
                home = value.py_func.__module__.rsplit(".", maxsplit=1)[-1]
                assert home in (path.stem, compiled.SHARED), f"{path.stem} imports a kernel of {home}"
    assert kernels > 50


def test_kernels_whose_terms_may_be_regrouped_write_into_no_array() -> None:
    """How such a loop is carried out, and so the last bit, would depend on where arrays lie in memory."""
    folder = Path(transforms.operators.__file__).parent
    kernels = 0
    for path in folder.glob("*.py"):
        for value in vars(importlib.import_module(f"transforms.operators.{path.stem}")).values():
            if isinstance(value, Dispatcher) and value.targetoptions.get("fastmath"):
                kernels += 1
                assert "STORE_SUBSCR" not in {step.opname for step in dis.get_instructions(value.py_func)}, (
                    value
                )
    assert kernels > 3


def test_what_is_loaded_ahead_has_run_a_kernel() -> None:
    """In a process of its own: here others have run some."""
    script = (
        "import sys, threading\n"
        "from transforms.operators.catalogue import load_ahead\n"
        "assert 'numba' not in sys.modules\n"
        "load_ahead()\n"
        "for thread in threading.enumerate():\n"
        "    if thread.name == 'operators': thread.join()\n"
        "from transforms.operators import rolling\n"
        "sys.exit(0 if rolling._mean.signatures else 'no kernel has run')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_packages_kernels_are_kept_under_a_digest_of_all_of_its_files() -> None:
    """They call each other across files, and any of these may change."""
    package = Path(fills.__file__).parent
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(package.glob("*.py")))).hexdigest()
    kept = Path(fills.fill._cache.cache_path)
    assert f"kernels-{digest[:12]}" in kept.parts
