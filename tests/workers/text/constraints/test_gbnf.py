"""GBNF as llama.cpp's ``grammars/README.md`` describes it."""

from __future__ import annotations

import pytest

from shared.wire.jobs import Constraint, ConstraintKind
from shared.wire.payloads import JobError
from workers.llama.native.vocabulary import LlamaVocabulary
from workers.text.constraints.compiler import GrammarCompiler
from workers.text.constraints.gbnf import GbnfError
from workers.text.constraints.gbnf_to_lark import gbnf_to_lark

CASES: list[tuple[str, list[str], list[str]]] = [
    (r'root ::= "\x41\u00e9\U0001F600"', ["Aé😀"], ["A", "Aé"]),
    (r'root ::= "\n\t\r\\\"\[\]\-"', ['\n\t\r\\"[]-'], ["n"]),
    (r"root ::= [\x41-\x43\u00e9\U0001F600-\U0001F602]+", ["ABC", "é😁"], ["D", "😃"]),
    (r"root ::= [\]\[\-\\]+", ["][-\\"], ["a"]),
    ("root ::= [a-c-]+", ["a-c"], ["d"]),
    ("root ::= [^a-c]+", ["xyz", "\n", "é"], ["b"]),
    (r'root ::= [^"\\]', ["a"], ['"', "\\"]),
    ("root ::= [/^]+", ["^/"], ["a"]),
    ("root ::= . .", ["ab", "\n😀"], ["a", "abc"]),
    ('root ::= "a"*', ["", "aaa"], ["b"]),
    ('root ::= "a"+', ["a", "aaa"], [""]),
    ('root ::= "a"? "b"', ["b", "ab"], ["aab"]),
    ('root ::= "ab"{2}', ["abab"], ["ab", "abb", "ababab"]),
    ('root ::= "a"{2,}', ["aa", "aaaaa"], ["a"]),
    ('root ::= "a"{1,3}', ["a", "aaa"], ["", "aaaa"]),
    ('root ::= "a"{0,2} "b"', ["b", "aab"], ["aaab"]),
    ('root ::= "a"{0} "b"', ["b"], ["ab"]),
    ('root ::= "a"{0,0} "b"', ["b"], ["ab"]),
    ('root ::= ( "a" { 1 , 2 } ) "b"', ["ab", "aab"], ["b"]),
    ('root ::= ("a"*)* "b"', ["b", "aab"], ["a"]),
    ('root ::= ("a"?)+ "b"', ["b", "aab"], ["a"]),
    ('root ::= ("" | "a")* "b"', ["b", "aab"], ["a"]),
    ('root ::= (("a"? "c"?)* | "d"*)+ "b"', ["b", "acaddb"], ["a"]),
    ('root ::= "a"*? "b"', ["b", "aab"], ["a"]),
    ('root ::= | "a"', ["", "a"], ["aa"]),
    ('root ::= "a" | ', ["", "a"], ["aa"]),
    ('root ::= x "b"\nx ::=\n', ["b"], ["a"]),
    ('# first\nroot ::= "a" # then\n\n  # last\nother ::= "c"', ["a"], ["c"]),
    ('root ::= (\n  "a"  # one\n  | "b"\n) "c" |\n  "d"', ["ac", "bc", "d"], ["a"]),
    ('root ::=\r\n  "a" b-2\r\nb-2 ::= "b"\r\n', ["ab"], ["a"]),
    ('x ::= "a"\nroot ::= x "b"', ["ab"], ["a"]),
    (
        'root ::= 1-a_B UPPER fooBar foo-bar\n1-a_B ::= "a"\nUPPER ::= "b"\nfooBar ::= "c"\nfoo-bar ::= "d"',
        ["abcd"],
        ["abc"],
    ),
    ('start ::= "a"\nroot ::= start "b"', ["ab"], ["a"]),
    ('root ::= start\nstart ::= "x" | "y"', ["x", "y"], ["z"]),
    ('root ::= "a" root "b" | ""', ["", "aabb"], ["aab"]),
    ('root ::= root "a" | "b"', ["b", "baa"], ["a"]),
    ('root ::= "(" root ")" | ("x"?)*', ["", "((xx))"], ["(("]),
    ('root ::= [a-z]+ "x"', ["abx", "xx"], ["x", "ab"]),
    (
        'root ::= (sum "\\n")+\nsum ::= num ("+" sum)?\nnum ::= [0-9]+ ws\nws ::= [ \\n]*',
        ["1+2\n", "1 +2\n"],
        ["1+\n", "1"],
    ),
    ('root ::= "a"\nroot ::= "b"', ["b"], ["a"]),
    ('root ::= <|im_start|> "a" <[2]>', ["<|im_start|>a<|im_end|>"], ["a"]),
    (
        "root ::= <|im_start|> !<|im_end|>* <|im_end|>",
        ["<|im_start|>any<|im_end|>"],
        ["<|im_start|><|im_end|><|im_end|>"],
    ),
]


def fits(compiler: GrammarCompiler, vocabulary: LlamaVocabulary, grammar: str, text: str) -> bool:
    constraint = compiler.compile(Constraint(ConstraintKind.GRAMMAR, grammar, "grammar"))
    for token in vocabulary.tokenize(text, add_special=False, parse_special=True):
        if constraint.ended or not constraint.allowed()[token]:
            return False
        constraint.accept(token)
    return constraint.complete


@pytest.mark.parametrize(("grammar", "texts", "others"), CASES, ids=[case[0] for case in CASES])
def test_a_text_fits_or_not(
    grammar: str, texts: list[str], others: list[str], compiler: GrammarCompiler, vocabulary: LlamaVocabulary
) -> None:
    assert [text for text in texts if not fits(compiler, vocabulary, grammar, text)] == []
    assert [text for text in others if fits(compiler, vocabulary, grammar, text)] == []


@pytest.mark.parametrize(
    ("grammar", "message"),
    [
        ('root ::= "a"\nx = "b"', "line 2: expected '::=', got '= \"b\"'"),
        ('root ::= "a" )', "line 1: expected a symbol or the end of the line, got ')'"),
        ('root ::= ("a"\n\n', "line 3: expected ')', got the end of the grammar"),
        ('root ::= "a', "line 1: expected '\"', got the end of the grammar"),
        ("root ::= [a-z", "line 1: expected ']', got the end of the grammar"),
        ("root ::= [z-a]", "line 1: expected a character from 'z' on, got 'a'"),
        ('root ::= "\\q"', r"line 1: expected \t, \r, \n, \\, \", \[, \], \-, \x, \u or \U, got \q"),
        ('root ::= "\\u12g4"', r"line 1: expected 4 hexadecimal digits after \u, got '12g4'"),
        ('root ::= "\\U00110000"', "line 1: expected a code point up to 10FFFF, got 00110000"),
        ('root ::= "a"{2,1}', "line 1: expected at least 2 repetitions, got 1"),
        ('root ::= "a"{9999}', "line 1: expected at most 2000 repetitions, got 9999"),
        ('root ::= "a"{x}', "line 1: expected a number, got 'x}'"),
        ('root ::= "a"\n\nx ::= missing', "line 3: expected a rule that the grammar has, got 'missing'"),
        ('rooot ::= "a"', "expected a rule 'root', got none"),
        ("root ::= <no such token>", "line 1: expected the text of one token, got '<no such token>'"),
        ("root ::= <[x]>", "line 1: expected the number of a token, got 'x]>'"),
        ("root ::= * ", "line 1: expected a symbol or the end of the line, got '* '"),
        ("nonsense (((", "expected Lark or GBNF, got neither: line 1: expected '::=', got '((('"),
    ],
)
def test_an_error_says_where_and_what_was_expected(grammar: str, message: str, compiler: GrammarCompiler) -> None:
    with pytest.raises(JobError) as refused:
        compiler.compile(Constraint(ConstraintKind.GRAMMAR, grammar, "grammar"))
    assert (refused.value.failed.status, refused.value.failed.message) == (400, f"grammar: {message}")


DEEP = "expected groups and repetitions nested less deeply"
CHAIN = "".join(f"r{number} ::= r{number + 1}\n" for number in range(9000))


@pytest.mark.parametrize(
    ("grammar", "error"),
    [
        (f"root ::= {'(' * 50_000}", DEEP),
        (f"root ::= {'(' * 400 + 'x' + ')' * 400}\nx ::=", DEEP),
        (f"root ::= .{'+' * 50_000}", DEEP),
        (f"root ::= .{'{2}' * 50_000}", DEEP),
        (f"root ::= .{{{'9' * 5000}}}", f"line 1: expected at most 2000 repetitions, got {'9' * 18}"),
        (f"root ::= .{{3,{'0' * 5000}2}}", "line 1: expected at least 3 repetitions, got 2"),
        (f"{CHAIN}root ::= r0 {'x ' * 50_000}", "line 9000: expected a rule that the grammar has, got 'r9000'"),
        ("root ::= \v.", "line 1: expected a symbol or the end of the line, got '\\x0b.'"),
    ],
    ids=range(8),
)
def test_a_hostile_grammar_is_refused(grammar: str, error: str) -> None:
    with pytest.raises(GbnfError) as refused:
        gbnf_to_lark(grammar, lambda _: None)
    assert str(refused.value) == error


def test_the_time_for_a_grammar_grows_with_its_length() -> None:
    """Thousands of rules, in a chain or in a cycle; a search for each of them would take minutes."""
    chain = gbnf_to_lark(f"root ::= r0\n{CHAIN}r9000 ::= .", lambda _: None)
    assert chain.count("\nRULE_") == 9002
    cycle = gbnf_to_lark(f"root ::= r0\n{CHAIN}r9000 ::= . r0 | leaf\nleaf ::= .", lambda _: None)
    assert (cycle.count("\nrule_"), cycle.count("\nRULE_")) == (9002, 1)


def test_a_token_beyond_the_vocabulary_is_refused(compiler: GrammarCompiler) -> None:
    with pytest.raises(JobError, match=r"^grammar: ") as refused:
        compiler.compile(Constraint(ConstraintKind.GRAMMAR, "root ::= <[99999999]>", "grammar"))
    assert refused.value.failed.status == 400


def test_lark_with_a_rule_start_is_still_lark(compiler: GrammarCompiler, vocabulary: LlamaVocabulary) -> None:
    assert fits(compiler, vocabulary, 'start: "a" | "b"', "b")
    assert fits(compiler, vocabulary, "%llguidance {}\nstart: /a+/", "aa")
