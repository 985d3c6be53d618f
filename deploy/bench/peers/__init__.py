"""Measure Stream Sentinel and the peers of ``apps.peers`` one after another, in the same way, on the local stack."""
