"""Drawings for the pages: a few shapes in SVG, whose colours `pages/assets/site.css` gives them in either theme.

A drawing is 480 units wide and its text 14 units high, 12 or more in code, so that it can be read on a phone that shows
it in 375 pixels. Fills are "a", "b" and "c", which stand for threads or for what belongs together, "plain" and "none".
"""

from html import escape

WIDTH = 480


class Drawing:
    """Shapes, added one by one."""

    def __init__(self, height: float):
        self.height = height
        self.shapes: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, fill: str = "plain", round: float = 2) -> None:
        """A rectangle."""
        at = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{round:g}"'
        self.shapes.append(f'<rect class="{fill}" {at}/>')

    def text(self, x: float, y: float, text: str, anchor: str = "middle", style: str = "", size: float = 14) -> None:
        """A line of text whose baseline is at y; styles: "soft", "code", "bold"."""
        at = f'x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size:g}"'
        self.shapes.append(f'<text class="{style}" {at}>{escape(text)}</text>')

    def labelled(self, x: float, y: float, width: float, height: float, text: str, fill: str = "plain") -> None:
        """A rectangle with lines of text in its middle."""
        self.box(x, y, width, height, fill, 4)
        lines = text.split("\n")
        for i, line in enumerate(lines):
            self.text(x + width / 2, y + height / 2 + 5 + 17 * (i - (len(lines) - 1) / 2), line)

    def grid(self, x: float, y: float, size: float, fills: list[str]) -> None:
        """Squares in rows, a letter for the fill of each: "." plain, "a", "b", "c", " " nothing."""
        for i, row in enumerate(fills):
            for j, letter in enumerate(row):
                if letter != " ":
                    fill = "plain" if letter == "." else letter
                    self.box(x + j * size, y + i * size, size, size, f"{fill} cell", 0)

    def line(self, *points: tuple[float, float], style: str = "") -> None:
        """A line through points; styles: "dashed"."""
        self.shapes.append(f'<polyline class="{style}" points="{" ".join(f"{x:g},{y:g}" for x, y in points)}"/>')

    def arrow(self, *points: tuple[float, float], style: str = "") -> None:
        """A line with a head at its end, which points along an axis."""
        self.line(*points, style=style)
        (x0, y0), (x, y) = points[-2:]
        dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
        corners = [(x, y), (x - 7 * dx - 4 * dy, y - 7 * dy + 4 * dx), (x - 7 * dx + 4 * dy, y - 7 * dy - 4 * dx)]
        self.shapes.append(f'<polygon class="head" points="{" ".join(f"{a:g},{b:g}" for a, b in corners)}"/>')

    def svg(self, title: str) -> str:
        """The drawing as an element of a page, on one line."""
        view = f'viewBox="0 0 {WIDTH} {self.height:g}"'
        return f'<svg {view} role="img" aria-label="{escape(title)}">{"".join(self.shapes)}</svg>'
