"""Learning: splits, models, training, registry. Reads tables, writes tables; never trades."""
