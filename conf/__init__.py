"""The Hydra configuration; a package so that Hydra finds it as `pkg://conf` in a wheel too."""
