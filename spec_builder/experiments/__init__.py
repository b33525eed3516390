"""Experiments as data: a folder with an ``experiment.toml`` and its tables describes one completely."""
