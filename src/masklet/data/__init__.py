"""Data sets, clip synthesis and sampling: everything that turns files into training samples."""
