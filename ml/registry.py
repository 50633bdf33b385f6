"""Artifacts on disk, their manifest, and the champion.

A model is a directory ``models/<model_id>/`` of fold artifacts and ``manifest.json``. It is written under
another name, synced and renamed in one step: all of it is there, or nothing. The manifest carries the
SHA-256 of each artifact, and ``ml.models`` the manifest's, so nothing is parsed that is not byte for byte
what was trained. No pickle is ever read or written.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ml.config import ModelConfig
from ml.models.base import Model, known_config, open_model
from transforms.errors import ArtifactError, QuantmillError
from transforms.failpoints import failpoint
from transforms.paths import Home
from transforms.warehouse import Warehouse, fsync_directory

MANIFEST = "manifest.json"
FORMAT = 1

_MODEL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_AGAIN = "Train again: quantmill flow=research (or flow=train) with the model's config makes it anew"


def model_directory(home: Home, model_id: str) -> Path:
    """Return where a model's artifacts are.

    Raises:
        ArtifactError: ``model_id`` cannot be a directory's name.
    """
    if _MODEL_ID.fullmatch(model_id) is None:
        raise ArtifactError(f"a model id is letters, digits, - and _ (at most 64), was {model_id!r}")
    return home.models / model_id


class ArtifactWriter:
    """Writes a model's files where nobody looks for them, then puts all in place at once.

    One process writes at a time (the warehouse's lock), so what an earlier one left half-done is removed.
    """

    def __init__(self, home: Home, model_id: str) -> None:
        self._target = model_directory(home, model_id)
        self._building = home.models / f".{model_id}.building"
        self._digests: dict[str, str] = {}
        home.models.mkdir(parents=True, exist_ok=True)
        for leftover in (*home.models.glob(".*.building"), *home.models.glob(".*.replaced")):
            shutil.rmtree(leftover)
        self._building.mkdir()

    def add(self, name: str, data: bytes) -> str:
        """Write a file durably and return its SHA-256."""
        with (self._building / name).open("xb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        self._digests[name] = hashlib.sha256(data).hexdigest()
        return self._digests[name]

    def finish(self, manifest: dict[str, Any]) -> tuple[str, str]:
        """Write the manifest, put the directory in place; return the manifest's text and SHA-256.

        A directory that holds these very bytes already is left as it is; another one is replaced.
        """
        text = json.dumps(manifest, sort_keys=True, indent=1, allow_nan=False) + "\n"
        digest = self.add(MANIFEST, text.encode())
        fsync_directory(self._building)
        failpoint("train.rename")
        if self._is_in_place():
            shutil.rmtree(self._building)
        else:
            replaced = self._target.with_name(f".{self._target.name}.replaced")
            if self._target.is_symlink():
                self._target.unlink()
            elif self._target.exists():
                self._target.rename(replaced)
            self._building.rename(self._target)
            fsync_directory(self._target.parent)
            if replaced.exists():
                shutil.rmtree(replaced)
        failpoint("train.renamed")
        return text, digest

    def _is_in_place(self) -> bool:
        if self._target.is_symlink() or not self._target.is_dir():
            return False
        try:
            return {path.name: _digest(path) for path in self._target.iterdir()} == self._digests
        except OSError:
            return False  # a directory or something unreadable among them


@dataclass(frozen=True)
class FoldArtifact:
    """One fold's model: ``data`` has the SHA-256 of the manifest; it serves from ``test_start`` on."""

    number: int
    file: str
    test_start: date
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class ModelSet:
    """A trained model whose every byte has been checked.

    Attributes:
        model_id: The training's fingerprint.
        config: The model's config, as it was trained.
        features: Columns in the order in which the model takes them.
        folds: Oldest first.
    """

    model_id: str
    config: ModelConfig
    features: tuple[str, ...]
    folds: tuple[FoldArtifact, ...]
    _parsed: dict[tuple[int, int], Model] = field(default_factory=dict, repr=False, compare=False)

    def fold_of(self, session_date: date) -> FoldArtifact:
        """Return the fold whose test window holds the session; the last one serves all later sessions.

        Raises:
            QuantmillError: The session lies before the first test window.
        """
        serving = [fold for fold in self.folds if fold.test_start <= session_date]
        if not serving:
            raise QuantmillError(
                f"model {self.model_id} has no out-of-sample fold for session {session_date}: its first test "
                f"window begins on {self.folds[0].test_start}, and earlier sessions were trained on. Choose "
                "a later session, or train with a smaller split.train_sessions"
            )
        return serving[-1]

    def model(self, fold: FoldArtifact, *, threads: int) -> Model:
        """Return a fold's model, parsed at its first use."""
        key = (fold.number, threads)
        if key not in self._parsed:
            model = open_model(self.config, threads=threads)
            model.load_bytes(fold.data)
            self._parsed[key] = model
        return self._parsed[key]


def load_model_set(warehouse: Warehouse, home: Home, model_id: str) -> ModelSet:
    """Return a trained model after checking every file.

    The manifest's SHA-256 must be that of ``ml.models``, each artifact's that of the manifest, and no file
    may be missing or extra. What is parsed are the very bytes that were checked.

    Raises:
        ArtifactError: Anything is not as it was trained; the message names the file and the way out.
    """
    directory = model_directory(home, model_id)
    expected = warehouse.value("select sha256 from ml.models where model_id = ?", [model_id])
    if expected is None:
        raise ArtifactError(f"ml.models has no model {model_id!r}. {_AGAIN}")
    manifest_path = directory / MANIFEST
    content = _checked(manifest_path, expected, "ml.models")
    manifest: dict[str, Any] = json.loads(content)
    if manifest.get("format") != FORMAT or manifest.get("model_id") != model_id:
        raise ArtifactError(
            f"{manifest_path} is of model {manifest.get('model_id')!r} in format {manifest.get('format')!r}, "
            f"must be of {model_id!r} in format {FORMAT}. {_AGAIN}"
        )
    listed = {MANIFEST, *(fold["file"] for fold in manifest["folds"])}
    extra = sorted({path.name for path in directory.iterdir()} - listed)
    if extra:
        raise ArtifactError(
            f"{directory / extra[0]} is not in the model's manifest, so the directory is not what was "
            f"trained. Remove the file if you put it there. {_AGAIN}"
        )
    folds = tuple(
        FoldArtifact(
            number=fold["fold"],
            file=fold["file"],
            test_start=date.fromisoformat(fold["test_start"]),
            data=_checked(directory / fold["file"], fold["sha256"], MANIFEST),
        )
        for fold in manifest["folds"]
    )
    return ModelSet(
        model_id=model_id,
        config=known_config(manifest["implementation"], manifest["model"]),
        features=tuple(manifest["features"]),
        folds=folds,
    )


def promote(warehouse: Warehouse, home: Home, model_id: str) -> None:
    """Make a model the one champion, the model that trades.

    Raises:
        ArtifactError: The model is unknown, or its artifacts are not what was trained.
    """
    load_model_set(warehouse, home, model_id)
    with warehouse.transaction():
        warehouse.execute("update ml.models set is_champion = (model_id = ?)", [model_id])


def lineage(warehouse: Warehouse, model_id: str) -> dict[str, str]:
    """Return what a model's training came from, as its manifest says (source, dataset, versions)."""
    manifest = warehouse.value("select manifest from ml.models where model_id = ?", [model_id])
    found: dict[str, str] = json.loads(manifest)["lineage"]
    return found


def champion(warehouse: Warehouse) -> str:
    """Return the champion's ``model_id``.

    Raises:
        ArtifactError: There is none, or more than one.
    """
    found = warehouse.read("select model_id from ml.models where is_champion order by model_id")[
        "model_id"
    ].to_list()
    if not found:
        raise ArtifactError("there is no champion model to trade with: run quantmill flow=research first")
    if len(found) > 1:
        raise ArtifactError(
            f"ml.models names {len(found)} champions ({', '.join(found)}), must be one: run quantmill "
            "flow=research, which promotes the model that it trains"
        )
    return str(found[0])


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _checked(path: Path, expected: str, where: str) -> bytes:
    """Return a file's bytes if their SHA-256 is ``expected``, as ``where`` says."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ArtifactError(
            f"{path} cannot be read ({error.strerror}): the model is incomplete. {_AGAIN}"
        ) from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != expected:
        raise ArtifactError(
            f"{path} is not what was trained: its SHA-256 is {digest[:12]}…, {where} says {expected[:12]}…; "
            f"nothing of it was loaded. {_AGAIN}"
        )
    return data
