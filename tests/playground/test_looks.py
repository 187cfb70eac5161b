"""How the tab "Points" looks and is reached: by keyboard, by screen readers, on narrow pages, in the dark."""

import pytest
from playwright.sync_api import expect

from .points_page import Points


def test_own_points_by_keyboard(points):
    points.data("Own")
    points.until(lambda: points.number("points.shape[0]") == 0)
    plane = points.page.locator(".board-plane")
    for _ in range(60):  # from the button on: everything can be reached
        points.page.keyboard.press("Tab")
        if plane.evaluate("plane => plane === document.activeElement"):
            break
    for key in ("ArrowLeft", "ArrowLeft", "ArrowUp", "Enter"):
        points.page.keyboard.press(key)
    points.until(lambda: points.number("points.shape[0]") == 1)
    assert points.number("points.data[0]") == pytest.approx(-0.2)
    assert points.number("points.data[1]") == pytest.approx(0.1)


def test_everything_that_can_be_used_has_a_name(points):
    points.choose("Regularization", "l2")
    nameless = points.page.evaluate("""() => [...document.querySelectorAll("button, input, [role=slider], canvas")]
        .filter(element => element.checkVisibility() && !(element.innerText?.trim() || element.ariaLabel
            || element.labels?.[0]?.innerText.trim() || element.getAttribute("aria-hidden")
            || element.matches(".q-slider [type=hidden]")))
        .map(element => element.outerHTML.slice(0, 200))""")
    assert nameless == []


@pytest.mark.parametrize("width", [390, 700, 1280])
def test_nothing_is_wider_than_the_page(open_page, width):
    points = Points(open_page(width, 844))
    assert points.page.evaluate("document.documentElement.scrollWidth") <= width
    box = points.page.locator(".board-plane").bounding_box()
    assert box["x"] >= 0
    assert 250 < box["width"] == pytest.approx(box["height"])
    points.click("Train")
    points.trained(2)


def test_the_buttons_of_training_stay_in_view_on_a_phone(open_page):
    points = Points(open_page(390, 844))
    points.page.mouse.move(200, 400)
    points.page.mouse.wheel(0, 700)
    points.until(lambda: points.page.evaluate("window.scrollY") > 600)
    expect(points.page.get_by_role("button", name="Train", exact=True)).to_be_in_viewport(ratio=1)


def test_what_has_the_focus_of_the_keyboard_is_seen(points):
    style = "getComputedStyle(document.activeElement)"
    for name in ("Points", "Train", "Step", "Reset"):
        points.page.keyboard.press("Tab")
        assert points.page.evaluate("document.activeElement.innerText").endswith(name)
        outline, ring = points.page.evaluate(f"[{style}.outlineStyle, {style}.boxShadow]")
        assert outline == "solid" or "0px 0px 0px 4px" in ring, name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_light_and_dark_as_the_system_has_it(open_page, scheme):
    points = Points(open_page(color_scheme=scheme))
    colours = "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]"
    back, text = (sum(map(int, c[4:-1].split(","))) for c in points.page.evaluate(colours))
    assert (back > text) == (scheme == "light")
    assert abs(back - text) > 400
