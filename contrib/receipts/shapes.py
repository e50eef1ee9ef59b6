"""The statements, messages and receipts of docs/protocol.md, sections 4, 5, 14 and 15, as shapes."""

from wire import Bool, Byte, Enumeration, Number, Option, Plain, Sized, Structure, Text, Tuple, Vector

U16, U64, BOOL = Number(16), Number(64), Bool()
NAME, SIGNATURE = Sized(32), Sized(64)
PATH = Vector(NAME, 32)

END = Enumeration("stop", "length", "cancelled")
FORMAT = Enumeration("f32")
OUTCOMES = (
    "not_drawn checked grey cleared unchecked no_claim aborted cancelled grey_refunded mismatch disputed withdrawn "
    "slashed silent false_stream false_opening void unreached trap"
).split()
OUTCOME = Enumeration(*OUTCOMES)
REFUSAL = Enumeration(
    *(
        "busy price model_absent class limits conflict late future self_dealing notary nonce frozen newcomer funds "
        "total dues rate settle exposure checkers numbers policy full"
    ).split()
)
FAILURE = Enumeration(*"bad_input trap limit overdue empty input_absent unusable machine busy not_started".split())

MANIFEST = Structure(
    name=Text(64),
    runner=NAME,
    model=NAME,
    params=Text(4096),
    policy=Enumeration("exact", tensor=FORMAT, replay=None),
    meter=Enumeration(calls=None, tokens=Structure(read=Number(32), written=Number(32)), mega_fuel=None),
    work=Structure(call=U64, token_read=U64, token_written=U64, mega_fuel=U64),
    work_most=U64,
    memory_bytes=U64,
    licence=Text(64),
)
HEAD = Structure(sequence=U64, digest=NAME)
WRITTEN = Structure(root=NAME, records=U64, blob=NAME)
OUTPUT_LEAF = Structure(written=WRITTEN, units=U64, end=END, blind=NAME)
EVIDENCE_LEAF = Structure(evidence_root=NAME, records=U64, rms=U64, blind=NAME)
EVIDENCE = Structure(
    written=WRITTEN, evidence_root=NAME, records=U64, units=U64, work=U64, check_work=U64, end=END, rms=U64, salt=NAME
)
RECORD = Structure(position=U64, bytes=Sized(256, 0), path=PATH)
RECORDS = Vector(RECORD, 16)
SQUARES = Structure(high=U64, low=U64)
STANDING = Structure(
    opened=U64,
    round=U64,
    position=U64,
    checkers=Structure(leaves=U64, weight=U64, squares=SQUARES, parties=Tuple(U64, U64), missing=U64),
    trust=U64,
    greys=U64,
    strict=BOOL,
    endowed=BOOL,
    stake=U64,
    exposed=U64,
    reserve=U64,
    serving=U64,
    open=U64,
    fee_margin=U64,
)
TICKET = Structure(
    job=NAME,
    standing=STANDING,
    rate=U64,
    policy_rate=U64,
    prepaid=U16,
    slash=U64,
    premium=U64,
    dues=U64,
    newcomer=BOOL,
    covered=BOOL,
    place=U64,
    window=U64,
    claim_by=U64,
)
SERVICE = Structure(manifest=NAME, name=Text(64), unit_price=U64, run=U64, warm=BOOL)
BENCH = Structure(
    **{"class": NAME}, machine=Text(256), device=Text(256), memory_free=U64, slots=U16, services=Vector(SERVICE, 16)
)


class Signed:
    """A signed statement: body, signer, signature."""

    def __init__(self, kind):
        self.kind = kind

    def inside(self):
        return Structure(body=BODIES[self.kind], signer=NAME, signature=SIGNATURE)

    def read(self, source):
        return {"kind": self.kind, **self.inside().read(source)}

    def write(self, value):
        return self.inside().write(value)


NOTICE_EVENT = Enumeration(
    claimed=Structure(position=U64, claim=Signed("Claim")),
    cancelled=None,
    disputed=None,
    open=Structure(beacon=Option(NAME)),
    closed=Structure(outcome=OUTCOME, receipt=NAME),
    unknown=None,
    overdue=None,
)
BODIES = {
    "Order": Structure(
        client=NAME,
        provider=NAME,
        notary=NAME,
        lane=U16,
        nonce=U64,
        **{"class": NAME},
        manifest=MANIFEST,
        input_commit=NAME,
        units_max=U64,
        work_max=U64,
        unit_price=U64,
        total_max=U64,
        checks=U16,
        unchecked_ok=BOOL,
        cancel_fee=U64,
        run_max=U64,
        open_by=U64,
        secret_commit=NAME,
    ),
    "Offer": Structure(
        sequence=U64,
        valid_until=U64,
        benches=Vector(BENCH, 4),
        notaries=Vector(NAME, 16),
        addresses=Vector(Text(1 << 16), 8),
        reachability=Enumeration("unknown", "reached", "hidden"),
        standing=Option(Signed("Standing")),
    ),
    "Propose": Structure(order=Signed("Order"), standing=Option(Signed("Standing"))),
    "Accept": Structure(job=NAME, **{"class": NAME}, rate_max=U64, starts_in=U64),
    "Refuse": Structure(job=NAME, reason=REFUSAL),
    "Open": Structure(order=Signed("Order"), accept=Signed("Accept")),
    "Ticket": TICKET,
    "Start": Structure(order=Signed("Order"), ticket=Signed("Ticket")),
    "Abort": Structure(job=NAME, ticket=NAME, reason=FAILURE),
    "Claim": Structure(job=NAME, ticket=NAME, units=U64, work=U64, check_work=U64, end=END, commit=NAME),
    "Deliver": Structure(claim=Signed("Claim"), leaf=OUTPUT_LEAF, evidence=NAME),
    "Reveal": Structure(job=NAME, position=U64, secret=NAME),
    "Check": Structure(
        job=NAME,
        verifier=NAME,
        **{"class": NAME},
        manifest=MANIFEST,
        units_max=U64,
        run_max=U64,
        seed=NAME,
        input_commit=NAME,
        sources=Tuple(NAME, NAME),
        seal_by=U64,
        draft=Option(Structure(written=WRITTEN, units=U64, end=END)),
        due=U64,
    ),
    "Seal": Structure(job=NAME, commit=NAME, evidence=Option(EVIDENCE)),
    "Underway": Structure(job=NAME, due=U64),
    "Unserved": Structure(job=NAME),
    "Trap": Structure(job=NAME, commit=NAME),
    "OpenClaim": Structure(
        job=NAME, output=OUTPUT_LEAF, evidence=EVIDENCE_LEAF, records=RECORDS, trap=Option(Signed("Trap"))
    ),
    "OpenSeal": Structure(job=NAME, evidence=EVIDENCE, records=RECORDS),
    "Notice": Structure(job=NAME, event=NOTICE_EVENT, head=HEAD),
    "Query": Structure(sequence=U64, job=Option(NAME), standing=BOOL),
    "Account": Structure(
        sequence=U64,
        free=U64,
        stake=U64,
        unbonding=U64,
        forfeited=U64,
        instruction=U64,
        held=U64,
        owed=U64,
        fee_margin=U64,
        suspended=U64,
        open=U64,
        head=HEAD,
    ),
    "Cancel": Structure(job=NAME, ticket=NAME),
    "Dispute": Structure(job=NAME),
    "Output": Structure(job=NAME, records=U64, root=NAME),
    "Contradict": Structure(
        job=NAME, output=Signed("Output"), leaf=OUTPUT_LEAF, evidence=NAME, records=Option(Tuple(RECORD, RECORD))
    ),
    "Stake": Structure(notary=NAME, sequence=U64, amount=U64, target=Option(U64)),
    "Unstake": Structure(notary=NAME, sequence=U64, amount=U64),
    "Register": Structure(
        notary=NAME,
        sequence=U64,
        kinds=Vector(Structure(**{"class": NAME}, manifest=NAME, work_most=U64), 64),
    ),
    "Grant": Structure(notary=NAME, account=NAME, amount=U64, serial=U64),
    "Tick": Structure(
        round=U64,
        time=U64,
        live=U64,
        beacon=NAME,
        checkpoint=Option(Structure(anchor=NAME, rosters=NAME, head=HEAD, convicted=Vector(Structure(peer=NAME, on=U64), 32))),
    ),
    "Settled": Structure(job=NAME, receipt=NAME),
    "Standing": Structure(
        peer=NAME,
        epoch=U64,
        stake=U64,
        exposed=U64,
        passed=Vector(Plain(16), 16),
        unclaimed=Byte(),
        convictions=U64,
        convicted_on=U64,
        means=Byte(),
    ),
}
MESSAGES = (
    "Offer Propose Accept Refuse Open Ticket Start Abort Claim Deliver Reveal Check Seal Unserved OpenClaim OpenSeal "
    "Notice Query Account Cancel Dispute Output Contradict Stake Unstake Register Grant Tick Settled Underway "
    "Standing"
).split()
MESSAGE = Enumeration(**{kind: Signed(kind) for kind in MESSAGES})

GENESIS = Structure(
    name=Text(64),
    unit=Text(64),
    real_money=BOOL,
    notaries=Vector(NAME, 16),
    issuer=NAME,
    timers=Structure(
        **dict.fromkeys(
            "tick gap_max epoch_ticks claim reveal input underway seal opening silence cancelling unbonding window "
            "settle_max missed".split(),
            U64,
        )
    ),
    checks=Structure(
        **dict.fromkeys(
            "base ramp theta collusion power leaves_min effective_min party_share weight_kept stake_checks "
            "convict_margin clear_margin unreached_margin draws_max second tries_max endowed_checks".split(),
            U64,
        )
    ),
    money=Structure(
        **dict.fromkeys(
            "per_work micros_per_work margin pool endowment low_water welcome welcomes_per_hour slash_multiple "
            "slash_checks bounty_checks entry_checks autostake_newcomer autostake autostake_multiple "
            "place_hour jobs_max".split(),
            U64,
        )
    ),
    thresholds=Vector(Structure(format=FORMAT, ok=U64, bad=U64), 16),
    manifests=Vector(MANIFEST, 64),
    endowed=Vector(Structure(model=NAME, **{"class": NAME}), 64),
    verifiers=Vector(Structure(peer=NAME, stake=U64, free=U64, classes=Vector(NAME, 16)), 256),
)
NODE = Structure(digest=NAME, sum=U64)
TRY = Structure(
    leaf=Structure(peer=NAME, stake=U64),
    path=Vector(Structure(node=NODE, left=BOOL), 32),
)
HAPPENING = Enumeration(
    claim=Structure(claim=Signed("Claim"), position=U64),
    abort=Signed("Abort"),
    cancel=Signed("Cancel"),
    reveal=Signed("Reveal"),
    dispute=Signed("Dispute"),
    contradict=Signed("Contradict"),
    draw=Structure(check=BOOL),
    seat=Structure(tries=Vector(TRY, 256), after=Option(U64)),
    seal=Signed("Seal"),
    unserved=Signed("Unserved"),
    open_claim=Structure(opening=Signed("OpenClaim"), blind=NAME, pledged=U64),
    open_seal=Signed("OpenSeal"),
    tick=None,
    convicted=None,
    unreached=None,
    underway=Signed("Underway"),
)
FEES = Vector(Structure(peer=NAME, amount=U64))
LISTING = Structure(
    roster=Structure(epoch=U64, count=U64, top=NODE, squares=SQUARES),
    position=U64,
    count=U64,
    path=PATH,
    parties=Vector(TRY, 2),
)
STORY = Structure(
    genesis=GENESIS,
    open=Signed("Open"),
    ticket=TICKET,
    ticks=Vector(Signed("Tick"), 2048),
    events=Vector(Structure(round=U64, what=HAPPENING), 1024),
    listing=Option(LISTING),
    outcome=OUTCOME,
    settlement=Structure(client=U64, provider=U64, slashed=U64, fees=FEES, fines=FEES),
    position=U64,
)
RECEIPT = Structure(story=STORY, settled=Signed("Settled"))
