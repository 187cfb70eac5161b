"""The tab "Draw a digit" in a real browser."""

import re
import time

import numpy as np
import pytest
from playwright.sync_api import expect

from fastnn.files import cache_folder
from fastnn.playground.digits import Digits

_PATIENCE = 120_000  # milliseconds for the training, on a busy machine


@pytest.fixture
def tab(open_page):
    """Opens pages at the tab, with its networks trained."""

    def run(**options):
        page = open_page(**options)
        page.get_by_role("tab", name="Draw a digit").click()
        expect(page.get_by_role("progressbar")).to_be_hidden(timeout=_PATIENCE)
        expect(status(page)).to_contain_text("The sheet is empty")
        return page

    return run


def status(page):
    return page.locator(".digits .words")


def draw(page, *points):
    """A stroke through points in a square of side 1."""
    sheet = page.get_by_role("img", name="Sheet to draw a digit on")
    box = sheet.bounding_box()
    at = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in points]
    page.mouse.move(*at[0])
    page.mouse.down()
    for place in at[1:]:
        page.mouse.move(*place, steps=4)
    page.mouse.up()


def drawn(canvas):
    """How many pixels of a canvas differ from its first one."""
    return canvas.evaluate("""(canvas) => {
        const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
        let count = 0;
        for (let i = 4; i < data.length; i += 4)
            if (data[i] !== data[0] || data[i + 3] !== data[3]) count += 1;
        return count;
    }""")


def sent(page):
    """The pixels that the page has sent last."""
    bytes_of_ink = page.evaluate("""() => {
        const small = getElement(Number(document.querySelector(".digits .drawing").id.slice(1))).small;
        const data = small.getContext("2d").getImageData(0, 0, small.width, small.height).data;
        return [...data].filter((_, i) => i % 4 === 0);
    }""")
    return np.array(bytes_of_ink, np.uint8).reshape(112, 112)


def test_a_drawing_is_recognized_while_it_is_drawn_and_cleared(tab):
    page = tab()
    draw(page, (0.5, 0.2), (0.5, 0.8))
    expect(status(page)).to_contain_text("1")
    expect(page.locator(".bars")).to_have_attribute("data-most", "1")
    # The bars are what the networks of this process say of the same pixels.
    digits = Digits(cache_folder("playground"))
    digits.start()
    digits._thread.join()
    expected = 100 * digits.look(sent(page)).probabilities
    shares = [float(found) for found in re.findall(r"width: ([\d.]+)%", page.locator(".bars").inner_html())]
    np.testing.assert_allclose(shares, expected, atol=0.02)

    pictures = [page.get_by_role("img", name=name) for name in ("28 times 28", "autoencoder's picture", "Weights of")]
    for picture in pictures:
        assert drawn(picture) > 20

    page.get_by_role("button", name="Clear").click()
    expect(status(page)).to_contain_text("The sheet is empty")
    expect(page.locator(".bars")).to_have_attribute("data-most", "")
    for picture in pictures:
        assert drawn(picture) == 0


def test_undo_line_width_and_example(tab):
    page = tab()
    sheet = page.get_by_role("img", name="Sheet")
    draw(page, (0.3, 0.25), (0.7, 0.25), (0.45, 0.8))
    expect(page.locator(".bars")).to_have_attribute("data-most", "7")
    one = drawn(sheet)
    page.locator(".digits .q-slider [tabindex]").press("PageUp")  # the widest: 0.15 of the sheet
    draw(page, (0.2, 0.1), (0.2, 0.9))
    assert drawn(sheet) - one > 0.9 * 0.15 * 0.8 * sheet.evaluate("canvas => canvas.width * canvas.height")
    page.get_by_role("button", name="Undo").click()
    assert drawn(sheet) == one
    expect(page.locator(".bars")).to_have_attribute("data-most", "7")
    page.get_by_role("button", name="Undo").click()
    expect(status(page)).to_contain_text("The sheet is empty")
    page.get_by_role("button", name="Undo").click()  # there is nothing more
    assert drawn(sheet) == 0
    page.get_by_role("button", name="Example").click()
    expect(status(page)).to_contain_text("%")
    assert drawn(sheet) > 1000


def test_a_finger_draws_on_a_phone_in_the_dark(tab):
    page = tab(width=390, height=844, has_touch=True, color_scheme="dark")
    page.touchscreen.tap(200, 300)  # a dot
    expect(status(page)).to_contain_text("%")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_all_pictures_are_on_a_narrow_page(tab):
    page = tab(width=320, height=640)
    page.get_by_role("button", name="Example").click()
    expect(status(page)).to_contain_text("%")
    for picture in page.locator(".digits canvas").all():
        box = picture.bounding_box()
        assert 0 <= box["x"] < box["x"] + box["width"] <= 320


def test_two_pages_draw_each_their_own(tab):
    first, second = tab(), tab()
    draw(first, (0.5, 0.2), (0.5, 0.8))
    draw(second, (0.3, 0.25), (0.7, 0.25), (0.45, 0.8))
    expect(first.locator(".bars")).to_have_attribute("data-most", "1")
    expect(second.locator(".bars")).to_have_attribute("data-most", "7")
    first.close()
    second.get_by_role("button", name="Clear").click()
    draw(second, (0.5, 0.2), (0.5, 0.8))
    expect(second.locator(".bars")).to_have_attribute("data-most", "1")


def test_storms_and_wrong_messages_leave_the_page_alive(tab):
    page = tab()
    page.evaluate("""() => {
        const buttons = [...document.querySelectorAll(".digits button")];
        for (let i = 0; i < 100; i++) for (const button of buttons) button.click();
    }""")
    for i in range(5):
        draw(page, (i / 5, 0), (1 - i / 5, 1))
    page.get_by_role("button", name="Clear").click()
    draw(page, (0.5, 0.2), (0.5, 0.8))
    expect(page.locator(".bars")).to_have_attribute("data-most", "1")

    sheet = page.get_by_role("img", name="Sheet")
    for message in ("null", "[]", '{"number": 1, "pixels": "no"}', '{"number": "x", "pixels": [1, 2]}', "'drawn'"):
        sheet.evaluate(f"(canvas) => getElement(Number(canvas.id.slice(1))).$emit('drawn', {message})")
    draw(page, (0.3, 0.2), (0.7, 0.2))  # it still answers
    expect(page.locator(".bars")).to_have_attribute("data-most", "7")


def test_a_page_and_a_server_that_end_while_the_networks_are_trained(start, chromium, tmp_path, monkeypatch):
    """In a cache folder that has all kernels, but no networks."""
    networks = cache_folder("playground")
    own = tmp_path / "cache"
    own.mkdir(mode=0o700)
    for kept in networks.parent.iterdir():
        if kept != networks:
            (own / kept.name).symlink_to(kept)
    monkeypatch.setenv("FASTNN_CACHE_DIR", str(own))
    server = start("--port", "18280")
    for words in ("Two networks are trained", ""):  # the second page finds the training that the first one began
        context = chromium.new_context()
        page = context.new_page()
        page.goto(server.address)
        page.get_by_role("tab", name="Draw a digit").click()
        expect(status(page)).to_contain_text(words)
        draw(page, (0.5, 0.2), (0.5, 0.8))
        assert drawn(page.get_by_role("img", name="Sheet")) > 0
        context.close()
    began = time.monotonic()
    assert server.interrupt() == 130
    assert time.monotonic() - began < 10
    assert "".join(server.lines).endswith("(Ctrl-C ends it)\ninterrupted\n")
