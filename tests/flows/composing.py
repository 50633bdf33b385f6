"""Configs composed as the command line composes them, for tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from flows.config import CONF, register


@contextmanager
def hydra_over_conf() -> Iterator[None]:
    """Let ``compose`` find the project's ``conf/`` and its schemas."""
    register()
    OmegaConf.register_new_resolver("quantmill_home", lambda: "home", replace=True)
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield
