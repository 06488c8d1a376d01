"""One run on several devices: each takes some rows of every batch."""
