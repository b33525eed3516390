"""Inference on pyhf workspaces: nothing here knows where a workspace comes from."""
