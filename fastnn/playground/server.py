"""The server of the playground: on the loopback address only, until Ctrl-C."""

import errno
import logging
import os
import signal
import socket
import threading
import warnings
import webbrowser
from types import FrameType

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from . import frames
from . import page as page
from .guard import Guard

_ADDRESS = "127.0.0.1"
_PORTS = 20  # tried one after the other
# Seconds for which a page that is not heard of is kept: a browser on a busy machine, or after a sleep, comes back to
# its network. NiceGUI lets it be silent for four tenths of them before it counts as gone.
_PATIENCE = 60.0
_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#D55E00"/>'
    '<path d="M0 32V7a7 7 0 0 1 7-7h25z" fill="#0072B2"/></svg>'
)


def serve(port: int, browser: bool) -> None:
    """Listen until Ctrl-C; see `fastnn.playground.play`."""
    listening = listen(port)
    found = listening.getsockname()[1]
    if found != port:
        print(f"port {port} is in use; taking {found}")
    address = f"http://{_ADDRESS}:{found}"
    print(f"fastnn playground: {address} (Ctrl-C ends it)", flush=True)
    app = FastAPI(openapi_url=None)
    app.add_route("/frames/{key}", frames.answer, methods=["POST"])
    ui.run_with(
        app,
        title="fastnn playground",
        favicon=_ICON,
        language="en-GB",
        dark=None,  # as the system has it
        tailwind=False,
        gzip_middleware_factory=None,  # nothing is far away
        show_welcome_message=False,
        reconnect_timeout=_PATIENCE,
    )
    logging.getLogger("nicegui").setLevel(logging.ERROR)
    # Sessions find that out themselves, and the page says it.
    warnings.filterwarnings("ignore", "the loss is no longer a finite number", RuntimeWarning)
    config = uvicorn.Config(Guard(app), log_level="error", timeout_graceful_shutdown=1)
    if browser:
        opening = threading.Timer(0.5, webbrowser.open, [address])
        opening.daemon = True  # a browser in the terminal would keep this process
        opening.start()
    _Server(config).run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ctrl-C ends it in one way, which takes a second or two; pressed again meanwhile, it changes nothing."""

    interrupted = False

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        usual = signal.signal(signal.SIGINT, self.handle_exit)  # also while asyncio ends, after uvicorn's own handling
        try:
            super().run(sockets)
        finally:
            signal.signal(signal.SIGINT, usual)
        if self.interrupted:
            raise KeyboardInterrupt

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if sig == signal.SIGINT:
            self.interrupted = self.should_exit = True
        else:
            super().handle_exit(sig, frame)


def listen(port: int) -> socket.socket:
    """A socket that listens on the first free port from `port` on.

    Raises:
        OSError: if none of 20 ports is free, or one may not be used.
    """
    last = min(port + _PORTS, 2**16) - 1
    for candidate in range(port, last + 1):
        listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        if os.name == "posix":  # the port of a server that has just ended is free; Windows would share a used one
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((_ADDRESS, candidate))
            listening.listen()
        except OSError as error:
            listening.close()
            if error.errno != errno.EADDRINUSE:
                raise OSError(
                    f"port {candidate} cannot be used ({error.strerror}); choose another with --port"
                ) from None
        else:
            return listening
    raise OSError(f"ports {port} to {last} are all in use; choose another with --port")
