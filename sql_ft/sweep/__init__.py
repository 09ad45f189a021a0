"""Comparing settings: the grid, the rows of the comparison, its table and plot."""
