"""Nothing is loaded that is not what was trained, and there is one champion."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.registry import champion, load_model_set, model_directory, promote
from tests.ml.market import Bench
from transforms.errors import ArtifactError


def flip(path: Path, position: int) -> None:
    data = bytearray(path.read_bytes())
    data[position] ^= 1 << (position % 8)
    path.write_bytes(data)


class Canary:
    """Unpickling it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., object], tuple[Path]]:
        return Path.touch, (self.path,)


def test_a_trained_model_loads_whole(trained: Bench) -> None:
    found = load_model_set(trained.warehouse, trained.home, "m1")
    assert [fold.file for fold in found.folds] == ["fold-000.ubj", "fold-001.ubj", "fold-002.ubj"]
    assert found.config.name == "xgboost"
    assert {path.name for path in trained.home.models.iterdir()} == {"m1"}  # nothing half-done lies about


def test_every_flipped_bit_of_every_file_is_found(bench: Bench) -> None:
    bench.train()
    random = np.random.default_rng(11)
    for path in sorted((bench.home.models / "m1").iterdir()):
        intact = path.read_bytes()
        for position in random.integers(0, len(intact), size=12):
            flip(path, int(position))
            with pytest.raises(ArtifactError, match=rf"{path.name} is not what was trained.*Train again"):
                load_model_set(bench.warehouse, bench.home, "m1")
            path.write_bytes(intact)
    load_model_set(bench.warehouse, bench.home, "m1")


def test_truncated_missing_and_swapped_artifacts_are_refused(bench: Bench) -> None:
    bench.train()
    first, second = (bench.home.models / "m1" / f"fold-00{number}.ubj" for number in (0, 1))
    contents = first.read_bytes(), second.read_bytes()
    first.write_bytes(contents[0][:-1])
    with pytest.raises(ArtifactError, match=r"fold-000\.ubj is not what was trained"):
        load_model_set(bench.warehouse, bench.home, "m1")
    first.write_bytes(contents[1])
    second.write_bytes(contents[0])
    with pytest.raises(ArtifactError, match=r"fold-000\.ubj is not what was trained"):
        load_model_set(bench.warehouse, bench.home, "m1")
    first.unlink()
    with pytest.raises(ArtifactError, match=r"fold-000\.ubj cannot be read .*incomplete"):
        load_model_set(bench.warehouse, bench.home, "m1")


def test_an_extra_file_is_refused(bench: Bench) -> None:
    bench.train()
    (bench.home.models / "m1" / "fold-003.ubj").write_bytes(b"x")
    with pytest.raises(ArtifactError, match=r"fold-003\.ubj is not in the model's manifest"):
        load_model_set(bench.warehouse, bench.home, "m1")


def test_a_pickle_with_a_manifest_to_match_is_refused_and_never_executed(
    bench: Bench, tmp_path: Path
) -> None:
    bench.train()
    data = pickle.dumps(Canary(tmp_path / "executed"))
    directory = bench.home.models / "m1"
    (directory / "fold-000.ubj").write_bytes(data)
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["folds"][0]["sha256"] = hashlib.sha256(data).hexdigest()
    (directory / "manifest.json").write_text(json.dumps(manifest, sort_keys=True, indent=1) + "\n")
    with pytest.raises(ArtifactError, match=r"manifest\.json is not what was trained.*ml\.models says"):
        load_model_set(bench.warehouse, bench.home, "m1")
    assert not (tmp_path / "executed").exists()
    pickle.loads(data)
    assert (tmp_path / "executed").exists()  # the canary can sing


def test_one_models_directory_under_anothers_name_is_refused(bench: Bench) -> None:
    bench.train("m1")
    bench.train("m2")
    shutil.rmtree(bench.home.models / "m2")
    shutil.copytree(bench.home.models / "m1", bench.home.models / "m2")
    with pytest.raises(ArtifactError, match=r"m2/manifest\.json is not what was trained"):
        load_model_set(bench.warehouse, bench.home, "m2")


def test_an_unknown_model_says_to_train(trained: Bench) -> None:
    with pytest.raises(ArtifactError, match=r"ml\.models has no model 'm9'\. Train again"):
        load_model_set(trained.warehouse, trained.home, "m9")


@pytest.mark.parametrize("model_id", ["../m1", "", ".m1", "a/b", "x" * 65])
def test_an_id_that_is_no_directory_name_is_refused(trained: Bench, model_id: str) -> None:
    with pytest.raises(ArtifactError, match="a model id is"):
        model_directory(trained.home, model_id)


def test_promotion_leaves_exactly_one_champion(bench: Bench) -> None:
    bench.train("m1")
    bench.train("m2")
    promote(bench.warehouse, bench.home, "m1")
    promote(bench.warehouse, bench.home, "m2")
    assert champion(bench.warehouse) == "m2"


def test_a_champion_trained_again_stays_champion(bench: Bench) -> None:
    bench.train("m1")
    promote(bench.warehouse, bench.home, "m1")
    bench.train("m1")
    assert champion(bench.warehouse) == "m1"


def test_a_broken_model_is_not_promoted_and_the_champion_stays(bench: Bench) -> None:
    bench.train("m1")
    bench.train("m2")
    promote(bench.warehouse, bench.home, "m1")
    flip(bench.home.models / "m2" / "fold-001.ubj", 40)
    with pytest.raises(ArtifactError, match=r"m2/fold-001\.ubj"):
        promote(bench.warehouse, bench.home, "m2")
    assert champion(bench.warehouse) == "m1"


def test_without_a_champion_the_error_says_what_to_run(trained: Bench) -> None:
    with pytest.raises(ArtifactError, match=r"no champion model .* run quantmill flow=research first"):
        champion(trained.warehouse)


def test_two_champions_are_an_error_that_names_them(bench: Bench) -> None:
    bench.train("m1")
    bench.train("m2")
    bench.warehouse.execute("update ml.models set is_champion = true")
    with pytest.raises(ArtifactError, match="2 champions \\(m1, m2\\)"):
        champion(bench.warehouse)
