"""The Hydra configuration; a package, so that Hydra finds it as `pkg://recurbench.conf`."""
