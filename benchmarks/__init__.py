"""Speed and memory, measured side by side with transformers' implementation of the same model."""
