from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strandloom.alphabet import DNA
from strandloom.data.split.homology import components, number
from strandloom.data.split.index import (
    FLOOR,
    build_index,
    build_sets,
    choose_k,
    default_threshold,
    find_hubs,
    hash_rows,
)
from strandloom.errors import InputError, SettingsError


def random_codes(rows, length, seed=0):
    return np.random.default_rng(seed).integers(0, 4, (rows, length)).astype(np.uint8)


def mutated(codes, identity, seed=1):
    """Each base replaced by another one with probability 1 - identity."""
    generator = np.random.default_rng(seed)
    change = generator.random(codes.shape) > identity
    return np.where(change, (codes + generator.integers(1, 4, codes.shape)) % 4, codes).astype(np.uint8)


def full(codes):
    return np.full(len(codes), codes.shape[1])


def plain_set(row, k):
    """The slow, obvious k-mer set of one row: text, sets, distinct triplets."""
    text = DNA.decode_table[row].tobytes().decode()
    found = set()
    for i in range(len(text) - k + 1):
        word = text[i : i + k]
        if set(word) <= set("ACGT"):
            word = min(word, word[::-1].translate(str.maketrans("ACGT", "TGCA")))
            if len({word[j : j + 3] for j in range(k - 2)}) > max(2, (k - 2) // 2):
                found.add(word)
    return found


def slow_similarity(a, b, hubs, whole=True):
    shared, base = a & b, max(min(len(a), len(b)), FLOOR)
    if len(shared) >= base / 2 and whole:
        return len(shared) / base
    return min(len(shared), 2 * len(shared - hubs)) / base


def slow_components(codes, k, threshold, hub_rows, whole=True):
    canonical = hash_rows(codes).canonical
    names, first = np.unique(canonical, return_index=True)
    sets = {name: plain_set(codes[i], k) for name, i in zip(names, first, strict=True)}
    hubs = {w for w in set().union(*sets.values()) if sum(w in s for s in sets.values()) > hub_rows}
    parent = {name: name for name in names}

    def find(x):
        while parent[x] != x:
            x = parent[x]
        return x

    for a, b in itertools.combinations(names, 2):
        if slow_similarity(sets[a], sets[b], hubs, whole) >= threshold - 1e-9:
            parent[find(a)] = find(b)
    return number(np.array([np.flatnonzero(names == find(c))[0] for c in canonical]))


def family(seed, rows=40, length=70):
    """Rows of which some are mutated, reversed, shifted or damaged copies of others, with a shared repeat."""
    generator = np.random.default_rng(seed)
    codes = random_codes(rows, length, seed)
    repeat = generator.integers(0, 4, 20)
    for i in range(rows // 4, rows):
        kind = generator.integers(6)
        source = codes[generator.integers(rows // 4)]
        if kind == 0:
            codes[i] = mutated(source[None], generator.uniform(0.7, 1), seed + i)[0]
        elif kind == 1:
            codes[i] = DNA.reverse_complement(mutated(source[None], 0.9, seed + i)[0])
        elif kind == 2:
            codes[i] = np.roll(source, generator.integers(1, length))
        elif kind == 3:
            codes[i, :20] = repeat
        elif kind == 4:
            codes[i, : generator.integers(5, length - 10)] = DNA.pad
        else:
            codes[i, generator.integers(length, size=5)] = DNA.any
    return codes


def refines(fine, coarse):
    """Whether every group of ``fine`` lies inside one group of ``coarse``."""
    return len(set(zip(fine.tolist(), coarse.tolist(), strict=True))) == len(set(fine.tolist()))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([6, 7, 8]), st.sampled_from([3, 8, 100]), st.floats(0.1, 0.9))
def test_components_equal_brute_force_sets(seed, k, hub_rows, threshold):
    codes = family(seed)
    fast = components(codes, (codes < 16).sum(axis=1), k=k, threshold=threshold, hub_rows=hub_rows)
    full_rule = slow_components(codes, k, threshold, hub_rows)
    if hub_rows == 100:  # more than there are rows: no hubs, and nothing is approximate
        assert fast.tolist() == full_rule.tolist()
    assert refines(slow_components(codes, k, threshold, hub_rows, whole=False), fast)
    assert refines(fast, full_rule)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([3, 100]))
def test_nearest_equals_brute_force_sets(seed, hub_rows):
    train, query = family(seed), family(seed)[::2].copy()
    query[:, 30:34] = (query[:, 30:34] + 1) % 4
    stored = build_sets(train, k=7)
    found = build_index(stored, find_hubs(stored, hub_rows=hub_rows)).nearest(build_sets(query, k=7))
    sets = [plain_set(row, 7) for row in train]
    hubs = {w for w in set().union(*sets) if sum(w in s for s in sets) > hub_rows}
    for i, row in enumerate(query):
        similarity = [slow_similarity(plain_set(row, 7), s, hubs) for s in sets]
        assert found.similarity[i] == pytest.approx(max(similarity))
        assert found.row[i] == (np.argmax(similarity) if max(similarity) > 0 else -1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_order_and_strand_of_rows_do_not_matter(seed):
    codes = family(seed)
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(codes))
    turned = codes.copy()
    flip = generator.random(len(codes)) < 0.5
    turned[flip] = DNA.reverse_complement(codes[flip])
    base = components(codes, full(codes))
    assert number(base[order]).tolist() == components(turned[order], full(codes)).tolist()


@pytest.mark.parametrize("length", [60, 101, 300])
def test_unrelated_rows_practically_never_join(length):
    codes = random_codes(4000, length)
    joined = components(codes, full(codes)).max() + 1
    assert joined >= 4000 - 2  # 8 million pairs


@pytest.mark.parametrize(
    ("length", "identity", "least", "most"),
    [
        (60, 0.9, 0.85, 1),
        (60, 0.85, 0.58, 0.76),
        (101, 0.9, 0.93, 1),
        (101, 0.85, 0.6, 0.78),
        (300, 0.85, 0.8, 0.95),
        (60, 0.82, 0.35, 0.58),
        (101, 0.82, 0.35, 0.55),
        (300, 0.82, 0.45, 0.65),
        (300, 0.75, 0, 0.06),
    ],
)
def test_share_of_mutated_pairs_that_join(length, identity, least, most):
    codes = random_codes(600, length)
    both = np.concatenate([codes, mutated(codes, identity)])
    component = components(both, full(both), k=8)
    assert least <= (component[:600] == component[600:]).mean() <= most


def test_the_other_strand_and_padding_are_seen_through():
    codes = random_codes(5, 80)
    wide = np.full((15, 100), DNA.pad, np.uint8)
    wide[:5, :80] = codes
    wide[5:10, 20:] = codes
    wide[10:, 7:87] = DNA.reverse_complement(codes)
    assert components(wide, np.full(15, 80)).tolist() == [0, 1, 2, 3, 4] * 3


def test_a_frequent_repeat_and_low_complexity_do_not_chain_the_table():
    codes = random_codes(1000, 200)
    codes[:, 50:110] = random_codes(1, 60, seed=9)  # 30 % of every row
    codes[:, 120:160] = 0  # poly-A
    codes[:, 160:190] = np.tile([1, 0], 15)  # (CA)n
    component = components(codes, full(codes))
    assert np.bincount(component).max() <= 3
    few = codes[:50]  # too few rows for hubs: here the repeat is evidence
    assert components(few, full(few)).max() == 0


@pytest.mark.parametrize(("rows", "identity"), [(400, 0.98), (400, 0.96), (3000, 0.97)])
def test_a_family_larger_than_the_hub_cap_is_one_component(rows, identity):
    codes = mutated(np.repeat(random_codes(1, 150), rows, axis=0), identity)
    codes[::3] = DNA.reverse_complement(codes[::3])
    others = random_codes(500, 150, seed=4)
    sizes = np.bincount(components(np.concatenate([codes, others]), np.full(rows + 500, 150)))
    assert sizes.max() >= 0.99 * rows
    assert (sizes == 1).sum() >= 500


def test_only_low_complexity_rows_join_exact_copies_only():
    codes = np.zeros((4, 50), np.uint8)
    codes[1] = 3  # poly-T is poly-A on the other strand
    codes[2] = np.tile([0, 1], 25)
    codes[3, 25] = 2
    assert components(codes, full(codes)).tolist() == [0, 0, 1, 2]


def test_chosen_k_grows_with_length_and_rows():
    assert choose_k(np.full(50_000, 101)) == 8
    assert choose_k(np.full(1_000_000, 100)) == 11
    assert choose_k(np.full(10, 300)) == 8
    assert choose_k(np.full(10, 5_000)) == 10
    assert default_threshold(8) == pytest.approx(0.204, abs=1e-3)


def test_bad_settings_say_so():
    codes = random_codes(3, 9)
    with pytest.raises(InputError, match="longer than the longest"):
        components(codes, full(codes), k=10)
    with pytest.raises(SettingsError, match="threshold"):
        components(codes, full(codes), threshold=0)
    with pytest.raises(SettingsError, match="6 to 12"):
        components(codes, full(codes), k=5)
    assert components(codes[:0], full(codes[:0])).tolist() == []


def test_rows_shorter_than_k_join_exact_copies_only():
    codes = random_codes(3, 5)
    codes[2] = codes[0]
    assert components(codes, full(codes)).tolist() == [0, 1, 0]


def test_copies_are_found_among_fifty_thousand_unrelated_rows():
    codes = random_codes(50_000, 101)
    codes[40_000:40_100] = DNA.reverse_complement(mutated(codes[:100], 0.97))
    component = components(codes, full(codes))
    assert (component[40_000:40_100] == component[:100]).all()
    assert len(np.unique(component)) == 49_900  # and nothing else joins
