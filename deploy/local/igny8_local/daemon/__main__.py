"""`python -m igny8_local.daemon`, with a plan on standard input: see `supervisor.py`.

The `__main__` of a package is the one kind of main module that `multiprocessing` does not load in forks.
"""

from igny8_local.supervisor import main

main()
