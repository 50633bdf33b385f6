"""Models and macros rendered as dbt renders them, but at once: a build with other vars costs seconds of parsing."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import jinja2

from flows.dbt import PROJECT_DIR

_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)\(.*?{%-?\s*endmacro\s*-?%}", re.DOTALL)


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


def _ref(model: str) -> str:
    (path,) = PROJECT_DIR.rglob(f"{model}.sql")
    return f'"{path.relative_to(PROJECT_DIR).parts[0]}"."{model}"'


def _callable(environment: jinja2.Environment, source: str, name: str) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return getattr(environment.from_string(source).module, name)(*args, **kwargs)
        except _ReturnedError as returned:
            return returned.value

    return call


def render(text: str, vars_: dict[str, Any]) -> str:
    """Render SQL or a macro's call with the macros of the project.

    Raises:
        RefusedError: What dbt would report as a compilation error.
    """
    environment = jinja2.Environment(extensions=["jinja2.ext.do"], undefined=jinja2.StrictUndefined)
    for path in (PROJECT_DIR / "macros").glob("*.sql"):
        for macro in _MACRO.finditer(path.read_text()):
            environment.globals[macro[1]] = _callable(environment, macro[0], macro[1])
    environment.globals.update(
        {
            "var": vars_.__getitem__,
            "ref": _ref,
            "config": lambda **_: "",
            "return": _return,
            "modules": SimpleNamespace(re=re),
            "exceptions": SimpleNamespace(raise_compiler_error=_refuse),
        }
    )
    return environment.from_string(text).render().strip()


def render_model(model: str, vars_: dict[str, Any]) -> str:
    """Render a model's SQL."""
    (path,) = PROJECT_DIR.rglob(f"{model}.sql")
    return render(path.read_text(), vars_)
