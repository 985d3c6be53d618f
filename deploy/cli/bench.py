"""``sentinel bench ...``: one file a benchmark, all of them gathered here."""

from __future__ import annotations

import typer

from deploy.bench.experiments import drain, live, micro, peers, scale, soak

app = typer.Typer(help="Measure the whole job on the local stack, under names of its own.", no_args_is_help=True)
app.command()(drain.drain)
app.command()(live.live)
app.command()(peers.peers)
app.command()(scale.scale)
app.command()(soak.soak)
app.command()(micro.features)
app.command()(micro.patterns)
