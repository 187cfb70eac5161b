"""Who may talk to the server: browsers on this machine, from its own page.

A page of another site may send requests to 127.0.0.1, too. The browser then says where that page came from (`Origin`).
A site whose name was made to point to 127.0.0.1 (DNS rebinding) has its own name in `Host`.
"""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

_OWN_NAMES = {"127.0.0.1", "localhost"}


def refusal(headers: list[tuple[bytes, bytes]]) -> str:
    """Why a request with these headers is refused, in words; "" if it is not."""
    hosts = [value.decode("latin-1").lower() for name, value in headers if name.lower() == b"host"]
    origins = [value.decode("latin-1").lower() for name, value in headers if name.lower() == b"origin"]
    if len(hosts) != 1 or hosts[0].rpartition(":")[0 if ":" in hosts[0] else 2] not in _OWN_NAMES:
        return "fastnn play answers only to 127.0.0.1 and localhost"
    if any(origin != f"http://{hosts[0]}" for origin in origins):
        return "fastnn play answers only to its own page"
    return ""


class Guard:
    """An ASGI application that refuses, with status 403, what another one must not see.

    Args:
        app: the application that gets the other requests.
    """

    def __init__(self, app: App):
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse, or pass on."""
        why = refusal(scope["headers"]) if scope["type"] in ("http", "websocket") else ""
        if not why:
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": why})  # before it was accepted: status 403
        else:
            headers = [(b"content-type", b"text/plain; charset=utf-8")]
            await send({"type": "http.response.start", "status": 403, "headers": headers})
            await send({"type": "http.response.body", "body": f"{why}\n".encode()})
