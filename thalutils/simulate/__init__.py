"""Simulated scans of heads whose truth is known."""
