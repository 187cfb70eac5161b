"""What the built site is checked for: links, pictures and anchors that are there, and names that have an entry.

Nothing on a page is loaded from elsewhere, so a page works without a network, and nobody learns who reads it.
"""

import re
import zlib
from collections.abc import Iterable
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_LOADED = {
    ("script", "src"),
    ("img", "src"),
    ("link", "href"),
    ("iframe", "src"),
    ("source", "src"),
    ("object", "data"),
}
_NOT_LOADED = {"canonical", "next", "prev", "alternate"}  # what a <link> may be without being loaded
_OF_STYLES = re.compile(r"url\(\s*['\"]?([^'\")]+)|@import\s+['\"]([^'\"]+)")


class _Page(HTMLParser):
    """The ids of a page, its links, and what it loads."""

    def __init__(self, text: str):
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        if found.get("id"):
            self.ids.add(str(found["id"]))
        if tag == "link" and set(str(found.get("rel")).split()) & _NOT_LOADED:
            return
        for name, value in attributes:
            if value and (tag, name) in _LOADED:
                self.loaded.append(value)
            elif value and (tag, name) == ("a", "href"):
                self.links.append(value)


def pages(site: Path) -> dict[Path, _Page]:
    """The pages of a built site; without that for addresses that are not there, whose links depend on its address."""
    found = (path for path in sorted(site.rglob("*.html")) if path.name != "404.html")
    return {path: _Page(path.read_text(encoding="utf-8")) for path in found}


def broken_links(site: Path) -> list[str]:
    """Links of the site to what it has not, and what its pages and style sheets load from elsewhere."""
    known = pages(site)
    wrong = []
    for path, page in known.items():
        name = path.relative_to(site)
        for link in page.links + page.loaded:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loaded and parts.scheme != "data":
                    wrong.append(f"{name}: loads {link} from elsewhere")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file():
                wrong.append(f"{name}: {link} is not there")
            elif parts.fragment and target in known and unquote(parts.fragment) not in known[target].ids:
                wrong.append(f"{name}: {link} has no such anchor")
    for path in sorted(site.rglob("*.css")):
        for link in ("".join(found) for found in _OF_STYLES.findall(path.read_text(encoding="utf-8"))):
            parts = urlsplit(link)
            if parts.netloc or (not parts.scheme and not (path.parent / unquote(parts.path)).is_file()):
                wrong.append(f"{path.relative_to(site)}: {link} is not there")
    return wrong


def missing_names(site: Path, names: Iterable[str]) -> list[str]:
    """Names that have no entry in the reference, whose inventory is in the format of Sphinx."""
    head, _, body = (site / "objects.inv").read_bytes().partition(b"zlib.\n")
    assert head.startswith(b"# Sphinx inventory version 2")
    entries = {line.split(" ", 1)[0] for line in zlib.decompress(body).decode().splitlines()}
    return [f"{name} is public but not in the reference" for name in names if name not in entries]
