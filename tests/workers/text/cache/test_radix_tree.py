from __future__ import annotations

from workers.text.cache.radix_tree import RadixTree


def tree_of(*sequences: list[int]) -> RadixTree:
    """A tree in which each sequence shares the longest prefix of those before it; ids count from 0."""
    tree = RadixTree()
    for sequence, tokens in enumerate(sequences):
        length, node = tree.match(tokens)
        tree.add(sequence, node, length)
        tree.extend(sequence, tokens[length:])
    return tree


def test_shared_tokens_are_counted_once() -> None:
    tree = tree_of([1, 2, 3], [1, 2, 4, 5], [1, 2])
    assert tree.size == 5
    assert [tree.tokens_of(sequence) for sequence in range(3)] == [[1, 2, 3], [1, 2, 4, 5], [1, 2]]
    assert [tree.own_size(sequence) for sequence in range(3)] == [1, 2, 0]
    assert [tree.holds_own_tail(sequence) for sequence in range(3)] == [True, True, False]


def test_the_size_without_some_sequences_is_that_after_removing_them() -> None:
    tree = tree_of([1, 2, 3], [1, 2, 4, 5], [1, 2], [7])
    for removed in ({0}, {1, 2}, {0, 1, 2, 3}):
        smaller = tree_of([1, 2, 3], [1, 2, 4, 5], [1, 2], [7])
        for sequence in removed:
            smaller.remove(sequence)
        assert tree.size_without(removed) == smaller.size


def test_the_end_of_a_sequence_is_cut_off_over_nodes() -> None:
    tree = tree_of([1, 2], [1, 2, 3, 4], [1, 2, 3, 4, 5])
    tree.remove(1)
    assert tree.cut(2, 2) == 3
    assert tree.tokens_of(2) == [1, 2, 3]
    assert (tree.size, tree.length_of(2), tree.own_size(2)) == (3, 3, 1)
    tree.extend(2, [6])
    assert tree.match([1, 2, 3, 6])[0] == 4


def test_an_empty_sequence_holds_nothing() -> None:
    tree = tree_of([])
    assert tree.tokens_of(0) == []
    assert not tree.holds_own_tail(0)
    tree.remove(0)
    assert tree.size == 0


def test_a_sequence_whose_tail_is_shared_grows_in_a_new_node() -> None:
    tree = tree_of([1, 2], [1, 2])
    tree.extend(0, [3])
    assert tree.tokens_of(0) == [1, 2, 3]
    assert tree.tokens_of(1) == [1, 2]
    assert tree.size == 3
