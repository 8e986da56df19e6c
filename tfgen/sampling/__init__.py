"""Noise from seeds, and the cached raster-scan sampler of all autoregressive models."""
