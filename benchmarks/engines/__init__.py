"""Engines that compute the same features from the same bars, each a program of its own process.

They import nothing of the project, so that a peer runs in the environment into which it was installed.
"""
