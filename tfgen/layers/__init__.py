"""Layers and networks that the models are made of."""
