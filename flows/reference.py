"""``docs/configuration.md``: every key a run may set, generated from the config dataclasses."""

from __future__ import annotations

import re
import sys
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import getdoc
from typing import Any

from flows.config import SCHEMAS, RunConfig, choices_of, keys_of
from transforms.paths import PROJECT

TARGET = PROJECT / "docs" / "configuration.md"
_HEAD = """\
# Configuration

Written by `make docs` from the config dataclasses; edit their docstrings, not this page.

A run is one choice of each group (`group=choice`), single values changed by `group.key=value`, and
optionally an `experiment=NAME`. `quantmill --cfg job` prints the composed config; an unknown key, a wrong
type or a value out of range exits 2 and says what is allowed. `conf/<group>/<choice>.yaml` holds each choice.

`default` below is a key's value where the choice's file does not set it; many choices do (`costs=default` sets a
commission and slippage, `source=sample` its symbols and dates). Entries of a map (default `{}`) are added with a plus:
`+costs.half_spread_bps_by_symbol.AAPL=1`.

Top level: `as_of` (UTC moment such as `2024-12-31T23:59:59`): replay what the tables knew then; default now.
"""


def _attributes(node: type) -> dict[str, str]:
    """Return attribute → description from the Google-style docstrings of a dataclass and its bases."""
    found: dict[str, str] = {}
    for kind in reversed(node.__mro__):
        text = getdoc(kind) if kind.__module__ != "builtins" else None
        if not text or "Attributes:" not in text:
            continue
        block = text.split("Attributes:", maxsplit=1)[1]
        for name, words in re.findall(r"^    (\w+): (.*(?:\n      .*)*)", block, flags=re.MULTILINE):
            found[name] = " ".join(words.split())
    return found


def _nested_attributes(node: type) -> dict[str, str]:
    """Return the same of the dataclasses within it, as ``outer.inner``."""
    found: dict[str, str] = {}
    for item in fields(node):
        inner: Any = item.default_factory
        if isinstance(inner, type) and is_dataclass(inner):
            found |= {f"{item.name}.{name}": text for name, text in _attributes(inner).items()}
    return found


def _nested_summaries(node: type) -> str:
    """Return a line for each dataclass within it: what holds of all of its keys.

    A strategy's parameters are what its own line is about already.
    """
    inner: dict[str, Any] = {item.name: item.default_factory for item in fields(node)}
    return "".join(
        f"\n`{name}.*`: {_summary(kind)}\n"
        for name, kind in inner.items()
        if name != "parameters" and isinstance(kind, type) and is_dataclass(kind)
    )


def _summary(node: type) -> str:
    return (getdoc(node) or "").splitlines()[0].replace("``", "`")


def _default(item: Field[object]) -> str:
    if item.default_factory is not MISSING:
        return f"`{item.default_factory()}`"
    if item.default in (MISSING, "???"):
        return "required"
    return "null" if item.default is None else f"`{item.default}`"


def page() -> str:
    """Return the page."""
    parts = [_HEAD]
    order = [item.name for item in fields(RunConfig) if item.name in SCHEMAS]
    for group in order:
        parts.append(f"\n## {group}\n\nChoices: {', '.join(f'`{name}`' for name in choices_of(group))}.\n")
        for name, node in SCHEMAS[group].items():
            words = _attributes(node) | _nested_attributes(node)
            title = f"\n### {group}={name}\n" if len(SCHEMAS[group]) > 1 else ""
            parts.append(f"{title}\n{_summary(node)}\n{_nested_summaries(node)}")
            parts.append("\n| key | default | meaning |\n| --- | --- | --- |\n")
            for key, item in keys_of(node):
                if key == "name":
                    continue
                meaning = words.get(key, "").replace("|", "\\|").replace("``", "`")
                parts.append(f"| `{group}.{key}` | {_default(item)} | {meaning} |\n")
    return "".join(parts)


def main() -> int:
    """Write the page."""
    TARGET.write_text(page())
    return 0


if __name__ == "__main__":
    sys.exit(main())
