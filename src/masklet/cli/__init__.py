"""The command line: thin commands over the rooms. `masklet.cli.main:main` is the entry point.

Modules that declare commands import nothing heavy at their top, so that `masklet --help` answers at once; what a
command does is imported when it runs.
"""
