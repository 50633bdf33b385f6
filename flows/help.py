"""``quantmill --help``: what can be chosen. Hydra's own help composes every group twice and takes seconds."""

from __future__ import annotations

import re

from transforms.paths import PROJECT

_TEXT = """\
quantmill: bars → gate → features → model → backtest → orders → report, as one config

Choices (group=choice; * is the default):

{choices}

Change one value with group.key=value; every key is in docs/configuration.md.

  quantmill                           the main job on the sample data
  quantmill flow=trade                decide on the newest session with the champion model
  quantmill -m model.max_depth=3,5    sweep; features are built once
  quantmill experiment=momentum       named changes over the defaults
  quantmill flow=compare run=A,B      lay runs side by side: ids, beginnings of them, latest, books
  quantmill --cfg job                 the composed config (add any override)
  quantmill --hydra-help              Hydra's own flags

Exit codes: 0 done, 1 failed, 2 config wrong, 3 data gate refused, 4 risk gate or kill switch.
State: var/ of the checkout, or QUANTMILL_HOME.
"""


def text() -> str:
    """Return the help, its choices read from ``conf/config.yaml`` and the folders beside it."""
    conf = PROJECT / "conf"
    table = (conf / "config.yaml").read_text().split("defaults:", maxsplit=1)[1]
    lines = []
    for group, default in re.findall(r"^  - (\w+): (\w+)", table, flags=re.MULTILINE):
        names = [path.stem for path in sorted((conf / group).glob("*.yaml"))]
        lines.append(f"  {group:<10} " + ", ".join(f"*{name}" if name == default else name for name in names))
    return _TEXT.format(choices="\n".join(lines))
