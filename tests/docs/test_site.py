"""The site: it builds without a warning, and what is wrong with a page makes the build fail."""

import functools
import re
import shutil
import subprocess
import sys
import threading
import zlib
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from docs import checks, docstrings, public
from docs.command_line import commands, described
from docs.drawings import LINE, chains, convolution, phases, program, tile, zeros
from docs.sources import source

from ..subprocesses import ROOT

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class Silent(SimpleHTTPRequestHandler):
    """Serves files, and prints nothing."""

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of all that the site is built from, in which a test may break something and mend it again."""
    folder = tmp_path_factory.mktemp("tree")
    leave = shutil.ignore_patterns("__pycache__", "site", ".cache", "mnist_data")
    for name in ("docs", "fastnn"):
        shutil.copytree(ROOT / name, folder / name, ignore=leave)
    for name in ("kernels", "examples", "tests", "README.md", "CHANGELOG.md"):
        (folder / name).symlink_to(ROOT / name)
    return folder


def build(tree):
    return subprocess.run([sys.executable, "-m", "docs.build"], cwd=tree, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def site(tree):
    """The site of that copy, without faults."""
    ran = build(tree)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert f"{len(public.every_name())} public names, no faults" in ran.stdout
    built = tree / "docs" / "built"
    (tree / "docs" / "site").rename(built)  # which later builds leave alone
    return built


def test_it_builds_without_a_fault(site):
    layers = (site / "reference" / "layers" / "index.html").read_text()
    assert 'id="fastnn.layers.Layer.get_weights"' in layers
    assert 'id="fastnn.layers.Layer.lower"' not in layers
    assert 'id="fastnn.layers.Dense.get_weights"' not in layers  # but a link to the base
    losses = (site / "reference" / "losses" / "index.html").read_text()
    assert "BY_SAMPLES" not in losses
    assert losses.count("what the sum of the weighted losses is divided by") >= 16  # of the base, in each
    commands = (site / "reference" / "command_line" / "index.html").read_text()
    assert "fastnn lab wide-deep" in commands
    assert "get_weights" in (site / "search.json").read_text()
    assert not (site / "assets" / "katex" / "index.html").exists()  # of a note, which is no page


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium to look with")
def test_a_phone_shows_formulas_and_drawings_without_a_network(site):
    from playwright.sync_api import sync_playwright

    handler = functools.partial(Silent, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        home = f"http://127.0.0.1:{server.server_port}/"
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 390, "height": 844})
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        for path in ("", "inside/tile/", "inside/performance/", "reference/layers/"):
            page.goto(home + path)
            page.wait_for_load_state("networkidle")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            formulas = page.locator(".arithmatex").count()
            assert page.locator(".arithmatex > .katex, .arithmatex > .katex-display").count() == formulas
            if path == "inside/tile/":
                assert formulas >= 4
                assert page.locator("figure.drawing svg").bounding_box()["width"] > 300
        page.goto(home + "guides/keras/")
        names = [page.locator("table code").get_by_text(name, exact=True) for name in ("batch_size", "get_layer")]
        assert [name.evaluate("name => name.getClientRects().length") for name in names] == [1, 1]  # on one line
        colour = "thing => getComputedStyle(thing).color"
        here = page.locator(".md-nav__link--active > .md-ellipsis").first
        assert here.evaluate(colour) == page.locator("article > p").first.evaluate(colour)
        server.shutdown()
        browser.close()
    assert [url for url in asked if not url.startswith((home, "data:"))] == []
    assert said == []


def test_every_kind_of_fault_makes_it_fail(tree):
    changes = {
        "docs/pages/index.md": lambda text: (
            f"{text}\n[a](nowhere.md)\n[b](tutorial.md#nowhere)\n![c](no.png)\n"
            '<a href="/nowhere/">d</a>\n<img src="https://example.org/e.png">\n'
        ),
        "docs/pages/reference/saving.md": lambda text: text.replace("::: fastnn.saving", ""),
        "fastnn/utils.py": lambda text: text.replace("Args:\n", "Args:\n        nothing: is so called.\n", 1),
        "fastnn/schedules.py": lambda text: text.replace("            step: the number of steps before it,", ""),
    }
    for page in ("layers", "losses", "metrics", "optimizers", "sklearn", "plots"):  # which take long
        changes[f"docs/pages/reference/{page}.md"] = lambda text: "# Empty\n"
    kept = {name: (tree / name).read_text() for name in changes}
    for name, change in changes.items():
        assert change(kept[name]) != kept[name]
        (tree / name).write_text(change(kept[name]))
    try:
        ran = build(tree)
    finally:
        for name, text in kept.items():
            (tree / name).write_text(text)
    assert ran.returncode == 1
    for fault in (
        "page does not exist",
        "anchor does not exist",
        "no.png is not there",
        "/nowhere/ is not there",
        "loads https://example.org/e.png from elsewhere",
        "fastnn.saving.load_model is public but not in the reference",
        "Parameter 'nothing' does not appear in the function signature",
        "LearningRateSchedule.__call__: its argument step is not described",
    ):
        assert fault in ran.stderr


def test_a_source_that_is_not_there_is_an_error():
    assert source("kernels/dense.py", "dense_forward").startswith("@jit\ndef dense_forward(")
    with pytest.raises(ValueError, match=r"kernels/dense\.py has no dense_forwards"):
        source("kernels/dense.py", "dense_forwards")


def test_links_and_anchors_of_a_small_site(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "index.html").write_text('<h1 id="here">A</h1> <a href="..">up</a>')
    (tmp_path / "index.html").write_text('<a href="a/#here">A</a> <a href="https://example.org">elsewhere</a>')
    (tmp_path / "style.css").write_text('@font-face{src:url(font.woff2)} a{background:url("data:,")}')
    (tmp_path / "font.woff2").write_text("")
    assert checks.broken_links(tmp_path) == []
    (tmp_path / "a" / "index.html").write_text('<h1 id="there">A</h1> <script src="https://example.org/a.js"></script>')
    (tmp_path / "font.woff2").unlink()
    assert checks.broken_links(tmp_path) == [
        "a/index.html: loads https://example.org/a.js from elsewhere",
        "index.html: a/#here has no such anchor",
        "style.css: font.woff2 is not there",
    ]


def test_names_that_the_inventory_lacks(tmp_path):
    head = b"# Sphinx inventory version 2\n# Project: a\n# Version: 0\n# The rest is compressed with zlib.\n"
    (tmp_path / "objects.inv").write_bytes(head + zlib.compress(b"fastnn.Input py:function 1 a/#$ -\n"))
    wrong = checks.missing_names(tmp_path, ["fastnn.Input", "fastnn.In"])
    assert wrong == ["fastnn.In is public but not in the reference"]


def test_every_public_module_has_a_page():
    assert public.missing_modules() == []
    pages = "".join(path.read_text() for path in (ROOT / "docs" / "pages" / "reference").glob("*.md"))
    assert [module for module in public.MODULES if f"::: {module}\n" not in pages] == []
    assert "fastnn.config.standard_dtype" not in public.every_name()  # plumbing
    assert {"fastnn.Sequential", "fastnn.sklearn.Autoencoder", "fastnn.losses.get"} < set(public.every_name())


def test_no_public_name_is_that_of_a_file_too():
    # The reference would show the file in place of the function.
    assert [name for name in public.every_name() if (ROOT / name.replace(".", "/")).with_suffix(".py").exists()] == []


def test_docstrings_become_pages():
    text = "Sum.\n\nArgs:\n    a, b: numbers,\n        finite.\n    c: `Dense`.\n\n>>> 1 + 1\n2\n\nMore, like `Conv2D`."
    text = docstrings.linked(text, "fastnn.layers.dense.Dense")
    assert docstrings.one_each(docstrings.fenced(text)) == (
        "Sum.\n\nArgs:\n    a: numbers,\n        finite.\n    b: numbers,\n        finite.\n    c: `Dense`.\n\n\n"
        "```pycon\n>>> 1 + 1\n2\n```\n\nMore, like [`Conv2D`][fastnn.layers.Conv2D]."
    )


def test_what_is_returned_has_no_type_of_its_own():
    text = "One.\n\nReturns:\n    An array: numbers.\n"
    assert docstrings.without_type(text) == "One.\n\nReturns:\n    An\n    array: numbers.\n"


def test_the_command_line_is_described_from_itself():
    found = dict(commands())
    assert {"fastnn train", "fastnn convert", "fastnn compile", "fastnn info", "fastnn lab mnist"} <= set(found)
    text = described("fastnn lab mnist", found["fastnn lab mnist"])
    assert "`--epochs" in text
    assert "Passes over the training data. Default: 15." in text
    assert "--help" not in text


@pytest.mark.parametrize("draw", [program, tile, phases, chains, zeros, convolution], ids=lambda draw: draw.__name__)
def test_a_drawing_stays_within_its_edges(draw):
    drawing = draw()
    svg = drawing.svg("a title")
    for x, width in re.findall(r'<rect [^>]*\bx="([\d.]+)"[^>]*\bwidth="([\d.]+)"', svg):
        assert float(x) + float(width) <= 480
    for x, y in re.findall(r"([-\d.]+),([-\d.]+)", svg):
        assert 0 <= float(x) <= 480
        assert 0 <= float(y) <= drawing.height
    assert LINE.match(f"@drawing {draw.__name__}: text")
