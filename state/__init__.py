"""Per-entity state: windows, profiles, their stores and clocks, compiled to machine code."""
