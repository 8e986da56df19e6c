"""The commands, one per file; see `tfgen.cli`."""
