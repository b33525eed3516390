"""Figs. 3 and 5 of the paper: results of this project beside those of others."""
