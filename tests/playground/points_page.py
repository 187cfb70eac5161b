"""The tab "Points" as a user sees it, for tests."""

import time

from playwright.sync_api import expect

SECONDS = 60  # far more than it takes, but kernels may have to be compiled
expect.set_options(timeout=1000 * SECONDS)


class Points:
    """The tab "Points" of a page, as a user sees it."""

    def __init__(self, page):
        self.page = page
        self.requests = []
        page.on("request", lambda request: self.requests.append(request.url))
        expect(page.locator(".board")).to_have_attribute("data-drawn", "1", timeout=3000 * SECONDS)
        self.message = page.locator(".board-message")

    def click(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def choose(self, label, option):
        self.page.get_by_label(label, exact=True).click()
        self.page.get_by_role("option", name=option, exact=True).click()

    def data(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()

    def number(self, name):
        """`epoch`, `steps`, ... as it stands on the page: `name` is the reference in board.js."""
        return self._read(f"board => board?.frame?.{name} ?? null")

    def _read(self, code):
        return self.page.evaluate(f"({code})(getElement(+document.querySelector('.board')?.id.slice(1)))")

    def frames(self):
        return int(self.page.locator(".board").get_attribute("data-drawn"))

    def until(self, condition, seconds=SECONDS):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"not within {seconds} s; message: {self.message.text_content()!r}"
            self.page.wait_for_timeout(50)

    def settled(self, name, value):
        self.until(lambda: self.number(name) == value)

    def trained(self, epochs):
        """At least so many."""
        self.until(lambda: self.number("epoch") >= epochs)

    def put(self, *at):
        """Click into the plane, at fractions of its sides."""
        plane = self.page.locator(".board-plane")
        box = plane.bounding_box()
        for x, y in at:
            plane.click(position={"x": x * box["width"], "y": y * box["height"]})

    @property
    def source(self):
        return self._read("board => board.source")
