"""What pages show: figures, tables, viewers and the numbers that prose cites."""
