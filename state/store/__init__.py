"""Storage of profiles in keyed state: write-behind store and changelog."""
