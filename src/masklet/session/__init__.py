"""The engine: image predictor, streaming video session, memory bank, everything-mode."""
