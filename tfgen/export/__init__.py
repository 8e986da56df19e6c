"""What leaves the library: SavedModels for TF Serving, entries with their cards, pictures."""
