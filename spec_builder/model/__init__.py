"""The door between physics and statistics: yields, analyses, workspaces and patches."""
