"""Compiled operators over each symbol's bars, which models call like macros: ``{{ ema('adj_close', 12) }}``."""
