"""Polyphonic music: predict which of 88 keys sound in the next frame."""

from recurbench.tasks.music.task import Music

__all__ = ["Music"]
