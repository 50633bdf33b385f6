"""When: the one Hydra entry point and the Prefect flows."""
