"""What several tasks are made of: batches, files, vocabularies, metrics, baselines."""
