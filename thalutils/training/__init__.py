"""How ThalNet was trained: label maps of real people, images drawn from them, and the loop that fits."""
