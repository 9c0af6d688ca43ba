"""llama.cpp's own server, from the ``xllamacpp`` wheel.

    python -m scripts.bench.servers.llama_server --model FILE --port N --threads N --context N --slots N

All other options keep their defaults: flash attention and repacking as llama.cpp finds best, a context of its own for
each slot, and ended chats in main memory.
"""

from __future__ import annotations

import argparse
import signal
import sys

import xllamacpp


def main() -> int:
    """Serve until SIGINT or SIGTERM."""
    parser = argparse.ArgumentParser(description="llama.cpp's own server")
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--context", type=int, required=True, help="context of one request in tokens")
    parser.add_argument("--slots", type=int, required=True)
    parser.add_argument("--unified", action="store_true", help="one KV cache for all slots")
    parser.add_argument("--cache-ram", type=int, metavar="MIB", help="main memory for ended chats")
    options = parser.parse_args()
    params = xllamacpp.CommonParams()
    params.model.path = options.model
    params.port = options.port
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = options.threads
    params.n_parallel = options.slots
    params.n_ctx = options.context * options.slots
    params.kv_unified = options.unified
    if options.cache_ram is not None:
        params.cache_ram_mib = options.cache_ram
    server = xllamacpp.Server(params)
    print(f"listening on {server.listening_address}", flush=True)
    signal.sigwait({signal.SIGINT, signal.SIGTERM})
    return 0


if __name__ == "__main__":
    sys.exit(main())
