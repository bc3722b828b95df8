# Copyright: metalstack.provisioning contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The planner's promises: each as a property of all inputs, and the corner cases by example."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.config import Policy
from ansible_collections.metalstack.provisioning.plugins.module_utils._image_cache.planner import (
    Candidate,
    Plan,
    plan,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def policy(minimum: int = 1, maximum: int | None = None, size: int | None = None, grace: int = 0) -> Policy:
    return Policy((), timedelta(days=grace), minimum, maximum, size)


def image(variant: str, patch: int, size: int | None = 10) -> Candidate:
    name = f"{variant}.{patch}"
    return Candidate(
        f"http://store.test/{name}", f"store.test/{name}", "image", name, variant, (1, 0, patch), None, size
    )


def kernel(name: str, size: int | None = 10, kind: str = "kernel") -> Candidate:
    return Candidate(f"http://store.test/{name}", f"store.test/{name}", kind, size=size)


sizes = st.one_of(st.none(), st.integers(0, 50))
images = st.builds(image, st.sampled_from(["a-1.0", "b-1.0", "c-1.0", "d-1.0"]), st.integers(0, 12), sizes)
boot_files = st.builds(kernel, st.sampled_from(["k1", "k2", "i1"]), sizes, st.sampled_from(["kernel", "boot-image"]))
inputs = st.lists(st.one_of(images, images, images, boot_files), max_size=40, unique_by=lambda candidate: candidate.key)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    minimum = draw(st.integers(1, 5))
    maximum = draw(st.one_of(st.none(), st.integers(minimum, 8)))
    return policy(minimum, maximum, draw(st.one_of(st.none(), st.integers(1, 600))))


def by_variant(candidates: tuple[Candidate, ...] | list[Candidate]) -> dict[str, list[Candidate]]:
    """Newest first."""
    result: dict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        if candidate.kind == "image":
            assert candidate.variant is not None
            result[candidate.variant].append(candidate)
    for members in result.values():
        members.sort(key=lambda candidate: candidate.version or (0, 0, 0), reverse=True)
    return result


def total(candidates: tuple[Candidate, ...] | list[Candidate]) -> int:
    return sum(candidate.size or 0 for candidate in candidates)


@given(inputs, policies())
def test_nothing_is_lost_or_invented(candidates: list[Candidate], rules: Policy) -> None:
    result = plan(candidates, rules)
    assert Counter(result.wanted) + Counter(old for old, _reason in result.dropped) == Counter(candidates)
    assert all(reason for _old, reason in result.dropped)


@given(inputs, policies())
def test_size_bound_holds_unless_every_variant_is_at_its_minimum(candidates: list[Candidate], rules: Policy) -> None:
    result = plan(candidates, rules)
    if rules.max_cache_size is not None and total(result.wanted) > rules.max_cache_size:
        assert all(len(members) <= rules.min_images_per_name for members in by_variant(result.wanted).values())


@given(inputs, policies())
def test_figures_are_exact(candidates: list[Candidate], rules: Policy) -> None:
    result = plan(candidates, rules)
    assert result.total_bytes == total(result.wanted)
    limit = rules.max_cache_size
    assert result.over_budget_bytes == (0 if limit is None else max(0, result.total_bytes - limit))
    assert result.unknown_sizes == len([candidate for candidate in result.wanted if candidate.size is None])


@given(inputs, policies())
def test_each_variant_keeps_its_minimum_and_not_more_than_its_maximum(
    candidates: list[Candidate], rules: Policy
) -> None:
    kept = by_variant(plan(candidates, rules).wanted)
    for variant, members in by_variant(candidates).items():
        assert len(kept[variant]) >= min(len(members), rules.min_images_per_name)
        assert rules.max_images_per_name is None or len(kept[variant]) <= rules.max_images_per_name


@given(inputs, policies())
def test_the_newest_images_of_a_variant_are_kept(candidates: list[Candidate], rules: Policy) -> None:
    kept = by_variant(plan(candidates, rules).wanted)
    for variant, members in by_variant(candidates).items():
        assert kept[variant] == members[: len(kept[variant])]


@given(inputs, policies())
def test_without_need_nothing_is_dropped(candidates: list[Candidate], rules: Policy) -> None:
    if rules.max_cache_size is not None and total(candidates) > rules.max_cache_size:
        rules = replace(rules, max_cache_size=total(candidates))
    limit = rules.max_images_per_name
    excess = sum(max(0, len(m) - limit) for m in by_variant(candidates).values()) if limit is not None else 0
    assert len(plan(candidates, rules).dropped) == excess


@given(inputs, policies())
def test_the_size_bound_takes_the_oldest_of_the_largest_variant_first(
    candidates: list[Candidate], rules: Policy
) -> None:
    """Replay the decisions one by one: each had to be made, and was the one the rule asks for."""
    result = plan(candidates, rules)
    unbounded = plan(candidates, replace(rules, max_cache_size=None))
    assert result.dropped[: len(unbounded.dropped)] == unbounded.dropped
    left = list(unbounded.wanted)
    for victim, _reason in result.dropped[len(unbounded.dropped) :]:
        assert rules.max_cache_size is not None
        assert total(left) > rules.max_cache_size
        variants = by_variant(left)
        assert victim.variant is not None
        mine = variants[victim.variant]
        assert victim == mine[-1]
        assert len(mine) > rules.min_images_per_name
        for name, members in variants.items():
            assert (-len(mine), -total(mine), victim.variant) <= (-len(members), -total(members), name)
        left.remove(victim)
    assert set(left) == set(result.wanted)


@given(inputs, policies(), st.randoms(use_true_random=False))
def test_the_order_of_the_input_does_not_matter(candidates: list[Candidate], rules: Policy, random: object) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert plan(shuffled, rules) == plan(candidates, rules)


@given(inputs, policies())
def test_planning_the_wanted_files_again_changes_nothing(candidates: list[Candidate], rules: Policy) -> None:
    first = plan(candidates, rules)
    second = plan(first.wanted, rules)
    assert second == replace(first, dropped=())


@given(inputs, policies())
def test_kernels_and_boot_images_always_stay(candidates: list[Candidate], rules: Policy) -> None:
    wanted = plan(candidates, rules).wanted
    assert {c for c in candidates if c.kind != "image"} == {c for c in wanted if c.kind != "image"}


@given(inputs, policies())
def test_kernels_come_first_then_the_newest_of_every_variant(candidates: list[Candidate], rules: Policy) -> None:
    wanted = plan(candidates, rules).wanted
    kinds = [candidate.kind for candidate in wanted]
    assert kinds == sorted(kinds, key=["kernel", "boot-image", "image"].index)
    kept = by_variant(wanted)
    ranks = [kept[c.variant].index(c) for c in wanted if c.variant is not None]
    assert ranks == sorted(ranks)


def test_an_empty_plan() -> None:
    assert plan([], policy(size=1)) == Plan((), (), 0, 0, 0)


def test_unknown_sizes_count_nothing_and_are_reported() -> None:
    result = plan([image("a-1.0", 1, None), image("a-1.0", 2, None), image("a-1.0", 3, 7)], policy(size=7))
    assert (result.total_bytes, result.over_budget_bytes, result.unknown_sizes) == (7, 0, 2)
    assert result.dropped == ()


def test_among_variants_of_the_same_count_the_one_with_more_bytes_loses() -> None:
    old_small, old_large = image("a-1.0", 1, 10), image("b-1.0", 1, 11)
    result = plan([old_small, image("a-1.0", 2), old_large, image("b-1.0", 2)], policy(size=40))
    assert [victim for victim, _reason in result.dropped] == [old_large]


def test_among_equal_variants_the_first_name_loses() -> None:
    candidates = [image(variant, patch) for variant in ("b-1.0", "a-1.0") for patch in (1, 2)]
    result = plan(candidates, policy(size=30))
    assert [(victim.image_id, reason) for victim, reason in result.dropped] == [
        ("a-1.0.1", "the cache would be larger than 30 bytes")
    ]


def test_the_minimum_wins_over_the_size_and_the_excess_is_told() -> None:
    candidates = [image("a-1.0", patch, 100) for patch in range(6)] + [kernel("k", 5)]
    result = plan(candidates, policy(minimum=4, size=150))
    assert len(result.dropped) == 2
    assert (result.total_bytes, result.over_budget_bytes) == (405, 255)


def test_the_maximum_says_why() -> None:
    result = plan([image("a-1.0", patch) for patch in (3, 1, 2)], policy(maximum=1))
    assert [(victim.image_id, reason) for victim, reason in result.dropped] == [
        ("a-1.0.1", "more than 1 images of a-1.0"),
        ("a-1.0.2", "more than 1 images of a-1.0"),
    ]


def test_versions_are_numbers_and_not_text() -> None:
    result = plan([image("a-1.0", 9), image("a-1.0", 10)], policy(maximum=1))
    assert [wanted.image_id for wanted in result.wanted] == ["a-1.0.10"]


def test_two_candidates_for_one_file_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="same key"):
        plan([image("a-1.0", 1), image("a-1.0", 1, 99)], policy())
