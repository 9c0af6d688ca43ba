"""Connections that come from another address of this machine: each address may send only some wrong keys a minute."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator, Sequence


@contextlib.contextmanager
def forwarded(port: int, sources: Sequence[str]) -> Iterator[list[str]]:
    """URLs that lead to a port of 127.0.0.1, one from each source address, such as 127.0.0.2."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def listen(source: str) -> asyncio.Server:
        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            ahead, back = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
            with contextlib.suppress(ConnectionError):
                await asyncio.gather(_copy(reader, back), _copy(ahead, writer))

        return await asyncio.start_server(forward, "127.0.0.1", 0)

    servers = [asyncio.run_coroutine_threadsafe(listen(source), loop).result() for source in sources]
    try:
        yield [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        for server in servers:
            server.close()
        loop.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()
