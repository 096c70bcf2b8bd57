"""Tensors only: image encoders, memory, prompt encoder, mask decoder, configurations and checkpoints."""
