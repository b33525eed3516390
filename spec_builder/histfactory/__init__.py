"""HistFactory models in pyhf's JSON: modifiers and workspaces."""
