"""The tab "Points" in a real browser, with the real server."""

import json
import time
import urllib.error
import urllib.request

from playwright.sync_api import expect

from .points_page import Points


def ask(server, source):
    """A frame that no browser asks for: the texts and numbers in it."""
    with urllib.request.urlopen(urllib.request.Request(server.address + source, method="POST"), timeout=20) as answer:
        data = answer.read()
    return json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])


def forgotten(server, source):
    """The status that says so, after at most 30 seconds."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            ask(server, source)
        except urllib.error.HTTPError as error:
            return error.code
        time.sleep(0.2)
    return None


def test_it_trains_at_ten_frames_a_second_and_pauses(points):
    expect(points.page).to_have_title("fastnn playground")
    before = points.number("train")
    points.click("Train")
    points.trained(3)
    rates = []
    for _ in range(5):  # the best of five: other programs may have the cores for a while
        count, began = points.frames(), time.monotonic()
        points.page.wait_for_timeout(1000)
        rates.append((points.frames() - count) / (time.monotonic() - began))
        if rates[-1] >= 30:
            break
    assert max(rates) >= 10, rates
    points.until(lambda: points.number("train") < before / 2)
    points.click("Pause")
    expect(points.page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    points.page.wait_for_timeout(200)  # the frame that was under way
    epoch, frames = points.number("epoch"), points.frames()
    points.page.wait_for_timeout(500)
    assert (points.number("epoch"), points.frames()) == (epoch, frames)
    shown = points.page.locator(".board-count").text_content()
    assert shown.startswith(f"epoch {epoch:,}, step ")


def test_a_slow_server_is_asked_for_one_frame_at_a_time(points):
    points.page.evaluate("""() => {
        const ask = window.fetch;
        let now = 0;
        window.most = 0;
        window.fetch = async (...all) => {
            window.most = Math.max(window.most, ++now);
            await new Promise((resolve) => setTimeout(resolve, 100));
            return ask(...all).finally(() => now--);
        };
    }""")
    points.click("Train")
    for rate in "0.3", "0.1":
        points.choose("Learning rate", rate)  # which asks for a frame, too
    points.trained(5)
    assert points.page.evaluate("window.most") == 1


def test_step_while_it_trains_pauses(points):
    points.click("Train")
    points.trained(2)
    points.click("Step")
    expect(points.page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    points.page.wait_for_timeout(500)
    epoch, steps = points.number("epoch"), points.number("steps")
    points.click("Step")
    points.settled("steps", steps + 1)
    assert points.number("epoch") == epoch


def test_every_request_stays_on_this_machine(points, server):
    points.page.reload()
    expect(points.page.locator(".board")).to_have_attribute("data-drawn", "1")
    points.click("Step")
    points.settled("steps", 1)
    points.page.get_by_role("tab", name="Draw a digit").click()
    points.page.wait_for_timeout(500)
    assert len(points.requests) > 20
    assert {url for url in points.requests if not url.startswith((server.address, "data:", "blob:"))} == set()


def test_step_and_reset(points):
    for steps in 1, 2:
        points.click("Step")
        points.settled("steps", steps)
    assert points.number("epoch") == 0
    weights = points.number("weights[0].data[0]")
    points.click("Reset")
    points.settled("steps", 0)
    assert points.number("weights[0].data[0]") != weights


def test_the_pictures_move(points):
    def pixels():
        canvases = "[...document.querySelectorAll('.board canvas')].map(canvas => canvas.toDataURL())"
        return points.page.evaluate(canvases)

    before = pixels()
    points.click("Train")
    points.trained(30)
    points.click("Pause")
    assert all(a != b for a, b in zip(before, pixels(), strict=True))


def test_two_tabs_at_once(open_page):
    one, other = Points(open_page()), Points(open_page())
    one.click("Train")
    one.trained(5)
    assert other.number("epoch") == 0
    other.data("Circles")
    other.click("Train")
    other.trained(5)
    one.click("Reset")
    one.settled("epoch", 0)
    epoch = other.number("epoch")
    other.until(lambda: other.number("epoch") > epoch)
    assert one.number("epoch") == 0
    assert one.number("points.data[0]") != other.number("points.data[0]")


def test_closing_in_the_middle_ends_the_training_and_frees_the_memory(open_page, start):
    server = start("--port", "18380", patience=8)
    points = Points(open_page(at=server))
    points.click("Train")
    points.trained(5)
    source, epoch = points.source, points.number("epoch")
    points.page.close()
    time.sleep(1)
    assert epoch < ask(server, source)["epoch"] < epoch + 30  # in a second it would have been more
    assert forgotten(server, source) == 404


def test_a_page_that_was_cut_off_keeps_its_network(points):
    points.click("Train")
    points.trained(5)
    points.page.evaluate("""() => {
        const connections = window.socket.io;
        connections.reconnectionDelay(4000);
        connections.randomizationFactor(0);
        connections.engine.close();
    }""")
    popup = points.page.get_by_text("Connection lost")
    expect(popup).to_be_visible()
    expect(popup).to_be_hidden()
    epoch = points.number("epoch")
    points.until(lambda: points.number("epoch") > epoch >= 5)
    points.click("Pause")
    expect(points.page.get_by_role("button", name="Train", exact=True)).to_be_visible()


def test_a_page_may_be_silent_for_twenty_seconds(server):
    """As when the machine is busy; for longer it may be cut off, but comes back to its network."""
    with urllib.request.urlopen(
        f"{server.address}/_nicegui_ws/socket.io/?EIO=4&transport=polling", timeout=20
    ) as answer:
        said = json.loads(answer.read()[1:])  # after the kind of the packet
    assert said["pingTimeout"] >= 20_000


def test_reload_in_the_middle_begins_anew(points):
    points.click("Train")
    points.trained(5)
    points.page.reload()
    expect(points.page.locator(".board")).to_have_attribute("data-drawn", "1")
    assert points.number("epoch") == 0
    expect(points.page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    points.click("Step")
    points.settled("steps", 1)


def test_a_storm_of_clicks(points):
    storm = """async (names) => {
        const buttons = [...document.querySelectorAll(".points-bar button")];
        const name = (button) => button.innerText.trim().split("\\n").at(-1);
        for (let i = 0; i < 100; i++) {
            buttons.find((button) => names.includes(name(button))).click();
            await new Promise((resolve) => setTimeout(resolve));  // each is an event of its own, as of a mouse
        }
    }"""
    points.page.evaluate(storm, ["Step"])
    points.settled("steps", 100)
    points.page.evaluate(storm, ["Train", "Pause"])
    points.page.evaluate(storm, ["Reset"])
    points.settled("steps", 0)
    points.click("Step")
    points.settled("steps", 1)
    points.click("Train")
    points.until(lambda: points.number("epoch") > 3)


def test_huge_networks_are_refused_in_words(points):
    field = points.page.get_by_label("Layer 1: neurons")
    field.fill("5000")
    expect(points.page.get_by_role("alert").first).to_contain_text("from 1 to 16: each is drawn as a picture")
    field.blur()
    expect(field).to_have_value("16")
    field.fill("2.5")
    field.blur()
    expect(field).to_have_value("2")
    field.fill("16")
    points.until(lambda: points.number("neurons[0].shape[0]") == 16)
    more = points.page.get_by_role("button", name="Add a layer")
    more.evaluate("button => { for (let i = 0; i < 4; i++) button.click(); }")  # none is lost
    expect(points.page.get_by_text("6 hidden layers are the most")).to_be_visible()
    expect(field).to_have_value("16")
    for layer in range(2, 7):
        points.page.get_by_label(f"Layer {layer}: neurons").fill("16")
    points.until(lambda: points.number("neurons.length") == 7 and points.number("neurons[5].shape[0]") == 16)
    points.click("Train")
    points.trained(20)
    points.page.get_by_label("Remove layer 6").click()
    points.until(lambda: points.number("neurons.length") == 6)


def test_a_rate_that_explodes_is_said_and_can_be_mended(points):
    points.choose("Activation", "linear")
    points.choose("Learning rate", "100")
    points.click("Train")
    expect(points.message).to_contain_text("the learning rate 100 is too large")
    expect(points.page.get_by_role("button", name="Train", exact=True)).to_be_visible()
    assert "wrong" in points.message.get_attribute("class")
    points.choose("Learning rate", "0.1")
    points.click("Reset")
    expect(points.message).to_have_text("")
    points.click("Train")
    points.until(lambda: points.number("epoch") > 3)


def test_own_points(points):
    points.put((0.5, 0.5))
    expect(points.page.get_by_text("choose “Own” first")).to_be_visible()
    points.data("Own")
    expect(points.message).to_contain_text("click into the plane")
    points.click("Train")
    expect(points.message).to_contain_text("There is nothing to train with.")
    points.put((0.2, 0.2), (0.25, 0.3), (0.3, 0.2))
    expect(points.message).to_contain_text("belong to class 0")
    points.click("■ class 1")
    points.put((0.8, 0.7), (0.75, 0.8), (0.8, 0.8))
    points.until(lambda: points.number("points.shape[0]") == 6)
    expect(points.message).to_have_text("")
    points.click("Train")
    points.until(lambda: points.number("train_accuracy") == 1 and points.number("epoch") > 20)
    assert points.number("surface.data[0]") < 60  # class 0 at the top left
    assert points.number("surface.data[2499]") > 190
    points.put((0.5, 0.9))  # while it trains
    points.until(lambda: points.number("points.shape[0]") == 7)
    points.click("Clear")
    points.until(lambda: points.number("points.shape[0]") == 0)


def test_ctrl_c_with_an_open_page_ends_in_one_word(chromium, start):
    server = start("--port", "18180")
    page = chromium.new_page()
    try:
        page.goto(server.address)
        points = Points(page)
        points.click("Train")
        points.trained(3)
        began = time.monotonic()
        assert server.interrupt(times=3) == 130
        assert time.monotonic() - began < 10
        assert server.lines[-1] == "interrupted\n"
        assert [line for line in server.lines[:-1] if "http" not in line and "compiles" not in line] == []
    finally:
        page.close()
