"""``python -m decouplednet``: the command line."""

from decouplednet.cli.app import main

main()
