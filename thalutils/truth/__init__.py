"""Changes of known size, put into simulated and real heads, and what the study's methods make of them."""
