"""The line: one order for claims and for places in line, fair whoever waits."""

import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.queue_rules import Lane, QueueRules
from generation import line

PEOPLE = st.integers(1, 6)
EXPRESS, NORMAL, BACKGROUND = Lane.EXPRESS, Lane.NORMAL, Lane.BACKGROUND


@pytest.fixture(autouse=True)
def no_limit_by_setting(settings):
    settings.PERSON_PLACES_MAX = 0


def numbered(people: list[int]) -> list[tuple[int, int]]:
    """Generations of these people in the order they were asked for."""
    return [(100 + number, person) for number, person in enumerate(people)]


@st.composite
def situations(draw: st.DrawFn) -> tuple[list[tuple[int, int]], dict[int, int], QueueRules]:
    """Who waits, what runs, and any rules."""
    waiting = numbered(draw(st.lists(PEOPLE, max_size=40)))
    running = draw(st.dictionaries(PEOPLE, st.integers(0, 9)))
    team_of = draw(st.dictionaries(PEOPLE, st.integers(1, 2)))
    rules = QueueRules(
        lanes=draw(st.dictionaries(PEOPLE, st.sampled_from(Lane))),
        person_max=draw(st.dictionaries(PEOPLE, st.integers(1, 8))),
        team_of=team_of,
        team_max={team: draw(st.integers(1, 12)) for team in (1, 2)},
    )
    return waiting, running, rules


def of(ids: list[int], waiting: list[tuple[int, int]]) -> list[int]:
    """Whose generations these are."""
    users = dict(waiting)
    return [users[pk] for pk in ids]


class TestOrder:
    def test_people_of_one_lane_take_turns(self):
        waiting = numbered([1, 1, 1, 2, 2, 3])

        assert of(line.order(waiting, running={}, rules=QueueRules()), waiting) == [1, 2, 3, 1, 2, 1]

    def test_express_gets_twice_the_turns_of_normal_and_four_times_those_of_the_background(self):
        waiting = numbered([1] * 20 + [2] * 20 + [3] * 20)
        rules = QueueRules(lanes={1: EXPRESS, 3: BACKGROUND})

        first = of(line.order(waiting, running={}, rules=rules), waiting)[:14]

        assert Counter(first) == {1: 8, 2: 4, 3: 2}

    def test_five_of_a_second_person_come_before_the_tenth_of_who_asked_for_500(self):
        waiting = numbered([1] * 500 + [2] * 5)

        first = of(line.order(waiting, running={1: 0}, rules=QueueRules()), waiting)[:10]

        assert Counter(first) == {1: 5, 2: 5}

    def test_who_holds_places_waits_until_others_had_as_many(self):
        waiting = numbered([1, 1, 2, 2, 2])

        assert of(line.order(waiting, running={1: 2}, rules=QueueRules()), waiting) == [2, 2, 1, 2, 1]

    def test_what_was_given_lately_counts_where_nobody_holds_anything(self):
        waiting = numbered([1, 1, 2])

        assert of(line.order(waiting, running={}, rules=QueueRules(), served={1: 1}), waiting) == [2, 1, 1]

    @given(situations())
    def test_everybody_who_waits_is_in_it_once(self, situation):
        waiting, running, rules = situation

        assert sorted(line.order(waiting, running=running, rules=rules)) == [pk for pk, _ in waiting]

    @given(situations())
    def test_within_a_person_the_oldest_is_first(self, situation):
        waiting, running, rules = situation
        users = dict(waiting)
        ordered = line.order(waiting, running=running, rules=rules)

        for person in set(users.values()):
            own = [pk for pk in ordered if users[pk] == person]
            assert own == sorted(own)

    @given(situations())
    def test_turns_come_by_lane_and_by_what_is_held(self, situation):
        """The order is that of k ÷ weight, found here without a heap."""
        waiting, running, rules = situation
        counts = Counter(running)
        moments = []
        for age, (pk, user) in enumerate(waiting):
            counts[user] += 1
            moments.append((counts[user] / rules.lane(user).weight, age, pk))

        assert line.order(waiting, running=running, rules=rules) == [pk for _, _, pk in sorted(moments)]

    @given(st.integers(2, 5), st.lists(PEOPLE, max_size=10), st.sampled_from(Lane))
    def test_two_of_one_lane_differ_by_at_most_one_place(self, count, others, lane):
        waiting = numbered([*others, *([10] * 12), *([11] * 12)])
        rules = QueueRules(lanes={10: lane, 11: lane})
        given_so_far = Counter()

        for user in of(line.order(waiting, running={}, rules=rules), waiting):
            given_so_far[user] += 1
            assert abs(given_so_far[10] - given_so_far[11]) <= 1

    @given(st.integers(0, 8), st.integers(0, 8))
    def test_who_holds_more_waits_for_the_other_to_come_level(self, first, second):
        waiting = numbered([1] * 20 + [2] * 20)
        held = Counter({1: first, 2: second})

        for user in of(line.order(waiting, running={1: first, 2: second}, rules=QueueRules()), waiting)[:20]:
            other = 3 - user
            assert held[user] <= held[other]
            held[user] += 1

    @given(situations(), PEOPLE)
    def test_holding_one_more_never_brings_a_person_forward(self, situation, user):
        waiting, running, rules = situation
        more = {**running, user: running.get(user, 0) + 1}
        before = line.order(waiting, running=running, rules=rules)
        after = line.order(waiting, running=more, rules=rules)

        for pk, owner in waiting:
            if owner == user:
                assert after.index(pk) >= before.index(pk)

    @given(situations())
    def test_nobody_has_more_turns_than_their_lane_gives_them(self, situation):
        """Another's turns are never more than the lanes' weights say, for each of one's own."""
        waiting, _, rules = situation
        users = dict(waiting)
        seen = Counter()

        for pk in line.order(waiting, running={}, rules=rules):
            user = users[pk]
            seen[user] += 1
            for other in set(users.values()) - {user}:
                assert seen[other] <= seen[user] * rules.lane(other).weight / rules.lane(user).weight


class TestNextUp:
    def test_is_the_beginning_of_the_order(self):
        waiting = numbered([1, 1, 1, 2, 2, 3])
        ordered = line.order(waiting, running={}, rules=QueueRules())

        assert line.next_up(waiting, running={}, rules=QueueRules(), free=4) == ordered[:4]

    def test_a_person_at_their_limit_holds_up_nobody(self):
        waiting = numbered([1, 1, 1, 2])
        rules = QueueRules(person_max={1: 2})

        chosen = line.next_up(waiting, running={1: 1}, rules=rules, free=10)

        assert of(chosen, waiting) == [2, 1]

    def test_a_teams_limit_is_for_its_members_together_also_who_waits_for_nothing(self):
        waiting = numbered([1, 2, 1, 2, 3])
        rules = QueueRules(team_of={1: 7, 2: 7, 4: 7}, team_max={7: 3})

        chosen = line.next_up(waiting, running={4: 1}, rules=rules, free=10)

        assert of(chosen, waiting) == [1, 2, 3]

    def test_the_setting_holds_for_whom_no_rule_does(self, settings):
        settings.PERSON_PLACES_MAX = 1
        waiting = numbered([1, 1, 2, 2])

        chosen = line.next_up(waiting, running={}, rules=QueueRules(person_max={2: 2}), free=10)

        assert of(chosen, waiting) == [1, 2, 2]

    def test_more_held_than_allowed_is_nothing_more(self):
        rules = QueueRules(person_max={1: 2})

        assert line.next_up(numbered([1, 1]), running={1: 5}, rules=rules, free=10) == []

    @pytest.mark.parametrize("free", [0, -3])
    def test_without_a_free_place_nobody_is_next(self, free):
        assert line.next_up(numbered([1, 2]), running={}, rules=QueueRules(), free=free) == []

    @given(situations(), st.integers(0, 50))
    def test_no_limit_is_passed(self, situation, free):
        waiting, running, rules = situation
        chosen = Counter(of(line.next_up(waiting, running=running, rules=rules, free=free), waiting))

        assert chosen.total() <= free
        for user, count in chosen.items():
            limit = rules.limit(user)
            assert limit is None or running.get(user, 0) + count <= limit
        for team, limit in rules.team_max.items():
            members = [user for user, of_team in rules.team_of.items() if of_team == team]
            given_now = sum(chosen[user] for user in members)
            assert not given_now or sum(running.get(user, 0) for user in members) + given_now <= limit

    @given(situations(), st.integers(0, 50))
    def test_no_place_stays_free_that_somebody_might_have(self, situation, free):
        waiting, running, rules = situation
        chosen = line.next_up(waiting, running=running, rules=rules, free=free)
        held = Counter(running) + Counter(of(chosen, waiting))
        left = [(pk, user) for pk, user in waiting if pk not in chosen]

        if len(chosen) < free:
            assert line.next_up(left, running=held, rules=rules, free=1) == []

    @given(situations(), st.integers(0, 50))
    def test_keeps_the_order(self, situation, free):
        waiting, running, rules = situation
        chosen = line.next_up(waiting, running=running, rules=rules, free=free)
        ordered = line.order(waiting, running=running, rules=rules)

        assert chosen == [pk for pk in ordered if pk in set(chosen)]

    @given(situations(), st.integers(1, 20))
    def test_giving_one_at_a_time_gives_to_the_same(self, situation, free):
        """It doesn't matter to how many workers the places belong."""
        waiting, running, rules = situation
        at_once = line.next_up(waiting, running=running, rules=rules, free=free)
        held, left, one_by_one = Counter(running), list(waiting), []
        for _ in range(free):
            for pk in line.next_up(left, running=held, rules=rules, free=1):
                one_by_one.append(pk)
                held[dict(waiting)[pk]] += 1
                left = [pair for pair in left if pair[0] != pk]

        assert one_by_one == at_once


def test_ten_times_the_line_takes_about_ten_times_as_long():
    """A heap over people: 10,000 of 200 people are no more work each than 1,000 of 200."""

    def seconds(length: int) -> float:
        waiting = numbered([number * 7 % 200 for number in range(length)])
        begun = time.process_time()
        for _ in range(20_000 // length):
            line.order(waiting, running={}, rules=QueueRules())
        return (time.process_time() - begun) / (20_000 // length)

    assert min(seconds(10_000) for _ in range(3)) < 30 * min(seconds(1_000) for _ in range(3))


@dataclass
class House:
    """Places that are given and come free, the oldest first, as long as people wait."""

    places: int
    rules: QueueRules
    waiting: list[tuple[int, int]]
    remembers: bool
    holding: list[tuple[int, int]] = field(default_factory=list)
    served: Counter = field(default_factory=Counter)

    def step(self) -> list[tuple[int, int]]:
        """Fill the free places, and let the longest held one end."""
        running = Counter(user for _, user in self.holding)
        chosen = line.next_up(
            self.waiting,
            running=running,
            rules=self.rules,
            free=self.places - len(self.holding),
            served=self.served if self.remembers else None,
        )
        taken = [(pk, dict(self.waiting)[pk]) for pk in chosen]
        self.waiting = [pair for pair in self.waiting if pair[0] not in chosen]
        self.holding += taken
        self.served.update(user for _, user in taken)
        if self.holding:
            self.holding.pop(0)
        return taken


class TestOverTime:
    @given(st.integers(1, 6), st.lists(st.tuples(PEOPLE, st.integers(1, 6)), max_size=8), st.booleans())
    def test_nobody_waits_for_ever(self, places, asked, remembers):
        waiting = numbered([user for user, count in asked for _ in range(count)])
        house = House(places, QueueRules(lanes={1: EXPRESS, 2: BACKGROUND}), waiting, remembers)

        for _ in range(len(waiting)):
            house.step()

        assert house.waiting == []

    @given(st.integers(1, 6), st.integers(2, 9))
    def test_with_fewer_places_than_people_everybody_gets_their_turn(self, places, people):
        """What was given lately keeps a place from going back to who just had it."""
        waiting = numbered([user for user in range(people) for _ in range(40)])
        house = House(places, QueueRules(), waiting, remembers=True)
        turns = [user for _ in range(people) for _, user in house.step()]

        assert set(islice(turns, people)) == set(range(people))

    @pytest.mark.parametrize("places", [1, 2, 3, 8])
    def test_the_background_gets_its_share_beside_an_endless_express_line(self, places):
        waiting = numbered([1] * 300 + [2] * 60)
        house = House(places, QueueRules(lanes={1: EXPRESS, 2: BACKGROUND}), waiting, remembers=True)
        turns = Counter(user for _ in range(200) for _, user in house.step())

        assert 38 <= turns[2] <= 42


def test_nobody_takes_all_places_of_a_worker_and_those_left_are_for_others() -> None:
    waiting = [(number, 1) for number in range(1, 41)] + [(41, 2)]

    chosen = line.next_up(waiting, running={1: 20}, rules=QueueRules(), free=12, here={1: 20}, here_max=24)

    assert chosen == [41, 1, 2, 3, 4]
