"""``python -m deploy.cli``, for an environment without the ``sentinel`` script."""

from deploy.cli import main

main()
