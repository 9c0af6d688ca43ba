"""What clients of Ollama look for at ``/`` of its port, to see whether it runs."""

from __future__ import annotations

from fastapi import Request

RUNNING = "Ollama is running"


def is_on_ollama_port(request: Request, ollama_port: int) -> bool:
    """Whether ``request`` came to ``ollama_port``; 0 is none."""
    server = request.scope.get("server")
    return bool(ollama_port) and server is not None and server[1] == ollama_port
