"""Segmentation tools, one file each behind one small protocol, and what is done with their masks."""
