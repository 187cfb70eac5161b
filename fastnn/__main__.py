"""`python -m fastnn` is the command `fastnn`."""

from .cli import main

main()
