"""The ground that everything stands on: files, tables, grids, arrays, executors, words."""
