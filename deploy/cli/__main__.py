"""``python -m deploy.cli``, where the ``sentinel`` script is not installed."""

from deploy.cli import main

main()
