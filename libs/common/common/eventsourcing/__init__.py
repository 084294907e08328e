"""The event sourcing kit: pure deciders, a store with one-round-trip appends, inline projections, rebuild and verify."""
