"""Who may talk to the server, and where it listens. Raw requests: no browser would send these."""

import errno
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest

from fastnn.playground import guard
from fastnn.playground import server as playground_server

from ..subprocesses import run_python


def headers(**named):
    return [(name.encode(), value.encode()) for name, value in named.items()]


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:9000", "127.0.0.1", "localhost"])
def test_its_own_names_are_answered(host):
    assert guard.refusal(headers(host=host)) == ""
    assert guard.refusal(headers(host=host, origin=f"http://{host}")) == ""


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8080",
        "127.0.0.1.evil.example:8080",
        "localhost.evil.example",
        "0.0.0.0:8080",
        ":8080",
        "192.168.0.7:8080",
        "127.0.0.1:8080:evil",
        "evil.example:localhost",
        "localhost.:8080",
        "[::1]:8080",
    ],
)
def test_other_names_are_refused(host):
    assert "only to 127.0.0.1 and localhost" in guard.refusal(headers(host=host))


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "http://evil.example:8080",
        "https://127.0.0.1:8080",
        "null",
        "http://127.0.0.1",
        "http://127.0.0.1:8888",
        "http://localhost:8080",
        "http://127.0.0.1:8080.evil.example",
        "http://evil@127.0.0.1:8080",
    ],
)
def test_other_pages_are_refused(origin):
    assert "only to its own page" in guard.refusal(headers(host="127.0.0.1:8080", origin=origin))


def test_there_must_be_one_host():
    assert guard.refusal([]) != ""
    assert guard.refusal([*headers(host="127.0.0.1:80"), *headers(host="127.0.0.1:80")]) != ""
    both = [*headers(host="127.0.0.1:80", origin="http://127.0.0.1:80"), *headers(origin="http://evil.example")]
    assert guard.refusal(both) != ""


# ---------------------------------------------------------------------------------------------------------------------
# the server


def raw(port, text):
    """The status line that answers to a request."""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        connection.sendall(text.replace("\n", "\r\n").encode())
        return connection.recv(4096).partition(b"\r\n")[0].decode()  # a socket goes on in bytes that are no text


UPGRADE = (
    "Connection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n"
)
SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"


@pytest.mark.parametrize(
    ("request_line", "more", "expected"),
    [
        pytest.param("GET /", "Host: 127.0.0.1:PORT\n", 200, id="page"),
        pytest.param("GET /", "Host: localhost:PORT\nOrigin: http://localhost:PORT\n", 200, id="localhost"),
        pytest.param("GET /", "Host: evil.example:PORT\n", 403, id="rebound"),
        pytest.param("GET /", "Host: 127.0.0.1:PORT\nOrigin: http://evil.example\n", 403, id="cross-site"),
        pytest.param("POST /frames/x", "Host: 127.0.0.1:PORT\nOrigin: null\nContent-Length: 0\n", 403, id="frame-null"),
        pytest.param("POST /frames/x", "Host: 127.0.0.1:PORT\nContent-Length: 0\n", 404, id="frame-unknown"),
        pytest.param(
            "GET /_nicegui_ws/socket.io/?EIO=4&transport=polling",
            "Host: evil.example:PORT\n",
            403,
            id="polling-rebound",
        ),
        pytest.param(
            f"GET {SOCKET}", f"Host: 127.0.0.1:PORT\nOrigin: http://127.0.0.1:PORT\n{UPGRADE}", 101, id="socket"
        ),
        pytest.param(
            f"GET {SOCKET}",
            f"Host: 127.0.0.1:PORT\nOrigin: http://evil.example\n{UPGRADE}",
            403,
            id="socket-cross-site",
        ),
        pytest.param(
            f"GET {SOCKET}",
            f"Host: 127.0.0.1:PORT\nOrigin: http://localhost:PORT\n{UPGRADE}",
            403,
            id="socket-other-name",
        ),
        pytest.param(
            f"GET {SOCKET}",
            f"Host: evil.example:PORT\nOrigin: http://evil.example:PORT\n{UPGRADE}",
            403,
            id="socket-rebound",
        ),
    ],
)
def test_requests(server, request_line, more, expected):
    text = f"{request_line} HTTP/1.1\n{more}\n".replace("PORT", str(server.port))
    assert raw(server.port, text).startswith(f"HTTP/1.1 {expected} ")


@pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="reads Linux's list of sockets")
def test_it_listens_on_the_loopback_address_only(server):
    with open("/proc/net/tcp") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    listening = {row[1] for row in rows if row[3] == "0A" and row[1].endswith(f":{server.port:04X}")}
    assert listening == {f"0100007F:{server.port:04X}"}


def test_nothing_is_written(server):
    """No secrets, no storage: the folder where it was started stays empty."""
    assert raw(server.port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{server.port}\n\n").endswith("200 OK")
    assert list(server.cwd.iterdir()) == []


def test_a_used_port_takes_the_next_one_and_says_so(start):
    with playground_server.listen(20_080) as taken:
        port = taken.getsockname()[1]
        server = start("--port", str(port))
        assert server.port > port
        assert server.lines[0] == f"port {port} is in use; taking {server.port}\n"
        assert raw(server.port, f"GET / HTTP/1.1\nHost: localhost:{server.port}\n\n").endswith("200 OK")
        assert server.interrupt() == 130
    assert server.lines[-1] == "interrupted\n"
    assert len(server.lines) == 3


def test_it_ends_although_its_browser_runs_in_the_terminal(start, tmp_path, monkeypatch):
    opened = tmp_path / "opened"
    code = f"import os, time; os.close(1); os.close(2); open({str(opened)!r}, 'w').close(); time.sleep(20)"
    monkeypatch.setenv("BROWSER", f"{shlex.quote(sys.executable)} -c {shlex.quote(code)} %s")
    server = start("--port", "20180", "--browser")
    until = time.monotonic() + 60
    while not opened.exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    began = time.monotonic()
    server.process.send_signal(signal.SIGINT)
    assert server.process.wait(60) == 130
    assert time.monotonic() - began < 10


@pytest.mark.skipif(os.name != "posix", reason="another rule on Windows")
def test_a_port_is_free_at_once_after_its_server_has_ended():
    listening = playground_server.listen(22_080)
    port = listening.getsockname()[1]
    with listening, socket.create_connection(("127.0.0.1", port)) as browser:
        served, _ = listening.accept()
        served.close()  # first: this side waits for what may still be on the way
        assert browser.recv(1) == b""
    with playground_server.listen(port) as again:
        assert again.getsockname()[1] == port


def test_no_free_port(monkeypatch):
    with playground_server.listen(21_080) as taken:
        monkeypatch.setattr(playground_server, "_PORTS", 1)
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"ports {port} to {port} are all in use; choose another with --port"):
            playground_server.listen(port)


def test_a_port_that_may_not_be_used(monkeypatch):
    def refuse(self, address):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(socket, "socket", type("Refusing", (socket.socket,), {"bind": refuse}))
    with pytest.raises(OSError, match=r"port 80 cannot be used \(Permission denied\); choose another with --port"):
        playground_server.listen(80)


# ---------------------------------------------------------------------------------------------------------------------
# the command


def test_help():
    text = run_python(["-m", "fastnn", "play", "--help"], COLUMNS="100", TERM="dumb").stdout
    assert "before your eyes" in text
    assert "--no-browser" in text
    assert re.search(r"--port .*8080", text, re.DOTALL)
    assert "extra" in text


@pytest.mark.parametrize("port", ["0", "70000", "x"])
def test_ports_that_are_none(port):
    result = run_python(["-m", "fastnn", "play", "--port", port], check=False)
    assert result.returncode == 2
    assert result.stderr.startswith("error: Invalid value for '--port'")
    assert result.stderr.count("\n") == 1


def test_without_nicegui_it_says_what_to_install():
    code = (
        "import sys; sys.modules['nicegui'] = None; sys.argv = ['fastnn', 'play', '--no-browser'];"
        "from fastnn.cli import main; main()"
    )
    result = run_python(["-c", code], check=False)
    assert result.returncode == 2
    assert result.stderr == 'error: fastnn play needs NiceGUI: pip install "fastnn-numba[play]"\n'


def test_the_command_does_not_load_it_before_it_is_needed():
    code = "import sys, json, fastnn.cli; print(json.dumps([name for name in sys.modules if 'nicegui' in name]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
