"""Looks at a dataset that nobody has described yet, and writes down what it is."""
