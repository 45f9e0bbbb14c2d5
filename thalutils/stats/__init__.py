"""Statistics: tidy tables in, tidy tables out."""
