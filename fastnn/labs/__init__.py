"""The labs: course assignments on neural networks, one script each.

`fastnn lab NAME` runs one, and so does its function `run`. Read them to learn how to use fastnn: each is a script that
uses the public API. What they share (options, the folder of results, loading images) is in `options.py`, `results.py`
and `images.py`. `from_scratch.py` stands apart: a network in plain NumPy, to read and to hand in.
"""

from collections.abc import Callable

from . import autoencoder, backprop, convnet, letters, mnist, wide_deep

# name on the command line: the lab
COMMANDS: dict[str, Callable[..., None]] = {
    "mnist": mnist.run,
    "backprop": backprop.run,
    "wide-deep": wide_deep.run,
    "autoencoder": autoencoder.run,
    "letters": letters.run,
    "convnet": convnet.run,
}

__all__ = ["COMMANDS", "autoencoder", "backprop", "convnet", "letters", "mnist", "wide_deep"]
