"""``nexa cert``: a certificate for this machine's names and addresses, from an authority of its own."""

from __future__ import annotations

import argparse
import datetime
from typing import TYPE_CHECKING

from router.cli.certificates.names import may_be_certified
from router.cli.certificates.serving import require_cryptography
from router.cli.data_folder import authority_file
from router.http.certificates.local_authority import AUTHORITY_PATH
from shared.logs.escaping import escaped

if TYPE_CHECKING:
    from router.cli.certificates.issuing import ServerCertificate, TlsFiles


def add_parsers(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand; it sets ``func(args) -> exit code``."""
    parser = subparsers.add_parser(
        "cert",
        help="make a certificate for HTTPS in this network",
        description="Make a certificate for this machine's names and private addresses, signed by an authority that is "
        "made once and stays on this machine. Devices that install the authority's certificate trust the server, "
        "also when it has been renewed. Without need, nothing is changed.",
    )
    parser.add_argument(
        "--name",
        type=_name,
        action="append",
        metavar="NAME",
        help="a further name or address of this machine; repeat for several; they are kept for the next time",
    )
    parser.add_argument(
        "--new-ca", action="store_true", help="make a new authority, which all devices must install again"
    )
    parser.set_defaults(func=_cert)


def _cert(args: argparse.Namespace) -> int:
    require_cryptography()
    from router.cli.certificates.issuing import TlsFiles, ensure_certificate

    files = TlsFiles(authority_file().parent)
    made = ensure_certificate(files, datetime.datetime.now(datetime.UTC), args.name, args.new_ca)
    print(*map(escaped, _report(files, made)), sep="\n")
    return 0


def _report(files: TlsFiles, made: ServerCertificate) -> list[str]:
    done = f"made, because {made.reason}" if made.reason else "nothing to do"
    lines = [
        f"certificate  {files.certificate} ({done})",
        f"for          {', '.join(made.names)}",
        f"until        {made.expires:%Y-%m-%d}; the server renews it when it starts in the last 30 days",
        f"authority    {files.authority}{' (new)' if made.new_authority else ''}",
        f"SHA-256      {made.authority.fingerprint()}",
    ]
    if made.left_out:
        lines.append(
            f"left out     {', '.join(made.left_out)}: the authority may not sign it; --new-ca makes one that may"
        )
    return [
        *lines,
        "",
        "Serve with it:",
        "  nexa server MODEL --host 0.0.0.0 --https",
        "",
        f"Each device must trust the authority once: it downloads {AUTHORITY_PATH} from the server and installs it.",
        "docs/https.md says how, on phones and computers.",
    ]


def _name(text: str) -> str:
    """A name or an address for the certificate."""
    if not may_be_certified(text):
        raise argparse.ArgumentTypeError(f"expected a name such as ai.example.com, or an address, got {text!r}")
    return text
