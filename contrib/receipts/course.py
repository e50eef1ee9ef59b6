"""The table of a job: docs/protocol.md, section 11."""

import law
import trees
from compare import GREY, MATCH, compare, rms, stands
from names import digest, name
from shapes import BODIES, EVIDENCE, EVIDENCE_LEAF, OUTPUT_LEAF, TICKET
from wire import number

NOBODY = bytes(32)


class Refused(Exception):
    """A step that the table does not allow."""


def demand(holds):
    if not holds:
        raise Refused


def opens(claim, leaf, evidence):
    """True if a claim opens to this leaf and the digest of the other."""
    commit = digest("claim", name(digest("output leaf", OUTPUT_LEAF.write(leaf))) + name(evidence))
    return claim["commit"] == commit and (claim["units"], claim["end"]) == (leaf["units"], leaf["end"])


def proven(root, count, records):
    return all(trees.shows(root, count, record["position"], record["bytes"], record["path"]) for record in records)


def over(evidence, written):
    """True if the records of evidence are those of an output."""
    return (evidence["evidence_root"], evidence["records"]) == (written["root"], written["records"])


def contradicts(output, leaf, records):
    written = leaf["written"]
    if records is None:
        same = written["records"] == output["records"]
        return written["records"] < output["records"] or (same and written["root"] != output["root"])
    streamed, claimed = records
    return (
        streamed["position"] == claimed["position"]
        and streamed["bytes"] != claimed["bytes"]
        and proven(output["root"], output["records"], [streamed])
        and proven(written["root"], written["records"], [claimed])
    )


class Job:
    """A job as it moves: `stage` is its name, with the phase of a check behind it."""

    def __init__(self, genesis, order, ticket, tick):
        self.genesis, self.order, self.ticket = genesis, order, ticket
        self.id, self.named = ticket["job"], digest("Ticket", TICKET.write(ticket))
        self.timers, self.checks = genesis["timers"], genesis["checks"]
        self.policy = order["manifest"]["policy"]
        found = [entry for entry in genesis["thresholds"] if self.policy[0] == "tensor" and entry["format"] == self.policy[1]]
        self.threshold = found[0] if found else None
        self.stage, self.phase = "open", None
        self.until, self.round = law.held(tick["live"] + law.claim_time(genesis, order)), None
        self.outcome = self.claim = self.position = self.secret = self.opened = self.jury_from = None
        self.began, self.lasted, self.kept = tick["live"], None, None
        self.exact, self.rows = self.policy[0] != "tensor", self.policy[0] == "replay"
        self.revealed = self.forced = self.suspected = self.disputed = self.trap = False
        self.pledged = 0
        self.seats, self.positions, self.positions_round = [], None, None
        # The jury's draws, each by its seat, and what all weighs that can be drawn.
        self.draws, self.electorate = [], law.MAX
        self.due = None

    # Where it stands.

    def moved(self):
        return self.stage, self.phase, self.until, self.round, self.positions, self.forced, self.suspected, self.outcome

    def close(self, outcome):
        self.stage, self.phase, self.until, self.round, self.outcome = "closed", None, None, None, outcome

    def enter(self, stage, phase=None, until=None, round=None):
        self.stage, self.phase, self.round = stage, phase, round
        self.until = None if until is None else law.held(until)

    def seating(self, tick):
        stage = "checking" if self.jury_from is None else "jury"
        self.enter(stage, "seating", round=law.held(tick["round"] + law.AHEAD))

    def begin_check(self, tick, round):
        """A check whose first verifier is drawn at this round, or once the claim has opened itself."""
        if not self.exact:
            return self.enter("checking", "seating", round=round)
        self.kept = law.held(round)
        self.enter("checking", "disclosing", until=tick["live"] + self.timers["opening"])

    def is_checked(self):
        return self.stage in ("checking", "jury")

    # Steps, by their names in a story.

    def step_claim(self, said, tick, position):
        demand(self.claim is None and self.stage in ("open", "cancelling"))
        claim = said["body"]
        cancelled = claim["end"][0] == "cancelled"
        demand(not (cancelled and self.stage == "open"))
        demand(claim["units"] <= self.order["units_max"] and claim["ticket"] == self.named)
        fee = self.stage == "cancelling" and cancelled and claim["units"] == 0
        self.claim, self.position = claim, position
        if fee:
            return self.close("cancelled")
        self.enter("claimed", until=tick["live"] + self.timers["reveal"])

    def step_abort(self, said, tick):
        demand(self.stage in ("open", "cancelling") and said["body"]["ticket"] in (self.named, NOBODY))
        self.close("aborted")

    def step_cancel(self, said, tick):
        demand(self.stage == "open" and said["body"]["ticket"] == self.named)
        self.enter("cancelling", until=min(self.until, tick["live"] + self.timers["cancelling"]))

    def step_reveal(self, said, tick):
        reveal = said["body"]
        demand(self.stage == "claimed" and reveal["position"] == self.position)
        # The secret is an array: without a length.
        demand(digest("secret", reveal["secret"]) == self.order["secret_commit"])
        self.secret, self.revealed = reveal["secret"], True
        self.enter("drawing", round=law.held(tick["round"] + law.AHEAD))

    def step_dispute(self, said, tick):
        demand(self.stage == "waiting" and tick["live"] < self.until)
        self.disputed = True
        self.begin_check(tick, tick["round"] + law.AHEAD)

    def step_contradict(self, said, tick):
        body = said["body"]
        demand(self.stage in ("claimed", "drawing", "waiting", "checking", "jury"))
        output = body["output"]
        demand(opens(self.claim, body["leaf"], body["evidence"]))
        demand(output["signer"] == self.order["provider"] and output["body"]["job"] == self.id)
        demand(contradicts(output["body"], body["leaf"], body["records"]))
        self.close("false_stream")

    def step_draw(self, content, tick):
        demand((self.stage == "drawing" or self.phase == "doubting") and tick["round"] >= self.round)
        if self.phase == "doubting":
            return self.enter("jury", "seating", round=self.round) if content["check"] else self.close("mismatch")
        # Who revealed nothing is checked whatever is drawn.
        if content["check"] or self.forced or not self.revealed:
            self.begin_check(tick, self.round)
        else:
            self.enter("waiting", until=tick["live"] + self.ticket["window"])

    def step_seat(self, content, tick):
        tries, after = content["tries"], content["after"]
        demand(self.is_checked() and self.phase == "seating" and tick["round"] >= self.round)
        if not tries:
            return self.hung() if self.jury_from is not None else self.unchecked()
        leaf = tries[-1]["leaf"]
        known = [at for at, seat in enumerate(self.seats) if seat["peer"] == leaf["peer"]]
        if self.jury_from is not None:
            self.draws.append(known[0] if known else len(self.seats))
            if known:
                return self.resolve_jury(tick["round"], tick)
        self.seats.append({**leaf, "sealed": None, "found": None, "done": None})
        begins = tick["live"] if after is None else max(after, tick["live"])
        latest = law.held(tick["live"] + self.timers["settle_max"])
        self.due = law.held(min(begins, latest) + law.sealing(self.genesis, self.order))
        self.enter(self.stage, "calling", until=min(self.due, tick["live"] + self.timers["underway"]))

    def seat_of(self, said):
        """The last seat, if it is the one that speaks."""
        demand(self.is_checked() and self.seats and self.seats[-1]["peer"] == said["signer"])
        return self.seats[-1]

    def seat_to_find(self, said):
        """The number of the last seat, or of one that was not served, while its seal may yet replace that."""
        for at, seat in enumerate(self.seats):
            late = seat["peer"] == said["signer"] and seat["done"] == "unserved" and self.exact
            first = self.stage == "checking" and self.phase == "seating" and at + 1 == len(self.seats)
            sits = self.stage == "jury" and (not self.trap or at in self.draws)
            if late and (first or sits):
                return at
        self.seat_of(said)
        return len(self.seats) - 1
    def step_underway(self, said, tick):
        seat = self.seat_of(said)
        demand(self.phase == "calling" and seat["done"] is None and said["body"]["due"] == self.due)
        self.enter(self.stage, "sealing", until=self.due)

    def step_seal(self, said, tick):
        at = self.seat_to_find(said)
        seat, again = self.seats[at], self.seats[at]["done"] == "unserved"
        demand(seat["sealed"] is None and (seat["done"] is None or again))
        commit, evidence = said["body"]["commit"], said["body"]["evidence"]
        demand(self.exact == (evidence is not None))
        if self.exact:
            demand(commit == digest("seal", EVIDENCE.write(evidence)))
            demand((self.rows or over(evidence, evidence["written"])) and evidence["rms"] == 0)
            seat["found"], seat["done"] = dict(evidence, shown={}), "found"
            return self.reconsider(tick) if again else self.resolve(tick)
        seat["sealed"] = commit
        if self.positions_round is None:
            self.positions_round = law.held(tick["round"] + law.AHEAD)
        until = tick["live"] + self.timers["opening"] + law.AHEAD * self.timers["tick"]
        self.enter(self.stage, "opening", until=until)

    def step_unserved(self, said, tick):
        seat = self.seat_of(said)
        demand(seat["sealed"] is None and seat["done"] is None)
        seat["done"] = "unserved"
        self.resolve(tick)

    def step_open_seal(self, said, tick):
        seat, body = self.seat_of(said), said["body"]
        evidence, records = body["evidence"], body["records"]
        demand(seat["sealed"] == digest("seal", EVIDENCE.write(evidence)) and seat["done"] is None)
        demand(over(evidence, evidence["written"]))
        demand(self.wants(evidence["records"], records))
        demand(proven(evidence["evidence_root"], evidence["records"], records))
        found = dict(evidence, shown={record["position"]: record["bytes"] for record in records})
        demand(self.measured(found))
        seat["found"], seat["done"] = found, "found"
        self.weigh(tick)

    def step_open_claim(self, said, tick, pledged):
        due = self.phase == "disclosing" if self.exact else self.is_checked() and self.positions_round is not None
        demand(due)
        body = said["body"]
        leaf, evidence, records, trap = body["output"], body["evidence"], body["records"], body["trap"]
        demand(self.exact or trap is None)
        demand(pledged <= (0 if trap is None else law.forfeit(self.genesis, self.order)))
        one = self.rows or over(evidence, leaf["written"])
        named = digest("evidence leaf", EVIDENCE_LEAF.write(evidence))
        if self.exact:
            demand(opens(self.claim, leaf, named) and one and evidence["rms"] == 0 and not records)
            demand(trap is None or trap["signer"] == self.order["client"])
            demand(trap is None or trap["body"] == {"job": self.id, "commit": self.claim["commit"]})
            self.trap, self.pledged = trap is not None, pledged
            self.opened = self.shown(leaf, evidence, records)
            if trap is not None and pledged < law.forfeit(self.genesis, self.order):
                return self.close("trap")
            ahead = law.held(tick["round"] + law.AHEAD)
            return self.enter("checking", "seating", round=self.kept if tick["round"] <= self.kept else ahead)
        true = proven(evidence["evidence_root"], evidence["records"], records)
        if not (opens(self.claim, leaf, named) and one and true):
            return self.close("false_opening")
        demand(self.opened is None and self.wants(evidence["records"], records))
        opened = self.shown(leaf, evidence, records)
        demand(self.measured(opened))
        self.opened = opened
        if self.phase == "silence":
            return self.resolve(tick)
        self.weigh(tick)

    def step_tick(self, _, tick):
        demand(self.stage != "closed")
        if self.positions is None and self.positions_round == tick["round"]:
            self.positions = tick["beacon"]
        if self.until is None or tick["live"] < self.until:
            return
        if self.stage == "claimed":
            self.enter("drawing", round=law.held(tick["round"] + law.AHEAD))
        elif self.stage in ("open", "cancelling", "waiting"):
            self.close({"open": "no_claim", "cancelling": "cancelled", "waiting": "not_drawn"}[self.stage])
        elif self.phase == "silence":
            self.close("silent")
        elif self.phase == "disclosing":
            self.close("void")
        else:
            if self.seats[-1]["done"] is None:
                self.seats[-1]["done"] = "absent"
            self.resolve(tick)

    def step_convicted(self, _, tick):
        demand(self.stage != "closed")
        if self.stage in ("open", "cancelling"):
            return self.close("withdrawn")
        if self.stage == "waiting":
            self.forced = True
            return self.begin_check(tick, tick["round"] + law.AHEAD)
        if self.stage in ("claimed", "drawing"):
            self.forced = True

    def step_unreached(self, _, tick):
        demand(self.stage != "closed")
        if self.stage in ("claimed", "drawing", "waiting"):
            self.forced = self.suspected = True
        if self.stage == "waiting":
            self.begin_check(tick, tick["round"] + law.AHEAD)

    # What follows.

    def shown(self, leaf, evidence, records):
        """What the claim says, opened."""
        return {
            "written": leaf["written"],
            "evidence_root": evidence["evidence_root"],
            "records": evidence["records"],
            "units": leaf["units"],
            "work": self.claim["work"],
            "check_work": self.claim["check_work"],
            "end": leaf["end"],
            "rms": evidence["rms"],
            "shown": {record["position"]: record["bytes"] for record in records},
        }

    def wants(self, count, records):
        wanted = trees.positions(self.id, count, self.positions)
        return wanted is not None and wanted == [record["position"] for record in records]

    def measured(self, found):
        """True if the sealed measure is that of the output, where all of it is shown."""
        if len(found["shown"]) != found["records"] or found["records"] == 0:
            return True
        whole = b"".join(found["shown"][at] for at in sorted(found["shown"]))
        return rms(self.policy, whole) == found["rms"]

    def heard(self):
        return self.seats and self.seats[-1]["done"] in ("found", "unserved")

    def weigh(self, tick):
        alone = self.stage == "jury" and not self.ticket["newcomer"]
        ready = self.phase == "opening" and self.heard() and (alone or self.opened is not None)
        if ready:
            self.resolve(tick)

    def compared(self, seat):
        if self.opened is None or seat["found"] is None:
            return None
        return compare(self.policy, self.threshold, self.opened, seat["found"])

    def tally(self):
        """How each juror that was heard stands, by its seat."""
        heard = [at for at in dict.fromkeys(self.draws) if self.seats[at]["done"] in ("found", "unserved")]
        voices = [(self.seats[at]["found"], self.draws.count(at)) for at in heard]
        return list(zip(heard, stands(self.policy, self.threshold, self.opened, voices)))

    def sides(self):
        """For each side, how often it was drawn, by how many, and what these weigh."""
        told, result = self.tally(), []
        for side in ("against", "with", "unserved"):
            seats = [at for at, stand in told if stand == side]
            weight = sum(self.seats[at]["stake"] for at in seats)
            result.append((sum(self.draws.count(at) for at in seats), len(seats), weight))
        return result

    def barred(self):
        """Who cannot be drawn next."""
        away = [seat["peer"] for seat in self.seats if self.jury_from is None or seat["done"] == "absent"]
        return {self.order["client"], self.order["provider"], *away}

    def drawn(self):
        """How many were drawn so far, whoever was drawn twice."""
        if self.jury_from is None:
            return len(self.seats)
        # Where two of three decide, the accuser is the first of them.
        return self.jury_from + len(self.draws) - (self.ticket["newcomer"] and not self.trap)

    def reached(self):
        """How many matched before any jury, and how many were not served."""
        before = self.seats if self.jury_from is None else self.seats[: self.jury_from]
        matched = sum(self.compared(seat) == MATCH for seat in before)
        return matched, sum(seat["done"] == "unserved" for seat in before)

    def unchecked(self):
        matched, unserved = self.reached()
        if unserved:
            return self.close("checked" if matched > unserved else "unreached")
        if self.trap:
            return self.close("trap")
        self.close("unchecked" if self.ticket["covered"] else "void")

    def weigh_check(self, tick):
        matched, unserved = self.reached()
        if matched >= max(1, self.ticket["prepaid"]) and matched > unserved:
            return self.close("checked")
        if self.disputed and unserved >= 3:
            return self.close("unchecked")
        if self.suspected and unserved:
            return self.close("unreached")
        if unserved >= matched + 8 or unserved and len(self.seats) >= self.checks["draws_max"]:
            return self.unchecked()
        self.seating(tick)

    def reconsider(self, tick):
        """A verifier that was not served has found something after all."""
        if self.phase == "seating":
            return self.resolve(tick) if self.jury_from is None else self.resolve_jury(self.round, tick)

    # A trap.

    def spring(self, tick):
        if self.compared(self.seats[-1]) != MATCH:
            return self.close("trap")
        self.jury_from = len(self.seats)
        self.seating(tick)

    def unserved_newcomer(self, tick):
        unserved = sum(seat["done"] == "unserved" for seat in self.seats)
        return self.close("unreached") if unserved >= 3 else self.seating(tick)

    def caught(self):
        """The seat that matched a trap, if two found something else."""
        if not self.trap or self.jury_from is None or [stand for _, stand in self.looked()].count("against") < 2:
            return None
        return self.jury_from - 1

    def hung(self):
        if self.trap:
            return self.close("trap")
        if self.ticket["newcomer"]:
            return self.refunded()
        (against, *_), (matched, *_), _ = self.sides()
        self.close("disputed" if against > matched else "void")

    def resolve(self, tick):
        if self.jury_from is not None:
            return self.resolve_jury(law.held(tick["round"] + law.AHEAD), tick)
        seat = self.seats[-1]
        if seat["done"] == "absent":
            absent = sum(seat["done"] == "absent" for seat in self.seats)
            return self.unchecked() if absent >= 3 else self.seating(tick)
        if seat["done"] == "unserved" and self.ticket["newcomer"] and self.trap:
            return self.unserved_newcomer(tick)
        if seat["done"] == "unserved":
            return self.look_again("seating", tick) if self.ticket["newcomer"] else self.weigh_check(tick)
        if self.trap:
            return self.spring(tick)
        found = self.compared(seat)
        if found == MATCH:
            return self.weigh_check(tick)
        if found == GREY:
            return self.close("grey_refunded" if self.ticket["standing"]["greys"] >= 3 else "grey")
        if self.ticket["newcomer"]:
            return self.look_again("doubting", tick)
        self.jury_from = len(self.seats)
        self.seating(tick)

    # Below the entry level two of three decide.

    def look_again(self, phase, tick):
        self.jury_from = len(self.seats)
        self.draws.append(len(self.seats) - 1)
        self.enter("jury", phase, round=law.held(tick["round"] + law.AHEAD))

    def looked(self):
        """How each draw stands, with its seat."""
        told = []
        for at in self.draws:
            seat = self.seats[at]
            if seat["done"] == "unserved":
                told.append((at, "unserved"))
            elif seat["done"] == "found":
                told.append((at, {MATCH: "with", GREY: "apart"}.get(self.compared(seat), "against")))
        return told

    def refunded(self):
        self.close("mismatch" if "against" in [stand for _, stand in self.looked()] else "unreached")

    def weigh_look(self, next_round):
        stands = [stand for _, stand in self.looked()]
        matched, against = stands.count("with"), stands.count("against")
        absent = sum(seat["done"] == "absent" for seat in self.seats)
        if matched >= 2:
            self.close("checked")
        elif against and against + stands.count("unserved") >= 2:
            self.close("mismatch")
        elif len(stands) >= 3 or absent >= 3:
            self.refunded()
        else:
            self.enter("jury", "seating", round=next_round)

    def resolve_jury(self, next_round, tick):
        if self.trap:
            lost = sum(seat["done"] == "absent" for seat in self.seats[self.jury_from :])
            over = len(self.looked()) >= 2 or lost >= 2
            return self.close("trap") if over else self.enter("jury", "seating", round=next_round)
        if self.ticket["newcomer"]:
            return self.weigh_look(next_round)
        sides, checks = self.sides(), self.checks
        (against, *_), (matched, *_), (unserved, *_) = sides
        if self.opened is None and against > matched:
            return self.enter("jury", "silence", until=tick["live"] + self.timers["silence"])
        asleep = sum(seat["stake"] for seat in self.seats if seat["done"] == "absent")
        electorate = max(0, self.electorate - asleep)

        def decides(side, far_enough):
            _, voices, weight = sides[side]
            return voices >= 2 and (far_enough or 2 * weight > electorate)

        if decides(0, against - matched >= checks["convict_margin"]):
            return self.close("slashed")
        if decides(1, 2 * (matched - against) - unserved >= 2 * checks["clear_margin"]):
            return self.close("cleared")
        if unserved - against - matched >= checks["unreached_margin"]:
            return self.close("unreached")
        if len(self.draws) < checks["draws_max"]:
            return self.enter("jury", "seating", round=next_round)
        if unserved > 0 and unserved >= against + matched:
            return self.close("unreached")
        self.hung()
