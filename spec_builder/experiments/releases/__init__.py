"""Importers: a collaboration's data release becomes an ordinary experiment folder."""
