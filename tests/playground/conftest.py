"""The real server in a process of its own, and a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest

from ..subprocesses import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
_COMMAND = (
    "import runpy, signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); sys.argv[0] = 'fastnn';"
    "runpy.run_module('fastnn', run_name='__main__')"
)


class Server:
    """`fastnn play` on a free port: its address, and what it has printed.

    `patience` are the seconds for which it keeps a page that is gone, where the usual ones are too long for a test.
    """

    def __init__(self, *options, cwd, patience=None):
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        shorter = f"import fastnn.playground.server as server; server._PATIENCE = {patience};" if patience else ""
        command = [sys.executable, "-c", shorter + _COMMAND, "play", "--no-browser", *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        self.process = subprocess.Popen(command, cwd=cwd, env=environment, **pipes)
        self.lines, self.cwd = [], cwd
        self._said = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        assert self._said.wait(120), f"it did not start: {self.lines}"
        assert self.address, f"it ended: {self.lines}"

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            if self.address:
                self._said.set()
        self._said.set()

    @property
    def address(self):
        found = re.search(r"http://127\.0\.0\.1:\d+", "".join(self.lines))
        return found and found[0]

    @property
    def port(self):
        return int(self.address.rpartition(":")[2])

    def interrupt(self, times=1):
        """Ctrl-C, also several times in a hurry; returns the exit status."""
        for _ in range(times):
            self.process.send_signal(signal.SIGINT)
            time.sleep(0.1)
        status = self.process.wait(20)
        self._reader.join(20)
        return status


@pytest.fixture
def start(tmp_path):
    """Starts servers, which end with the test."""
    servers = []

    def run(*options, **more):
        servers.append(Server(*options, cwd=tmp_path, **more))
        return servers[-1]

    yield run
    for server in servers:
        server.process.kill()
        server.process.wait()
        server.process.stdout.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """One server for all tests, which must have printed nothing but its address when they have ended."""
    server = Server("--port", "18080", cwd=tmp_path_factory.mktemp("play"))
    yield server
    status = server.interrupt()
    server.process.stdout.close()
    assert status == 130
    usual = {
        f"port 18080 is in use; taking {server.port}\n",
        f"fastnn playground: {server.address} (Ctrl-C ends it)\n",
        "fastnn compiles the kernels that are needed, once on this machine\n",
        "interrupted\n",
    }
    assert [line for line in server.lines if line not in usual] == []


@pytest.fixture(scope="module")  # while it runs, so does an event loop, and other tests have their own
def chromium():
    """Chromium, without a window."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium, server):
    """Opens pages, each like a browser window of its own, and collects what goes wrong in them."""
    contexts, wrong = [], []

    def run(width=1280, height=800, at=server, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(at.address)
        return page

    yield run
    for context in contexts:
        context.close()
    assert wrong == []


@pytest.fixture
def points(open_page):
    """The tab "Points" of a page."""
    from .points_page import Points

    return Points(open_page())
