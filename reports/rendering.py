"""From data to one HTML file that needs nothing else and lets nothing else in."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reports import formats
from transforms.warehouse import fsync_directory

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
_DRAW = """
for (const item of JSON.parse(document.getElementById("figures").textContent)) Bokeh.embed.embed_item(item);
"""


@cache
def _environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    writers = ("count", "moment", "percent", "points", "ratio", "seconds", "shares", "text", "usd")
    environment.filters.update({name: getattr(formats, name) for name in writers})
    environment.globals.update(metric=formats.metric, number=formats.number, DASH=formats.DASH)
    return environment


def render(
    template: str,
    context: dict[str, Any],
    *,
    figures: str | None = None,
    data: Mapping[str, str] | None = None,
    script: str | None = None,
) -> str:
    """Return the page ``template`` makes of ``context``, everything escaped.

    The page's content security policy allows no request at all, and no script but those whose SHA-256 it
    names: text that found a way into the markup could still not run.

    Args:
        template: A file of ``reports/templates``.
        context: What the template shows.
        figures: JSON of ``reports.plots.embeddable``; None leaves bokeh's library out.
        data: Element id → JSON for the page's own script, without ``<``, ``>`` and ``&``.
        script: A file of ``reports/templates`` that the page runs.
    """
    from markupsafe import Markup

    scripts: list[str] = []
    if figures is not None:
        from reports.plots import library_script

        scripts = [library_script(), _DRAW]
    if script is not None:
        scripts.append((_TEMPLATES / script).read_text(encoding="utf-8"))
    hashes = " ".join(f"'sha256-{_sha256(script)}'" for script in scripts)
    policy = (
        f"default-src 'none'; script-src {hashes or chr(39) + 'none' + chr(39)}; style-src 'unsafe-inline'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    css = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    page = _environment().get_template(template)
    return page.render(
        **context,
        policy=policy,
        css=Markup(css),  # noqa: S704 - our own file
        figures=None if figures is None else Markup(figures),  # noqa: S704 - escaped by embeddable
        data_blocks={
            name: Markup(content)  # noqa: S704 - escaped by whoever wrote it
            for name, content in (data or {}).items()
        },
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - bokeh's file and our own
    )


def _sha256(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()


def write_page(path: Path, page: str) -> None:
    """Write ``page`` so that a reader finds the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    building = path.with_name(f".{path.name}.{os.getpid()}.building")
    try:
        with building.open("w", encoding="utf-8") as handle:
            handle.write(page)
            handle.flush()
            os.fsync(handle.fileno())
        building.replace(path)
    finally:
        building.unlink(missing_ok=True)
    fsync_directory(path.parent)


def point_to(link: Path, target: Path) -> None:
    """Let ``link`` name its sibling ``target`` from one moment to the next."""
    building = link.with_name(f".{link.name}.{os.getpid()}.building")
    building.unlink(missing_ok=True)
    building.symlink_to(target.name)
    building.replace(link)
