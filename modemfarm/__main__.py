"""`python -m modemfarm` is the modemfarm command."""

from modemfarm.cli.main import main

main()
