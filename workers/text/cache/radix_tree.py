"""The radix tree of cached tokens: a node is a run of tokens, a sequence is a path from the root.

The idea of a radix tree over cached prefixes is SGLang's (Zheng et al., 2023, "Efficiently Programming Large Language
Models using SGLang").
"""

from __future__ import annotations

from collections.abc import Sequence as Tokens
from collections.abc import Set
from dataclasses import dataclass, field

from workers.text.cache.prefix import common_prefix
from workers.text.cache.pseudo_tokens import whole_prefix


@dataclass(slots=True, eq=False)
class Node:
    """A run of tokens and the ids of the sequences that hold it. ``children`` are grouped by their first token.

    A root has no tokens; all nodes below it are of sequences of its ``owner``.
    """

    parent: Node | None
    tokens: list[int]
    sequences: set[int] = field(default_factory=set)
    children: dict[int, list[Node]] = field(default_factory=dict)
    owner: str = ""

    def add_child(self, child: Node) -> None:
        self.children.setdefault(child.tokens[0], []).append(child)

    def remove_child(self, child: Node) -> None:
        siblings = self.children[child.tokens[0]]
        siblings.remove(child)
        if not siblings:
            del self.children[child.tokens[0]]


class RadixTree:
    """The tokens of some sequences. ``size`` counts shared tokens once. Only sequences of one owner share tokens."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: dict[str, Node] = {}
        self._tails: dict[int, Node] = {}

    def match(self, tokens: Tokens[int], owner: str = "") -> tuple[int, Node]:
        """The length of the longest prefix of ``tokens`` that an owner has here, and the node in which it ends.

        It never ends within a chunk of a medium.
        """
        root = self._roots.get(owner) or Node(None, [], owner=owner)
        best_length, best = 0, root
        paths = [(0, root)]
        while paths:  # siblings may begin with equal tokens, and the shorter match may lead to the longer path
            depth, node = paths.pop()
            for child in node.children.get(tokens[depth], ()) if depth < len(tokens) else ():
                common = common_prefix(child.tokens, tokens, depth)
                if depth + common > best_length:
                    best_length, best = depth + common, child
                if common == len(child.tokens):
                    paths.append((depth + common, child))
        whole = whole_prefix(tokens, best_length)
        while best.parent is not None and _depth(best.parent) >= whole:
            best = best.parent
        return whole, best

    def longest_within(self, tokens: Tokens[int], owner: str = "") -> tuple[int, Node, int] | None:
        """The longest sequence of an owner that ``tokens`` begin with: its length, its last node and its id.

        One that ends within a chunk of a medium does not count.
        """
        best: tuple[int, Node, int] | None = None
        paths = [(0, self._roots[owner])] if owner in self._roots else []
        while paths:
            depth, node = paths.pop()
            for child in node.children.get(tokens[depth], ()) if depth < len(tokens) else ():
                end = depth + len(child.tokens)
                if end > len(tokens) or common_prefix(child.tokens, tokens, depth) < len(child.tokens):
                    continue
                paths.append((end, child))
                if whole_prefix(tokens, end) < end:
                    continue
                ending = [sequence for sequence in child.sequences if self._tails[sequence] is child]
                if ending and (best is None or end > best[0]):
                    best = end, child, ending[0]
        return best

    def add(self, sequence: int, node: Node, length: int) -> None:
        """Add a sequence that holds the first ``length`` tokens of the path to ``node``, in which they end.

        ``node`` is what :meth:`match` returned just now: it decides whose the sequence is.
        """
        above = _depth(node.parent)
        if length < above + len(node.tokens):
            node = _split(node, length - above)
        self._tails[sequence] = node
        node.sequences.add(sequence)
        while node.parent is not None:
            node = node.parent
            node.sequences.add(sequence)
        self._roots[node.owner] = node

    def extend(self, sequence: int, tokens: Tokens[int]) -> None:
        """Append tokens to a sequence."""
        if not tokens:
            return
        tail = self._tails[sequence]
        if tail.parent is None or tail.children or len(tail.sequences) > 1:
            node = Node(tail, list(tokens), {sequence})
            tail.add_child(node)
            self._tails[sequence] = node
        else:
            tail.tokens.extend(tokens)
        self.size += len(tokens)

    def remove(self, sequence: int) -> None:
        """Remove a sequence and the tokens that no other holds."""
        node = self._tails.pop(sequence)
        node.sequences.discard(sequence)
        while node.parent is not None:
            if not node.sequences:
                self.size -= len(node.tokens)
                node.parent.remove_child(node)
            node = node.parent
            node.sequences.discard(sequence)
        if not node.sequences:
            del self._roots[node.owner]

    def holds_own_tail(self, sequence: int) -> bool:
        """Whether a sequence has tokens, and does not share the last one."""
        tail = self._tails[sequence]
        return tail.parent is not None and len(tail.sequences) == 1

    def holds_all_of(self, sequence: int, other: int) -> bool:
        """Whether a sequence holds all tokens of another one."""
        return sequence in self._tails[other].sequences

    def own_size(self, sequence: int) -> int:
        """The number of a sequence's tokens that no other holds."""
        size, node = 0, self._tails[sequence]
        while node.parent is not None and len(node.sequences) == 1:
            size += len(node.tokens)
            node = node.parent
        return size

    def length_of(self, sequence: int) -> int:
        """The number of a sequence's tokens."""
        return _depth(self._tails[sequence])

    def cut(self, sequence: int, tokens: int) -> int:
        """Remove the last ``tokens`` of a sequence, fewer than those that no other holds; returns its new length."""
        node = self._tails[sequence]
        left = tokens
        while left >= len(node.tokens):
            parent = node.parent
            assert parent is not None
            left -= len(node.tokens)
            parent.remove_child(node)
            node = parent
        assert node.sequences == {sequence}
        del node.tokens[len(node.tokens) - left :]
        self._tails[sequence] = node
        self.size -= tokens
        return _depth(node)

    def size_without(self, sequences: Set[int]) -> int:
        """The tree's size if ``sequences`` were removed."""
        return sum(_size_without(root, sequences) for root in self._roots.values())

    def held_beside(self, tokens: Tokens[int], sequences: Set[int], owner: str = "") -> int:
        """How many of the first ``tokens`` are held by another sequence of an owner than ``sequences``."""
        length, node = self.match(tokens, owner)
        while node.parent is not None and node.sequences <= sequences:
            node = node.parent
        return min(length, _depth(node))

    def owner_of(self, sequence: int) -> str:
        """Whose a sequence is."""
        node = self._tails[sequence]
        while node.parent is not None:
            node = node.parent
        return node.owner

    def tokens_of(self, sequence: int) -> list[int]:
        """All tokens of a sequence."""
        runs, node = [], self._tails[sequence]
        while node.parent is not None:
            runs.append(node.tokens)
            node = node.parent
        return [token for run in reversed(runs) for token in run]


def _split(node: Node, at: int) -> Node:
    """Cut a node in two and return the upper part. The lower part stays the same object, so ``_tails`` stay valid."""
    parent = node.parent
    assert parent is not None
    parent.remove_child(node)
    upper = Node(parent, node.tokens[:at], set(node.sequences))
    parent.add_child(upper)
    node.parent, node.tokens = upper, node.tokens[at:]
    upper.add_child(node)
    return upper


def _size_without(node: Node, sequences: Set[int]) -> int:
    if node.parent is not None and node.sequences <= sequences:
        return 0
    children = [child for siblings in node.children.values() for child in siblings]
    return len(node.tokens) + sum(_size_without(child, sequences) for child in children)


def _depth(node: Node | None) -> int:
    depth = 0
    while node is not None:
        depth += len(node.tokens)
        node = node.parent
    return depth
