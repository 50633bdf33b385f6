"""Data Docs: Great Expectations' result page for a run and suite, as one file that works offline.

The library's own site loads 14 files from content networks and copies 4 MB of images with every site. Here
the library's renderer and its section templates make the content, and a page of ours holds it: no script, no
address, one small file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from expectations.engine import Verdict
from expectations.evaluation import Outcome
from expectations.suites import Suite
from transforms.errors import QuantmillError
from transforms.paths import Home

_TEMPLATES = Path(__file__).resolve().parent / "templates"
_SHOWN = 200


def write_page(
    home: Home, suite: Suite, outcomes: Sequence[Outcome], verdict: Verdict, *, run_id: str
) -> Path:
    """Write ``data_docs/<run_id>/<suite>.html`` and return its path.

    Raises:
        QuantmillError: The run's id cannot be a directory's name.
    """
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", run_id) is None:
        raise QuantmillError(f"run id {run_id!r} cannot name a directory of Data Docs")
    path = home.data_docs / run_id / f"{suite.name}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.building")
    building.write_text(_page(suite, outcomes, verdict, run_id), encoding="utf-8")
    building.replace(path)
    return path


def _page(suite: Suite, outcomes: Sequence[Outcome], verdict: Verdict, run_id: str) -> str:
    from great_expectations.render.view import DefaultJinjaPageView

    view = DefaultJinjaPageView(custom_views_directory=str(_TEMPLATES))
    page = view.render(
        verdict.document,
        template="data_docs_page.html",
        suite=suite,
        outcomes=outcomes,
        shown=_SHOWN,
        run_id=run_id,
    )
    # The library's links lead to pages of its own site and to toggles of its scripts.
    return re.sub(r"</?a\b[^>]*>", "", page)
