"""Other packages' interfaces over this one, so that their users need to change an import only."""
