"""`python -m mopos` is the command `mopos`."""

from mopos.cli import main

main()
