"""The playground of `fastnn play`: a page on this machine, where networks are built, trained and looked into.

`server.py` serves the page, which `page.py` builds, only to browsers on this machine (`guard.py`). The tab "Points" is
`points_tab.py`: a `Player` (`player.py`) trains a `Session` (`session.py`) one frame at a time, as fast as the browser
draws them (`board.js`). NiceGUI is not a dependency of fastnn: only `server.py` and what builds pages import it.
"""


def play(port: int = 8080, browser: bool = True) -> None:
    """Serve the playground on this machine until Ctrl-C.

    Args:
        port: the port to listen on; if it is in use, the next free one of the following 20.
        browser: whether to open the page in the browser.

    Raises:
        ImportError: without NiceGUI.
        OSError: if none of these ports is free, or one may not be used.
    """
    try:
        from .server import serve
    except ImportError as error:
        raise ImportError('fastnn play needs NiceGUI: pip install "fastnn-numba[play]"') from error
    serve(port, browser)
