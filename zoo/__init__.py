"""The zoo's entries, installed as the package `tfgen_zoo`; see README.md beside this file."""
