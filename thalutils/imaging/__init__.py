"""Images: quantitative maps, brain masks, registration, masks and their quality."""
