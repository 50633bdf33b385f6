"""An HTML file as a browser would take it."""

from __future__ import annotations

from html.parser import HTMLParser

HOSTILE = "<script>alert('x')</script>\"&"


class Page(HTMLParser):
    """What a browser would make of the file: its text, its references, its scripts, the data they read by id."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.content = content
        self.words: list[str] = []
        self.references: list[str] = []
        self.styles: list[str] = []
        self.scripts: list[str] = []
        self.data: dict[str, str] = {}
        self.ids: list[str] = []
        self.plots: list[str] = []
        self.handlers: list[str] = []
        self.policy = ""
        self._inside = ""
        self._block = ""
        self.feed(content)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self._inside = tag
        if "id" in given:
            self.ids.append(given["id"] or "")
        if given.get("type") == "application/json":
            self._inside, self._block = "data", given["id"] or ""
        self.references += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")
        ]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]
        self.styles += [value or "" for name, value in attrs if name == "style"]
        if given.get("class") == "plot":
            self.plots.append(given["id"] or "")
        if given.get("http-equiv") == "Content-Security-Policy":
            self.policy = given["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
        elif self._inside == "data":
            self.data[self._block] = self.data.get(self._block, "") + data
        elif self._inside == "style":
            self.styles.append(data)
        else:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def outside(self) -> list[str]:
        """References to anything but the page itself."""
        return [link for link in self.references if not link.startswith(("#", "data:"))]
