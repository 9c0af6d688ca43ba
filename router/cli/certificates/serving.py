"""``nexa server --https``: the certificate of ``nexa cert``, made or renewed when the server starts."""

from __future__ import annotations

import datetime
import importlib.util
import sys

from router.cli.certificates.errors import CertificateProblem
from router.cli.data_folder import authority_file
from shared.distribution import DISTRIBUTION
from shared.logs.escaping import escaped
from shared.settings.command import CommandOptions
from shared.settings.option import OptionError


def require_cryptography() -> None:
    """Raise :class:`CertificateProblem` if the package that makes certificates is missing."""
    if importlib.util.find_spec("cryptography") is None:
        raise CertificateProblem(
            f"certificates need the Python package cryptography, which {DISTRIBUTION} asks for and this environment "
            "lacks; install it with: pip install cryptography"
        )


def with_certificate(options: CommandOptions) -> CommandOptions:
    """The options, with the files of this machine's certificate if ``https`` asks for it.

    Raises:
        OptionError: it cannot be made, or another certificate is given too.
    """
    if not options.https:
        return options
    if options.ssl_certfile or options.ssl_keyfile:
        raise OptionError("--https: expected no --ssl-certfile and --ssl-keyfile beside it, which say the same in full")
    try:
        require_cryptography()
        # They are loaded only where they are needed: it takes a moment.
        from router.cli.certificates.issuing import TlsFiles, ensure_certificate

        files = TlsFiles(authority_file().parent)
        made = ensure_certificate(files, datetime.datetime.now(datetime.UTC))
    except CertificateProblem as error:
        raise OptionError(f"--https: {error}") from None
    except OSError as error:
        raise OptionError(f"--https: {authority_file().parent}: {error.strerror or error}") from None
    if made.reason:
        print(escaped(f"nexa: made a certificate for {', '.join(made.names)}: {made.reason}"), file=sys.stderr)
    if made.new_authority:
        print(escaped(f"nexa: devices trust it once they have installed {files.authority}"), file=sys.stderr)
    return options.model_copy(update={"ssl_certfile": str(files.certificate), "ssl_keyfile": str(files.key)})
