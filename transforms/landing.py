"""The landing directory: what sources gave, as immutable Parquet with a SHA-256 each.

::

    landing/<source>/<dataset>/<timeframe>/<batch_id>/
        request.json                     what was asked, and when: the batch's head, written first
        bars/page-00000.parquet          rows as received; never rewritten
        bars/page-00000.json             sidecar: rows, SHA-256; the page counts once this is there
        corporate_actions/page-00000.…
        batch.json                       how many pages of each kind; the batch is closed once this is there

Everything in ``raw.*`` can be rebuilt from here. Each file is written under a temporary name, synced,
renamed, and its directory synced, so that after a crash a file is there whole or not at all. Each JSON file
carries the SHA-256 of its own content, each page's stands in its sidecar, and both are checked before use:
Parquet by itself does not notice most flipped bits.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import polars as pl

from transforms.errors import ConfigError, LandingCorruptError
from transforms.failpoints import failpoint
from transforms.warehouse import fsync_directory

KINDS = ("corporate_actions", "bars")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PAGE = re.compile(r"page-(\d{5,})\.json")


@dataclass(frozen=True)
class Batch:
    """One answer of a source to one request.

    Attributes:
        source: The source's name.
        dataset: Which body of its data.
        timeframe: Length of a bar.
        batch_id: 16 hex digits.
        request_id: Digest of everything that decides what comes; asked again after a change elsewhere, one
            request can have several batches.
        version: The source's ``Coverage.version`` that was asked.
        range_start: First session asked for (ISO date), None if open.
        range_end: Last session asked for, None if open.
        known_at: When the batch began: the revision that all of its rows belong to (naive UTC).
    """

    source: str
    dataset: str
    timeframe: str
    batch_id: str
    request_id: str
    version: str
    range_start: str | None
    range_end: str | None
    known_at: datetime


@dataclass(frozen=True)
class LandedPage:
    """The sidecar of one landed page.

    Attributes:
        source: The source's name.
        dataset: Which body of its data.
        timeframe: Length of a bar.
        batch_id: The batch that it belongs to.
        kind: ``bars`` or ``corporate_actions``.
        page: Number within the batch and kind, from 0.
        rows: Rows of the page.
        known_at: The batch's ``known_at``. It stands here and not in the Parquet, so that the same input
            lands as the same bytes.
        sha256: Of the Parquet file.
        range_start: As in ``Batch``.
        range_end: As in ``Batch``.
    """

    source: str
    dataset: str
    timeframe: str
    batch_id: str
    kind: str
    page: int
    rows: int
    known_at: datetime
    sha256: str
    range_start: str | None
    range_end: str | None

    @property
    def path(self) -> str:
        """The Parquet file, relative to the landing directory."""
        batch = f"{self.source}/{self.dataset}/{self.timeframe}/{self.batch_id}"
        return f"{batch}/{self.kind}/page-{self.page:05d}.parquet"


_Record = TypeVar("_Record", Batch, LandedPage)


class Landing:
    """The landing directory of one home. Written by the one process that holds the warehouse's lock."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def batches(self) -> list[Batch]:
        """Return every batch in the order in which they began.

        Raises:
            LandingCorruptError: A batch's head is missing or not what was written.
        """
        found = []
        for directory in sorted(self.root.glob("*/*/*/*/")):
            head = directory / "request.json"
            if not head.exists():
                if any(directory.glob("*/page-*.json")) or (directory / "batch.json").exists():
                    raise _corrupt(head, directory, "is missing")
                continue  # a batch that died before it had begun
            content = _read_record(head, directory)
            _expect(head, directory, content, _place_of(directory))
            found.append(_record(Batch, content, head, directory))
        return sorted(found, key=lambda batch: (batch.known_at, batch.batch_id))

    def begin(self, batch: Batch) -> None:
        """Write a batch's head.

        Raises:
            ConfigError: The source's name cannot be a directory's.
        """
        for key, name in (("source.name", batch.source), ("source.dataset", batch.dataset)):
            if _NAME.fullmatch(name) is None:
                allowed = "letters, digits and . - _ (at most 64, the first a letter or digit)"
                raise ConfigError(f"{key} must be {allowed}, was {name!r}")
        directory = self.directory(batch)
        _make_directory(directory)
        _write(directory / "request.json", _canonical(asdict(batch)), "request")

    def directory(self, batch: Batch | LandedPage) -> Path:
        """Return the directory that holds all of a batch (or of the batch of a page)."""
        return self.root / batch.source / batch.dataset / batch.timeframe / batch.batch_id

    def page_numbers(self, batch: Batch) -> dict[str, int]:
        """Return kind → number of landed pages of a batch.

        Raises:
            LandingCorruptError: A page is missing between others, or from a batch that was closed.
        """
        directory = self.directory(batch)
        counts = {}
        for kind in KINDS:
            names = (_PAGE.fullmatch(path.name) for path in directory.glob(f"{kind}/page-*.json"))
            numbers = {int(match.group(1)) for match in names if match}
            missing = set(range(max(numbers, default=-1) + 1)) - numbers
            if missing:
                raise _corrupt(directory / kind / f"page-{min(missing):05d}.json", directory, "is missing")
            counts[kind] = len(numbers)
        closing = directory / "batch.json"
        if closing.exists():
            content = _read_record(closing, directory)
            _expect(closing, directory, content, {**_place_of(directory), "pages": counts})
        return counts

    def is_closed(self, batch: Batch) -> bool:
        """Whether a batch has all of its pages."""
        return (self.directory(batch) / "batch.json").exists()

    def land(self, batch: Batch, kind: str, number: int, frame: pl.DataFrame) -> LandedPage:
        """Write one page and its sidecar durably, and return the sidecar.

        Args:
            batch: A batch that has begun and is not closed.
            kind: ``bars`` or ``corporate_actions``.
            number: The page's number; leftovers of a page that died before its sidecar are overwritten.
            frame: The rows in the shape of ``transforms.frames``.
        """
        buffer = io.BytesIO()
        frame.write_parquet(buffer, compression="zstd", statistics=True)
        data = buffer.getvalue()
        page = LandedPage(
            source=batch.source,
            dataset=batch.dataset,
            timeframe=batch.timeframe,
            batch_id=batch.batch_id,
            kind=kind,
            page=number,
            rows=len(frame),
            known_at=batch.known_at,
            sha256=hashlib.sha256(data).hexdigest(),
            range_start=batch.range_start,
            range_end=batch.range_end,
        )
        path = self.root / page.path
        _make_directory(path.parent)
        _write(path, data, "page")
        _write(path.with_suffix(".json"), _canonical(asdict(page)), "sidecar")
        return page

    def page(self, batch: Batch | LandedPage, kind: str, number: int) -> LandedPage:
        """Return the sidecar of a page of a batch (or of the batch of another page).

        Raises:
            LandingCorruptError: It is not what was written there.
        """
        directory = self.directory(batch)
        path = directory / kind / f"page-{number:05d}.json"
        content = _read_record(path, directory)
        _expect(path, directory, content, {**_place_of(directory), "kind": kind, "page": number})
        return _record(LandedPage, content, path, directory)

    def read(self, page: LandedPage) -> pl.DataFrame:
        """Return a page's rows, parsed from the very bytes whose SHA-256 was checked.

        Raises:
            LandingCorruptError: The file is missing, or its SHA-256 is not the sidecar's.
        """
        path = self.root / page.path
        directory = path.parent.parent
        try:
            data = path.read_bytes()
        except FileNotFoundError as error:
            raise _corrupt(path, directory, "is missing") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != page.sha256:
            raise _corrupt(
                path, directory, f"has the SHA-256 {digest[:12]}…, was written as {page.sha256[:12]}…"
            )
        return pl.read_parquet(io.BytesIO(data))

    def close(self, batch: Batch) -> None:
        """Write down that a batch has all of its pages, and how many."""
        directory = self.directory(batch)
        content = {**_place_of(directory), "pages": self.page_numbers(batch)}
        _write(directory / "batch.json", _canonical(content), "close")


def _place_of(directory: Path) -> dict[str, Any]:
    """Return what a file in a batch's directory must say of itself: one moved or swapped is not believed."""
    source, dataset, timeframe, batch_id = directory.parts[-4:]
    return {"source": source, "dataset": dataset, "timeframe": timeframe, "batch_id": batch_id}


def _corrupt(path: Path, directory: Path, what: str) -> LandingCorruptError:
    return LandingCorruptError(
        f"{path} {what}; nothing of it was used. Move the batch's directory {directory} away and run the "
        "ingest again: it asks the source for this batch anew"
    )


def _canonical(content: dict[str, Any]) -> bytes:
    """Return ``content`` as JSON in one spelling only, with its own SHA-256 as ``digest``."""
    content = {
        key: value.isoformat() if isinstance(value, datetime) else value for key, value in content.items()
    }
    body = json.dumps(content, sort_keys=True)
    digest = hashlib.sha256(body.encode()).hexdigest()
    return (json.dumps({**content, "digest": digest}, sort_keys=True, indent=1) + "\n").encode()


def _read_record(path: Path, directory: Path) -> dict[str, Any]:
    """Return a JSON file's content, provided that not one byte of it has changed."""
    data = path.read_bytes()
    try:
        content = json.loads(data)
        content.pop("digest")
        intact = _canonical(content) == data
    except (ValueError, KeyError, AttributeError, TypeError):
        intact = False
    if not intact:
        raise _corrupt(path, directory, "is not what was written (its digest differs)")
    return dict(content)


def _expect(path: Path, directory: Path, content: dict[str, Any], expected: dict[str, Any]) -> None:
    for key, value in expected.items():
        if content.get(key) != value:
            raise _corrupt(
                path,
                directory,
                f"does not belong there ({key} should be {value!r}, was {content.get(key)!r})",
            )


def _record(kind: type[_Record], content: dict[str, Any], path: Path, directory: Path) -> _Record:
    try:
        return kind(**{**content, "known_at": datetime.fromisoformat(content["known_at"])})
    except (TypeError, ValueError, KeyError) as error:
        raise _corrupt(path, directory, f"is no record of this version ({error})") from error


def _make_directory(path: Path) -> None:
    """Create ``path`` and its parents, each durable in its own parent."""
    if path.is_dir():
        return
    _make_directory(path.parent)
    path.mkdir(exist_ok=True)
    fsync_directory(path.parent)


def _write(path: Path, data: bytes, what: str) -> None:
    """Write a file so that it is there whole or not at all, and stays once this returns."""
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as handle:
        handle.write(data)
        failpoint(f"landing.{what}.written")
        handle.flush()
        os.fsync(handle.fileno())
    failpoint(f"landing.{what}.synced")
    partial.replace(path)
    fsync_directory(path.parent)
    failpoint(f"landing.{what}.renamed")
