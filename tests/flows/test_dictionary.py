"""The data dictionary is what the code makes, and who reads the marts is what the code reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from flows.dictionary import PAGE, parsed, render
from transforms.paths import PROJECT

READ = re.compile(r"\b(staging|marts)\.([a-z_]+)\b")


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return parsed()


def models_of(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    nodes = [
        *manifest["nodes"].values(),
        *(node for nodes in manifest["disabled"].values() for node in nodes),
    ]
    return {node["name"]: node for node in nodes if node["resource_type"] == "model"}


def test_committed_dictionary_is_current(manifest: dict[str, Any]) -> None:
    assert PAGE.read_text(encoding="utf-8") == render(manifest), "run python -m flows.dictionary"


def test_every_model_is_in_it_whether_or_not_the_default_config_builds_it(manifest: dict[str, Any]) -> None:
    page = render(manifest)
    models = models_of(manifest)
    assert {"int_features_core", "int_features_alpha158", "int_labels_triple_barrier"} <= set(models)
    for name, model in models.items():
        section = page.split(f"### {model['schema']}.{name}\n")[1].split("\n##")[0]
        assert ("Built where the config asks for it." in section) is not model["config"]["enabled"], name
        assert all(f"| `{column}` |" in section for column in model["columns"]), name


def test_what_python_writes_is_explained_beside_its_columns(manifest: dict[str, Any]) -> None:
    page = render(manifest)
    for meaning in (
        "shares, signed",
        "when the row reached us, UTC",
        "running \\| done \\| failed \\| killed",
    ):
        assert f"| {meaning} |" in page, meaning


def test_links_to_the_example_queries_lead_somewhere(manifest: dict[str, Any]) -> None:
    queries = (PAGE.parent / "queries.md").read_text(encoding="utf-8")
    anchors = re.findall(r"\(queries\.md#([a-z0-9_-]+)\)", render(manifest))
    titles = [title.lower().replace(" ", "-") for title in re.findall(r"^## (.+)$", queries, re.MULTILINE)]
    assert anchors == [re.sub(r"[^a-z0-9_-]", "", title) for title in titles]
    assert len(anchors) >= 12


def files_of(places: str) -> list[Path]:
    paths = [PROJECT / place for place in places.split()]
    return [
        file
        for path in paths
        for file in ([path] if path.is_file() else path.rglob("*"))
        if file.suffix in (".py", ".sql", ".yaml", ".md")
    ]


def test_exposures_are_what_the_code_reads(manifest: dict[str, Any]) -> None:
    models = models_of(manifest)
    covered: set[str] = set()
    for exposure in manifest["exposures"].values():
        code = exposure["meta"]["code"]
        files = files_of(code)
        assert files, exposure["name"]
        found = {
            (schema, name)
            for file in files
            for schema, name in READ.findall(file.read_text(encoding="utf-8"))
        }
        # Prose such as marts.bars' is one too; what is no model is no relation of dbt's.
        read = {name for schema, name in found if name in models and models[name]["schema"] == schema}
        read = {name for name in read if models[name]["config"]["enabled"]}
        declared = {node.split(".")[-1] for node in exposure["depends_on"]["nodes"]}
        assert declared == read, f"exposure {exposure['name']} against {code}"
        covered |= read
    assert "training_set" in covered
