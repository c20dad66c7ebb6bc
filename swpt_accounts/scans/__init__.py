"""The slow sweeps over whole tables."""
