"""Recurrent cells, one file per cell or close family; `base.py` holds the contract they share."""
