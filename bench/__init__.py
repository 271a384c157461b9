"""Measurements. The machine is noisy: only ratios within one interleaved run are facts."""
