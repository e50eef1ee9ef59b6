"""The judgement of a receipt: docs/protocol.md, section 15."""

import law
import names
import trees
from course import NOBODY, Job, Refused
from payout import settle
from shapes import BODIES, GENESIS, MANIFEST, STORY
from wire import Malformed

ENCODING, NETWORK, NOTARY, ORDER, TICKS = "encoding", "network", "notary's signature", "order", "ticks"
TICKET, VERIFIERS, IN_TIME, DRAW = "ticket", "verifiers", "in time", "draw"
OUTCOME, PAYOUT = "outcome", "payout"
DAY_MS, CONVICTED_DAYS = 86_400_000, 30
STEPS = {
    **dict.fromkeys(("claim", "abort"), "claim"),
    **dict.fromkeys(("cancel", "dispute", "contradict"), "objection"),
    **dict.fromkeys(("underway", "seal", "unserved", "open_claim", "open_seal"), "evidence"),
    **dict.fromkeys(("tick", "convicted", "unreached"), OUTCOME),
    "reveal": "reveal",
    "draw": DRAW,
    "seat": VERIFIERS,
}


def judge(data):
    """The first step that fails; none if all that are looked at here hold."""
    try:
        receipt = names.receipt(data)
    except Malformed:
        return ENCODING
    story, settled = receipt["story"], receipt["settled"]
    network = names.digest("genesis", GENESIS.write(story["genesis"]))
    if settled["body"]["receipt"] != names.digest("story", STORY.write(story)):
        return NOTARY
    if law.unsound(story["genesis"]):
        return NETWORK
    known = settled["signer"] in story["genesis"]["notaries"]
    if not known or not names.is_signed(settled, network) or settled["body"]["job"] != story["ticket"]["job"]:
        return NOTARY
    return (
        order(story, settled, network)
        or ticks(story, settled["signer"], network)
        or ticket(story)
        or listing(story)
        or Replay(story, network).judge()
    )


def order(story, settled, network):
    opened = story["open"]
    said, accept = opened["body"]["order"], opened["body"]["accept"]
    terms = said["body"]
    job = names.digest("Order", BODIES["Order"].write(terms))
    holds = (
        not names.forged(opened, network)
        and opened["signer"] == said["signer"] == terms["client"]
        and accept["signer"] == terms["provider"]
        and accept["body"]["job"] == job
        and terms["notary"] == settled["signer"]
    )
    return None if holds else ORDER


def ticks(story, notary, network):
    timers = story["genesis"]["timers"]
    length, last, told = timers["epoch_ticks"], None, {}
    for signed in story["ticks"]:
        tick = signed["body"]
        begins = tick["round"] % length == 0
        holds = (
            signed["signer"] == notary
            and names.is_signed(signed, network)
            and (last is None or tick["round"] > last["round"] and tick["time"] >= last["time"])
            and counts(tick, last, timers)
            and (tick["checkpoint"] is not None) == begins
            and names_convicts(tick)
        )
        if not holds:
            return TICKS
        last = told[tick["round"]] = tick
    rounds = [event["round"] for event in story["events"]]
    used = {story["ticket"]["standing"]["round"], *rounds}
    wanted = set(used)
    for at in used:
        anchor = max(at - 1, 0) // length * length
        wanted.add(anchor)
        if at not in told or anchor not in told:
            return TICKS
        value = told[at]["beacon"]
        for _ in range(at - anchor):
            value = names.digest("beacon", names.name(value))
        if value != told[anchor]["checkpoint"]["anchor"]:
            return TICKS
    claimed = next((event["round"] for event in story["events"] if event["what"][0] == "claim"), None)
    if claimed is not None:
        wanted.add(claimed // length * length)
    return None if wanted == set(told) else TICKS


def names_convicts(tick):
    """Whether a checkpoint names convicts of the last days, each once and in order."""
    convicted = tick["checkpoint"]["convicted"] if tick["checkpoint"] else []
    today, peers = tick["time"] // DAY_MS, [convict["peer"] for convict in convicted]
    counts_still = all(0 < convict["on"] <= today <= convict["on"] + CONVICTED_DAYS for convict in convicted)
    return len(convicted) <= 32 and peers == sorted(set(peers)) and counts_still


def counts(tick, last, timers):
    """Whether live time passed as the times of the ticks give it."""
    if last is None:
        return tick["live"] == tick["time"] if tick["round"] == 0 else tick["live"] <= tick["time"]
    apart, passed = tick["time"] - last["time"], tick["live"] - last["live"]
    between, gap, one = tick["round"] - last["round"], timers["gap_max"], timers["tick"]
    if apart <= gap:
        return passed == apart
    if between == 1:
        return passed == one
    most = apart if apart <= between * gap else (between - 1) * gap + one
    return one <= passed <= most


def terms_of(story):
    return story["open"]["body"]["order"]["body"]


def ticket(story):
    terms, accept = terms_of(story), story["open"]["body"]["accept"]["body"]
    job, standing = names.digest("Order", BODIES["Order"].write(terms)), story["ticket"]["standing"]
    opened = next((tick["body"] for tick in story["ticks"] if tick["body"]["round"] == standing["round"]), None)
    follows = story["ticket"] == law.ticket(story["genesis"], job, terms, standing)
    holds = (
        follows
        and not law.inadmissible(story["genesis"], terms, accept, story["ticket"])
        and opened is not None
        and opened["time"] == standing["opened"]
    )
    return None if holds else TICKET


def listing(story):
    if story["listing"] is None:
        return None
    claimed = next((event["round"] for event in story["events"] if event["what"][0] == "claim"), None)
    if claimed is None:
        return VERIFIERS
    length, terms = story["genesis"]["timers"]["epoch_ticks"], terms_of(story)
    told = {tick["body"]["round"]: tick["body"]["checkpoint"] for tick in story["ticks"]}
    checkpoint = told[claimed // length * length]
    kind = terms["class"], names.digest("manifest", MANIFEST.write(terms["manifest"])), terms["manifest"]["work_most"]
    fits = trees.lists(story["listing"], checkpoint["rosters"], kind)
    roster, members = story["listing"]["roster"], story["listing"]["parties"]
    parties = iter((terms["client"], terms["provider"]))
    shown = all(
        member["leaf"]["peer"] in parties and trees.reach(member, roster["top"]) is not None for member in members
    )
    return None if shown and fits and roster["epoch"] == claimed // length else VERIFIERS


class Replay:
    """The job as it moves by the events that are told."""

    def __init__(self, story, network):
        self.story, self.network = story, network
        self.told = {tick["body"]["round"]: tick["body"] for tick in story["ticks"]}
        standing = story["ticket"]["standing"]
        self.job = Job(story["genesis"], terms_of(story), story["ticket"], self.told[standing["round"]])

    def judge(self):
        last = self.story["ticket"]["standing"]["round"]
        for event in self.story["events"]:
            if event["round"] < last:
                return TICKS
            last = event["round"]
            failed = self.event(event["what"], self.told[last])
            if failed:
                return failed
        if self.job.outcome != self.story["outcome"][0]:
            return OUTCOME
        settlement, ticket = self.story["settlement"], self.story["ticket"]
        at_stake, within = settlement["slashed"], settlement["slashed"] <= ticket["slash"]
        caught = self.job.caught()
        if caught is not None:
            peer = self.job.seats[caught]["peer"]
            at_stake = next((fine["amount"] for fine in settlement["fines"] if fine["peer"] == peer), at_stake)
        fits = within and settlement == settle(self.job, at_stake)
        return None if fits else PAYOUT

    def event(self, what, tick):
        """The step that this event fails at, if it does."""
        kind, content = what
        job, step = self.job, STEPS[kind]
        if self.is_late(kind, tick):
            return IN_TIME
        said = content[{"claim": "claim", "open_claim": "opening"}[kind]] if kind in ("claim", "open_claim") else content
        if isinstance(said, dict) and "signature" in said and not self.is_said(kind, said):
            return step
        if kind == "draw" and not self.is_drawn(content["check"], tick):
            return step
        if kind == "seat" and not self.is_cast(content, tick):
            return step
        before = job.moved()
        try:
            if kind == "claim":
                job.step_claim(said, tick, content["position"])
            elif kind == "open_claim":
                job.step_open_claim(said, tick, content["pledged"])
            else:
                getattr(job, "step_" + kind)(said, tick)
        except Refused:
            return step
        if kind == "claim" and self.story["listing"] is not None:
            listing = self.story["listing"]
            parties = sum(member["leaf"]["stake"] for member in listing["parties"])
            job.electorate = max(0, listing["roster"]["top"]["sum"] - parties)
        if job.stage == "closed":
            job.lasted = max(0, tick["live"] - job.began)
        return step if step == OUTCOME and job.moved() == before else None

    def is_late(self, kind, tick):
        job, now, at = self.job, tick["live"], tick["round"]
        until = None if job.stage == "waiting" and kind != "dispute" else job.until
        awaited = job.positions_round if job.positions is None else None
        rounds = [due for due in (job.round, awaited) if due is not None]
        if kind in ("tick", "convicted", "unreached"):
            before = max((other for other in self.told if other < at), default=None)
            earlier = 0 if before is None else self.told[before]["live"]
            gap = job.timers["gap_max"]
            missed = until is not None and (earlier >= until or now >= law.held(until + gap))
            return missed or any(due < at for due in rounds)
        if kind in ("draw", "seat"):
            return awaited is not None and awaited <= at
        return until is not None and now >= until or any(due <= at for due in rounds)

    def is_said(self, kind, said):
        """True if a statement is signed, about this job, and by the party whose step it is."""
        job = self.job
        if kind in ("underway", "seal", "unserved", "open_seal"):
            right = any(seat["peer"] == said["signer"] for seat in job.seats)
        else:
            party = "client" if kind in ("cancel", "reveal", "dispute", "contradict") else "provider"
            right = said["signer"] == job.order[party]
        return right and said["body"]["job"] == job.id and not names.forged(said, self.network)

    def is_drawn(self, check, tick):
        job = self.job
        if job.round != tick["round"]:
            return False
        if job.phase == "doubting":
            chance = law.second(job.genesis, job.order)
            return check == trees.is_second(job.id, job.secret or NOBODY, tick["beacon"], chance)
        claim = NOBODY if job.claim is None else names.digest("Claim", BODIES["Claim"].write(job.claim))
        secret, rate = job.secret or NOBODY, self.story["ticket"]["rate"]
        return check == trees.is_drawn(job.id, claim, secret, tick["beacon"], rate)

    def is_cast(self, content, tick):
        job, roster = self.job, self.story["listing"]
        tries, after = content["tries"], content["after"]
        if job.round != tick["round"]:
            return False
        if after is not None:
            seated = [seat["peer"] for seat in job.seats]
            latest = law.held(tick["live"] + job.timers["settle_max"])
            if not tries or tries[-1]["leaf"]["peer"] in seated or not tick["live"] < after <= latest:
                return False
        if not tries:
            return True
        if roster is None or len(tries) > job.checks["tries_max"]:
            return False
        top, seat, away = roster["roster"]["top"], job.drawn(), job.barred()
        for attempt, tried in enumerate(tries):
            leaf = tried["leaf"]
            barred = leaf["peer"] in away
            drawn = top["sum"] > 0 and trees.place(
                job.id, job.secret or NOBODY, tick["beacon"], seat, attempt, top["sum"]
            )
            if drawn is False or not trees.lies_at(tried, top, drawn) or barred == (tried is tries[-1]):
                return False
        return True
