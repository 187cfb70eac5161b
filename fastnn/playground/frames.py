"""The address where a browser gets its next frame."""

import asyncio
import gc
import secrets

from starlette.requests import Request
from starlette.responses import Response

from .player import Player

_players: dict[str, Player] = {}
_collecting: asyncio.TimerHandle | None = None


def source_of(player: Player) -> str:
    """An address for the frames of this player, which nobody can guess; until `forget`."""
    key = secrets.token_urlsafe()
    _players[key] = player
    return f"/frames/{key}"


def forget(source: str) -> None:
    """Nobody will ask there any more: what is under way ends, and soon its memory is free."""
    global _collecting
    _players.pop(source.rpartition("/")[2]).session.close()
    # A page and its controls refer to each other, and Python's collector may be late by hours. It takes a moment, so it
    # runs once for several pages that are closed together.
    if _collecting is not None:
        _collecting.cancel()
    _collecting = asyncio.get_running_loop().call_later(1, gc.collect)


async def answer(request: Request) -> Response:
    """The next frame, computed in another thread; status 404 for a player that was forgotten."""
    player = _players.get(request.path_params["key"])
    if player is None:
        return Response(status_code=404)
    frame = await asyncio.to_thread(player.advance)
    return Response(frame, media_type="application/octet-stream", headers={"Cache-Control": "no-store"})
