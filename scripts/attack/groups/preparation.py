"""Requests that take long, or end the process, before their first token: grammars, schemas, chat templates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.attack.registry import attack
from scripts.attack.target import Target, post_all

TEXT = ("smollm2", "--slots", "8")
SLOW_TEMPLATE = Path(__file__).with_name("slow.jinja")
COMPLETIONS = "/v1/completions"


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"prompt": "a", "max_tokens": 20, "json_schema": schema}


def _grammar(grammar: str) -> dict[str, Any]:
    return {"prompt": "a", "max_tokens": 20, "grammar": grammar}


@attack("deep-grammars", "25 grammars of 9,000 rules, each naming the next", TEXT)
async def deep_grammars(target: Target) -> str:
    def chain(end: int) -> str:
        rules = "\n".join(f"r{number}: r{number + 1} | r{number + 1} r{number + 1}" for number in range(9000))
        return f'start: r0\n{rules}\nr9000: "{end}"'

    return await post_all(target, COMPLETIONS, [_grammar(chain(end)) for end in range(25)])


@attack("reference-chains", "25 schemas in which 4,000 $refs follow each other", TEXT)
async def reference_chains(target: Target) -> str:
    def chain(end: int) -> dict[str, Any]:
        definitions: dict[str, Any] = {str(n): {"$ref": f"#/$defs/{n + 1}"} for n in range(4000)}
        return {"$ref": "#/$defs/0", "$defs": {**definitions, "4000": {"const": end}}}

    return await post_all(target, COMPLETIONS, [_schema(chain(end)) for end in range(25)])


@attack("all-patterns", "16 schemas with allOf of 30 patterns", TEXT)
async def all_patterns(target: Target) -> str:
    def patterns(start: int) -> dict[str, Any]:
        parts = [{"pattern": f"(a|b){{{start}}}(c|d){{{number}}}e"} for number in range(30)]
        return {"type": "string", "allOf": parts}

    return await post_all(target, COMPLETIONS, [_schema(patterns(start)) for start in range(16)])


@attack("multiples", "8 schemas with multipleOf of a large prime", TEXT)
async def multiples(target: Target) -> str:
    primes = (1000003, 1000033, 1000037, 1000039, 1000081, 1000099, 1000117, 1000121)
    return await post_all(target, COMPLETIONS, [_schema({"type": "integer", "multipleOf": prime}) for prime in primes])


@attack("optional-items", "8 grammars of 9,000 and 20,000 optional items", TEXT)
async def optional_items(target: Target) -> str:
    sizes = (20_000, 9000, 8000, 7000, 6000, 5000, 4000, 3000)
    return await post_all(target, COMPLETIONS, [_grammar("start: " + '"a"? ' * size) for size in sizes])


@attack("wide-schemas", "long enums, lists, texts and numbers of properties", TEXT)
async def wide_schemas(target: Target) -> str:
    schemas: list[dict[str, Any]] = [
        {"enum": [f"value {number}" for number in range(20_000)]},
        {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 100_000, "maxItems": 1_000_000},
        {"type": "string", "minLength": 100_000_000},
        {"type": "object", "properties": {f"p{number}": {"type": "string"} for number in range(2000)}},
        {
            "anyOf": [
                {"type": "string", "pattern": f"^({'|'.join('ab' * n for n in range(1, k))})*$"} for k in range(60)
            ]
        },
    ]
    return await post_all(target, COMPLETIONS, [_schema(schema) for schema in schemas])


@attack("slow-template", "16 chats that take hours to render", (*TEXT, "--chat-template", str(SLOW_TEMPLATE)))
async def slow_template(target: Target) -> str:
    chat = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 1, "chat_template_kwargs": {"loops": 99999}}
    return await post_all(target, "/v1/chat/completions", [chat] * 16)
