"""The models: what learns from a matrix and gives probabilities."""
