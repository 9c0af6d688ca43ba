"""The command line: ``python -m scripts.make_images``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts import make_images
from scripts.make_images.ernie import make_ernie
from scripts.make_images.esrgan import make_esrgan
from scripts.make_images.flux import make_flux
from scripts.make_images.headers import make_headers


def main(arguments: list[str] | None = None) -> int:
    """Write the files, and print their paths."""
    parser = argparse.ArgumentParser(
        prog="python -m scripts.make_images", description=(make_images.__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("what", choices=("ernie", "flux", "esrgan", "headers"), help="which files to write")
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="the folder to write them into")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random weights (default 0)")
    options = parser.parse_args(arguments)
    try:
        if options.what == "headers":
            paths = make_headers(options.folder)
        else:
            make = {"ernie": make_ernie, "flux": make_flux, "esrgan": make_esrgan}[options.what]
            paths = list(make(options.folder, options.seed).values())
    except OSError as error:
        print(f"{options.folder}: not written: {error.strerror or error}", file=sys.stderr)
        return 1
    for path in paths:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
