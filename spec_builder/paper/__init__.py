"""What exists because of arXiv:2411.11749: its main results, Figs. 3 and 5, what others found."""
