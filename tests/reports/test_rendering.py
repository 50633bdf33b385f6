from __future__ import annotations

import os
from pathlib import Path

import pytest

from reports import rendering


def test_a_write_that_fails_leaves_the_old_page_and_no_leftover(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "run.html"
    rendering.write_page(page, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        rendering.write_page(page, "new")
    assert [path.name for path in tmp_path.iterdir()] == ["run.html"]
    assert page.read_text() == "old"


def test_the_link_moves_on_and_survives_a_leftover_of_a_killed_run(tmp_path: Path) -> None:
    first, second, link = (tmp_path / name for name in ("a.html", "b.html", "latest.html"))
    rendering.write_page(first, "a")
    rendering.write_page(second, "b")
    (tmp_path / f".latest.html.{os.getpid()}.building").symlink_to("gone")
    for target in (first, second):
        rendering.point_to(link, target)
    assert link.read_text() == "b"
    assert not link.readlink().is_absolute()  # the home may be moved as a whole
