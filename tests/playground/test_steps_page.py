"""The panel "Show the numbers" in a real browser."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from fastnn.playground.session import Session
from fastnn.playground.steps_view import next_step

from .test_steps_html import tables


@pytest.fixture
def panel(open_page):
    """Opens pages with the panel open."""

    def run(**options):
        page = open_page(**options)
        page.get_by_text("Show the numbers").click()
        expect(page.locator(".steps-panel table").first).to_be_visible()
        return page

    return run


def shown(page):
    return tables(page.locator(".steps-panel .numbers").inner_html())


def words(page):
    return page.locator(".steps-panel .words")


def press(page, name, times=1):
    for _ in range(times):
        page.locator(".steps-panel").get_by_role("button", name=name, exact=True).click()


def stage(page, title):
    """Waits until a stage is in view."""
    expect(page.locator(".steps-panel").get_by_role("combobox", name="Stage")).to_have_value(title)


def test_next_walks_through_the_numbers_of_the_engine_and_takes_the_step(panel):
    page, session = panel(), Session()
    for number in (1, 2):
        expect(words(page)).to_contain_text(f"Step {number}, which comes next")
        step = next_step(session)
        assert f"loss {step.loss:.4g}" in words(page).inner_text()
        first = step.layers[0]
        named = {"x": first.x, "W": first.weights[0].before, "z": first.z, "y": first.y}
        for name, values in named.items():
            np.testing.assert_array_equal(shown(page)[name].astype(np.float32), values, err_msg=name)
        for title in ("Forward: layer 2", "Forward: layer 3", "Loss", "Backward: layer 3"):
            press(page, "Next")
            stage(page, title)
        np.testing.assert_array_equal(shown(page)["dz"].astype(np.float32), step.layers[-1].dz)
        press(page, "Next", 3)
        stage(page, "Update: layer 1")
        weight = first.weights[0]
        np.testing.assert_array_equal(shown(page)["new W"].astype(np.float32), weight.after)
        press(page, "Next", 2)
        press(page, "Take this step")
        stage(page, "Forward: layer 1")
        session.step()
    assert page.locator(".board").inner_text().find("step") >= 0
    expect(page.locator(".board")).to_contain_text(re.compile(r"step\s+2"))


def test_a_click_chooses_and_the_example_follows(panel):
    page = panel()
    example = page.locator(".steps-panel .worked")
    expect(example).to_contain_text("sample 1, unit 1")
    page.locator('.steps-panel table[data-name="z"] td[data-at="3,2"]').click()
    expect(example).to_contain_text("sample 4, unit 3")
    expect(page.get_by_role("spinbutton", name="Sample")).to_have_value("4")
    page.get_by_role("spinbutton", name="Unit").fill("2")
    expect(example).to_contain_text("sample 4, unit 2")
    page.get_by_role("spinbutton", name="Unit").fill("99")  # there are only four
    expect(example).to_contain_text("sample 4, unit 4")
    press(page, "Next")
    press(page, "Back")
    expect(example).to_contain_text("sample 4, unit 4")


def test_one_sample_alone(panel):
    page = panel()
    page.get_by_role("spinbutton", name="Sample").fill("3")
    all_of_them = shown(page)["x"]
    page.get_by_role("switch", name="This sample alone").click()
    expect(words(page)).to_contain_text("one sample alone")
    np.testing.assert_array_equal(shown(page)["x"], all_of_them[2:3])


def test_the_numbers_follow_training_and_reset(panel):
    page = panel()
    page.get_by_role("button", name="Train").click()
    expect(words(page)).to_contain_text(re.compile(r"Step \d{2,}"))
    page.get_by_role("button", name="Reset").click()
    expect(words(page)).to_contain_text("Step 1,")


def test_a_storm_of_clicks_and_wrong_messages_leave_the_panel_alive(panel):
    page = panel()
    page.evaluate("""() => {
        const buttons = [...document.querySelectorAll(".steps-panel button")];
        for (let i = 0; i < 100; i++) for (const button of buttons) button.click();
        const cells = [...document.querySelectorAll(".steps-panel td")];
        for (const cell of cells) { cell.dataset.at = "1e9,-1"; cell.click(); cell.dataset.at = "x"; cell.click(); }
    }""")
    page.get_by_role("button", name="Reset").click()
    expect(words(page)).to_contain_text("Step 1,")
    stage(page, "Forward: layer 1")  # of another network
    press(page, "Next")
    stage(page, "Forward: layer 2")


def test_a_rate_that_explodes_is_said(panel):
    page = panel()
    for label, option in (("Activation", "linear"), ("Learning rate", "100")):
        page.get_by_label(label, exact=True).click()
        page.get_by_role("option", name=option, exact=True).click()
    page.get_by_role("button", name="Train", exact=True).click()
    expect(words(page)).to_contain_text("the learning rate 100 is too large", timeout=20_000)
    press(page, "Next", 9)
    press(page, "Take this step")  # which the session refuses
    expect(words(page)).to_contain_text("press Reset")
    page.get_by_role("button", name="Reset", exact=True).click()
    expect(words(page)).to_contain_text("Step 1,")


def test_without_points_the_panel_says_so(panel):
    page = panel()
    page.get_by_role("button", name="Own").click()
    expect(words(page)).to_contain_text("There are no points")


def test_a_phone_has_room_for_the_numbers(panel):
    page = panel(width=390, height=844)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    press(page, "Next", 4)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
