"""Data in: sources, frames, landing, and the warehouse that everything else reads."""
