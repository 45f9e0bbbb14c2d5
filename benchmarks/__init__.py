"""The study's work beside what a user would take instead: same inputs, one thread each, paired runs."""
