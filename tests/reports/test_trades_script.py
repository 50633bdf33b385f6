"""The list of trades in a browser: what its search, its pages, its headings and its download do.

Needs Chromium; the report is opened as it was written, under its own content security policy.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from reports import plots
from reports.report import write_report
from tests.reports import books
from transforms.paths import Home
from transforms.warehouse import Warehouse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

# Does what a reader would and writes down what the page then shows.
DRIVER = """
const the = (name) => document.getElementById(`trade-${name}`);
let saved = null;
Blob = class { constructor(parts) { saved = parts.join(""); } };
URL.createObjectURL = () => "about:blank";
HTMLAnchorElement.prototype.click = function () { saved = [this.download, saved]; };
const set = (name, value, event) => { the(name).value = value; the(name).dispatchEvent(new Event(event)); };
const numbers = () => [...document.querySelectorAll("#trade-rows .more")].map((button) => Number(button.textContent));
const seen = () => ({ count: the("count").textContent, numbers: numbers() });
const told = { first: seen() };
the("next").click();
told.second = { ...seen(), is_last: the("next").disabled };
set("search", "  bbb LONG ", "input");
told.searched = seen();
set("search", "", "input");
set("kind", "loss", "change");
document.querySelector("#trade-table [data-column=pnl]").click();
told.falling = seen();
document.querySelector("#trade-table [data-column=pnl]").click();
told.rising = seen();
the("csv").click();
told.saved = saved;
set("search", "nobody", "input");
told.none = seen();
set("search", "", "input");
document.querySelector("#trade-rows .more").click();
told.story = document.querySelector("#trade-rows .story").textContent;
const out = document.body.appendChild(document.createElement("pre"));
out.id = "told";
out.textContent = JSON.stringify(told);
"""


def trades(warehouse: Warehouse) -> None:
    """Sixty: number 7 of BBB a loss, number 8 of CCC a larger one whose reason a CSV file must quote."""
    books.trades(warehouse, 60)
    for number, symbol, pnl, reason in ((7, "BBB", -5.25, "stop_loss"), (8, "CCC", -80.0, 'a "gap", down')):
        warehouse.execute(
            "update execution.trades set symbol = ?, pnl = ?, exit_reason = ?, closed_at = ? where trade_id = ?",
            [symbol, pnl, reason, books.bar_at(books.SESSIONS[-1]), number],
        )


@pytest.fixture
def told(warehouse: Warehouse, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(plots, "library_script", str)  # nothing is to be drawn: it takes most of the time
    books.equity(warehouse)
    trades(warehouse)
    path = write_report(
        warehouse,
        home,
        run_id=books.RUN,
        book=books.BOOK,
        model_id=None,
        trading_book=None,
        manifest=books.manifest(),
        data_docs=None,
    )
    allowed = base64.b64encode(hashlib.sha256(DRIVER.encode()).digest()).decode()
    page = path.read_text(encoding="utf-8").replace("script-src ", f"script-src 'sha256-{allowed}' ", 1)
    driven = tmp_path / "driven.html"
    driven.write_text(page.replace("</body>", f"<script>{DRIVER}</script></body>"), encoding="utf-8")
    flags = ["--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path}", "--dump-dom"]
    done = subprocess.run(
        [str(CHROMIUM), *flags, driven.as_uri()], capture_output=True, text=True, check=True, timeout=60
    )
    found = re.search(r'<pre id="told">(.*?)</pre>', done.stdout, flags=re.DOTALL)
    assert found, done.stderr
    content: dict[str, Any] = json.loads(html.unescape(found[1]))
    return content


def test_the_list_pages_searches_sorts_tells_and_downloads(told: dict[str, Any]) -> None:
    assert told["first"]["count"] == "1 to 50 of 60"
    assert told["second"] == {
        "count": "51 to 60 of 60",
        "numbers": [10, 9, 6, 5, 4, 3, 2, 1, 8, 7],
        "is_last": True,
    }
    assert told["searched"] == {"count": "1 to 1 of 1 (of 60)", "numbers": [7]}
    assert told["falling"] == {"count": "1 to 2 of 2 (of 60)", "numbers": [7, 8]}
    assert told["rising"]["numbers"] == [8, 7]
    assert told["none"] == {"count": "no trade matches", "numbers": []}
    assert "Ended by" in told["story"]

    name, content = told["saved"]
    rows = list(csv.DictReader(content.splitlines()))
    assert name == f"{books.RUN}-trades.csv"
    assert [(row["trade_id"], row["pnl"], row["exit_reason"]) for row in rows] == [
        ("8", "-80", 'a "gap", down'),
        ("7", "-5.25", "stop_loss"),
    ]
    assert {"decided_on", "entry_order", "exit_note", "mae"} <= set(rows[0])
