"""`masklet models`: which models have a name, and whether their weights are here."""

from __future__ import annotations


def models() -> None:
    """List the models that have a name, and where their weights are.

    A model of the list is used by its name, `--model sam2.1-hiera-tiny`. Published weights are downloaded once, at
    their first use, if this machine has a network; without one, put the file into the folder that is named below the
    table, or give the path of any checkpoint in place of a name.
    """
    import torch
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from masklet.model.registry import cache_folder, entries
    from masklet.model.sam2 import build

    table = Table(box=None, pad_edge=False)
    table.add_column("name")
    table.add_column("parameters", justify="right")
    table.add_column("image size", justify="right")
    table.add_column("weights")
    for entry in entries():
        with torch.device("meta"):  # shapes only: nothing is allocated
            parameters = sum(p.numel() for p in build(entry.config).parameters())
        if entry.path is None:
            where = "missing from this installation" if entry.bundled else "downloaded at first use"
        else:
            where = "bundled" if entry.bundled else str(entry.path)
        table.add_row(entry.name, f"{parameters / 1e6:.1f} M", str(entry.config.image_size), Text(where))
    console = Console(soft_wrap=True)
    console.print(table)
    console.print(f"\nDownloads are kept in {cache_folder()}", highlight=False, markup=False)
