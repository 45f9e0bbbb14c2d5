"""Tools held against what is true: simulated scans of heads whose volumes and losses are known exactly."""
