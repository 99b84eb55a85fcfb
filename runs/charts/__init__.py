"""What does a run, a comparison or a sweep look like? One module a family of figures, one style for all."""
