"""The drawings of "How it works", and the Markdown extension that puts them into pages.

The line `@drawing tile: A caption.` becomes the drawing of the function `tile` below with this caption.
"""

import re
from html import escape
from typing import Any

from markdown import Extension, Markdown
from markdown.preprocessors import Preprocessor

from .drawing import WIDTH, Drawing

LINE = re.compile(r"^@drawing (?P<name>\w+): (?P<caption>.+)$")


def program() -> Drawing:
    """Layers, the table that they are lowered to, and the interpreter that goes through it."""
    d = Drawing(405)
    layers = ["Rescaling\n1/255", "Dense 256\nrelu", "Dense 10\nsoftmax", "loss", "metric"]
    for i, layer in enumerate(layers):
        d.labelled(8 + 94 * i, 8, 88, 46, layer, "a" if i < 3 else "b")
    d.arrow((240, 62), (240, 92))
    d.text(250, 82, "lowered, once", "start", "soft")
    columns = [12, 246, 326, 410]
    for x, head in zip(columns, ["operation", "reads at", "writes at", "weights"], strict=True):
        d.text(x, 112, head, "start", "soft")
    rows = [
        ("labels_to_batch", "", "", ""),
        ("pixels_to_batch", "", "0", ""),
        ("dense", "0", "100,352", "0, 1"),
        ("relu", "100,352", "100,352", ""),
        ("dense", "100,352", "135,168", "2, 3"),
        ("sparse_softmax_cross_entropy", "135,168", "", ""),
        ("sparse_categorical_accuracy", "135,168", "", ""),
    ]
    for i, row in enumerate(rows):
        y = 120 + 28 * i
        d.box(8, y, 464, 28, "b" if i > 4 else "a" if i else "plain", 0)
        for x, cell in zip(columns, row, strict=True):
            d.text(x, y + 19, cell, "start", "code", 12.5)
    d.arrow((240, 324), (240, 352))
    d.text(250, 343, "each row is called by its address", "start", "soft")
    d.labelled(8, 358, 464, 40, "interpreter: down the table forward, up again backward", "c")
    return d


def tile() -> Drawing:
    """A tile of C and the parts of A and B that it needs."""
    d = Drawing(345)
    d.text(325, 16, "B: 3 vectors of columns, 16 numbers each")
    for v in range(3):
        d.box(190 + 90 * v, 26, 84, 96, "plain")
        d.box(190 + 90 * v, 66, 84, 14, "b")
    d.text(184, 78, "row k", "end", "soft")
    d.text(75, 138, "A: 8 rows")
    d.box(20, 148, 130, 160, "plain")
    d.box(70, 148, 14, 160, "a")
    d.text(77, 328, "column k", style="soft")
    for i in range(8):
        for v in range(3):
            d.box(190 + 90 * v, 148 + 20 * i, 84, 20, "c", 0)
    d.text(325, 328, "C: 8 x 3 sums, in 24 registers for all k")
    d.arrow((325, 84), (325, 144))
    d.arrow((86, 228), (184, 228))
    return d


def phases() -> Drawing:
    """The two phases of a step, on two threads."""
    d = Drawing(420)
    d.text(8, 18, "Phase 1: each thread takes rows of the batch", "start", "bold")
    for x, width, name in [(30, 110, "x"), (210, 80, "hidden"), (360, 50, "y")]:
        d.text(x + width / 2, 42, name)
        d.box(x, 50, width, 50, "a")
        d.box(x, 100, width, 50, "b")
    for y in (66, 116):
        d.arrow((144, y), (206, y))
        d.arrow((294, y), (356, y))
        d.arrow((356, y + 20), (294, y + 20), style="dashed")
        d.arrow((206, y + 20), (144, y + 20), style="dashed")
        d.line((410, y), (440, y), (440, y + 20))
        d.arrow((440, y + 20), (414, y + 20), style="dashed")
    d.text(240, 172, "solid: forward; dashed: backward, gradients of the inputs", style="soft")
    d.line((8, 192), (472, 192), style="dashed")
    d.text(240, 211, "all threads wait until phase 1 is done", style="soft")
    d.text(8, 244, "Phase 2: each thread takes rows of the weights", "start", "bold")
    d.text(75, 268, "xᵀ, all samples")
    d.text(205, 268, "dy")
    d.text(375, 268, "W")
    d.box(30, 276, 90, 96, "plain")
    for i in range(4):
        d.box(30, 276 + 24 * i, 90, 24, "ab"[i % 2], 0)
        d.box(330, 276 + 24 * i, 90, 24, "ab"[i % 2], 0)
    d.text(142, 330, "×", size=18)
    d.box(165, 276, 80, 96, "plain")
    d.arrow((255, 324), (322, 324))
    d.text(288, 316, "dW")
    d.text(240, 396, "A few rows of dW, and at once the update of these rows of W:", style="soft")
    d.text(240, 413, "their gradient is still in the cache.", style="soft")
    return d


def chains() -> Drawing:
    """Outputs as chains of multiply-adds, shared in two ways, and what would change their bits."""
    d = Drawing(330)
    d.text(8, 18, "Each output is one chain, in a fixed order", "start", "bold")
    for i, (one, two) in enumerate(["aa", "aa", "ab", "ab"]):
        y = 36 + 30 * i
        for x, fill in ((8, one), (264, two)):
            d.text(x, y + 17, f"y{'₀₁₂₃'[i]}", "start")
            for k in range(4):
                d.box(x + 24 + 48 * k, y, 37, 24, fill)
                d.text(x + 42.5 + 48 * k, y + 16, f"+x{'₀₁₂₃'[k]}w", size=12)
                if k < 3:
                    d.arrow((x + 61 + 48 * k, y + 12), (x + 72 + 48 * k, y + 12))
    d.text(112, 174, "one thread", style="soft")
    d.text(368, 174, "two threads: the same chains", style="soft")
    d.line((8, 192), (472, 192), style="dashed")
    d.text(8, 218, "What is avoided: threads that share one sum", "start", "bold")
    d.labelled(60, 236, 130, 30, "(x₀w + x₁w)", "a")
    d.text(210, 256, "+", size=16)
    d.labelled(230, 236, 130, 30, "(x₂w + x₃w)", "b")
    d.text(60, 290, "is not always  ((x₀w + x₁w) + x₂w) + x₃w", "start")
    d.text(60, 316, "Another order of additions rounds differently.", "start", "soft")
    return d


def zeros() -> Drawing:
    """Bitmaps of eight samples, their union, and the list of the terms that are left."""
    d = Drawing(300)
    rows = [
        "......aaa...............",
        ".....aaaa.......aa......",
        "......aa.......aaaa.....",
        ".......aaa......aa......",
        ".....aaa.......aa.......",
        "......aaaa.....aaa......",
        "......aaa.......aaa.....",
        ".....aaaa......aaa......",
    ]
    d.text(8, 18, "8 samples, a bit for each input: is it not zero?", "start", "bold")
    d.grid(60, 30, 17, rows)
    union = "".join("b" if any(row[k] == "a" for row in rows) else "." for k in range(24))
    d.text(52, 197, "any", "end", "soft")
    d.grid(60, 184, 17, [union])
    left = [k for k in range(24) if union[k] == "b"]
    d.arrow((264, 208), (264, 232))
    d.text(274, 225, f"{len(left)} of 24 terms are left", "start", "soft")
    for i, k in enumerate(left):
        d.box(66 + 36 * i, 240, 36, 26, "c", 0)
        d.text(84 + 36 * i, 258, str(k), style="code")
    d.text(264, 290, "the list over which the tile of these rows sums", style="soft")
    return d


def convolution() -> Drawing:
    """A window of a padded image as three runs, and the row of the product that it is."""
    d = Drawing(345)
    d.text(8, 18, "The image, with a border of zeros", "start", "bold")
    image = ["." * 9] + ["." + " " * 7 + "."] * 7 + ["." * 9]
    d.box(8 + 22, 30 + 22, 7 * 22, 7 * 22, "none")
    window = [[" "] * 9 for _ in range(9)]
    for r in range(3):
        for c in range(3):
            window[2 + r][3 + c] = "abc"[r]
    d.grid(8, 30, 22, image)
    d.grid(8, 30, 22, ["".join(row) for row in window])
    d.text(230, 60, "One output pixel reads a window:", "start")
    for r in range(3):
        d.text(230, 88 + 32 * r, f"run {r}", "start", "soft")
        for c in range(3):
            d.box(280 + 58 * c, 72 + 32 * r, 58, 24, "abc"[r], 0)
            d.text(309 + 58 * c, 89 + 32 * r, "C")
    d.text(230, 190, "A line of the window is contiguous", "start", "soft")
    d.text(230, 207, "in memory: 3 C numbers.", "start", "soft")
    d.line((8, 246), (472, 246), style="dashed")
    d.text(8, 272, "A row of the product", "start", "bold")
    for r in range(3):
        d.box(8 + 72 * r, 284, 72, 26, "abc"[r], 0)
        d.text(44 + 72 * r, 302, f"run {r}")
    d.text(244, 303, "×", size=18)
    d.labelled(264, 280, 110, 34, "w: 9 C rows", "plain")
    d.arrow((380, 297), (406, 297))
    d.labelled(410, 280, 62, 34, "F sums", "plain")
    d.text(8, 334, "Tables say where rows and runs begin. No window is copied.", "start", "soft")
    return d


class _Drawings(Preprocessor):
    def run(self, lines: list[str]) -> list[str]:
        """Replace each line that asks for a drawing."""
        made: list[str] = []
        for line in lines:
            if not (found := LINE.match(line)):
                made.append(line)
                continue
            drawing = globals().get(found["name"])
            if not callable(drawing) or found["name"].startswith("_"):
                raise ValueError(f"docs/drawings.py has no drawing {found['name']}")
            caption = found["caption"]
            style = f"max-width: {WIDTH * 1.3:g}px"
            figure = f'<figure class="drawing" style="{style}">{drawing().svg(caption)}'
            made += [f"{figure}<figcaption>{escape(caption)}</figcaption></figure>"]
        return made


class _Extension(Extension):
    def extendMarkdown(self, md: Markdown) -> None:
        md.preprocessors.register(_Drawings(md), "drawings", 100)  # before raw HTML, which is at 20


def makeExtension(**settings: Any) -> Extension:
    """For Python-Markdown, which looks for this name."""
    return _Extension(**settings)
