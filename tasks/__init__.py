"""Benchmark tasks, one file per task; `base.py` holds the contract they share."""
