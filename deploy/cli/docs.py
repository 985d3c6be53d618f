"""``sentinel docs``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from deploy.console import say
from deploy.docs import pages, site
from deploy.errors import OperationError


def docs(
    write: Annotated[bool, typer.Option("--write", help="Write the reference pages anew from the code.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Fail if a reference page differs from the code.")] = False,
    build: Annotated[bool, typer.Option("--build", help="Build the site, strictly.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Build the site and serve it on 127.0.0.1.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65_535, help="Port to serve on; 0: any that is free.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder of the built site; empty: .run/site.")] = None,
) -> None:
    """Generate, check, build and serve the documentation; several options run in this order.

    Example: sentinel docs --write --serve

    Exit codes: 0 done; 1 a page differs from the code, or the site has a fault such as a dead link.
    """
    if not (write or check or build or serve):
        raise OperationError("choose at least one of --write, --check, --build and --serve")
    if write:
        written = pages.write_pages()
        say("\n".join(f"written: {page}" for page in written) or "every reference page agrees with the code")
    if check:
        found = list(pages.differences())
        if found:
            listed = "\n".join(map(str, found))
            raise OperationError(f"{listed}\nrun `sentinel docs --write` and commit the pages")
    folder = out or site.SITE
    if build or serve:
        site.build(folder)
        say(f"built {folder}")
    if serve:
        site.serve(folder, port, say)
