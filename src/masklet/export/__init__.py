"""Results out and in: overlays, cut-outs, and the annotation formats of the field."""
