"""Arrays on matplotlib axes: one primitive for each thing, in one style, for results, figures and the paper."""
