"""Models and macros rendered as dbt renders them, but at once: a build with other vars costs seconds of parsing."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jinja2

from flows.dbt import PROJECT_DIR

_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)

_FOLDERS = ("staging", "intermediate", "marts")


class RefusedError(Exception):
    """dbt's compiler error."""


class _ReturnedError(Exception):
    """How dbt's ``return`` leaves a macro with a value that is no text."""

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


def _return(value: Any) -> None:
    raise _ReturnedError(value)


def _refuse(message: str) -> None:
    raise RefusedError(message)


def _path(model: str) -> Path:
    (path,) = (path for folder in _FOLDERS for path in (PROJECT_DIR / folder).rglob(f"{model}.sql"))
    return path


def _ref(model: str) -> str:
    path = _path(model)
    return f'"{path.relative_to(PROJECT_DIR).parts[0]}"."{model}"'


@functools.cache
def _macros() -> dict[str, str]:
    """Return name → text of every macro of the project."""
    texts = [path.read_text() for path in (PROJECT_DIR / "macros").glob("*.sql")]
    return {macro[1]: macro[0] for text in texts for macro in _MACRO.finditer(text)}


@functools.cache
def _nodes() -> dict[str, dict[str, str]]:
    """Return the models as dbt's graph has them."""
    files = (path for folder in _FOLDERS for path in (PROJECT_DIR / folder).rglob("*.sql"))
    return {path.stem: {"resource_type": "model", "raw_code": path.read_text()} for path in files}


def _callable(environment: jinja2.Environment, source: str, name: str) -> Callable[..., Any]:
    template: list[jinja2.Template] = []  # compiled once, when first called

    def call(*args: Any, **kwargs: Any) -> Any:
        if not template:
            template.append(environment.from_string(source))
        try:
            return getattr(template[0].module, name)(*args, **kwargs)
        except _ReturnedError as returned:
            return returned.value

    return call


def render(text: str, vars_: dict[str, Any]) -> str:
    """Render SQL or a macro's call with the macros of the project.

    Raises:
        RefusedError: What dbt would report as a compilation error.
    """
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)
    for name, source in _macros().items():
        environment.globals[name] = _callable(environment, source, name)
    environment.globals.update(
        {
            "var": vars_.__getitem__,
            "ref": _ref,
            "config": lambda **_: "",
            "execute": True,
            "graph": SimpleNamespace(nodes=_nodes()),
            "return": _return,
            "modules": SimpleNamespace(re=re),
            "exceptions": SimpleNamespace(raise_compiler_error=_refuse),
        }
    )
    return environment.from_string(text).render().strip()


def text_of(model: str) -> str:
    """Return a model's file as it stands."""
    return _path(model).read_text()


def render_model(model: str, vars_: dict[str, Any]) -> str:
    """Render a model's SQL."""
    return render(text_of(model), vars_)
