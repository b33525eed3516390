"""Figures, readable in print and by colour-blind readers (Okabe-Ito colours)."""
