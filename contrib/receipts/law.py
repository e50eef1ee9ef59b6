"""Costs, rates, tickets and what an order must be like: docs/protocol.md, sections 5, 9 and 10."""

ONE, MAX = 1 << 32, (1 << 64) - 1
AHEAD, HOUR = 2, 3_600_000
"""Rounds between a statement and the value that it is drawn with."""


def held(value):
    """A number held at the greatest that there is."""
    return min(value, MAX)


def share(amount, rate):
    return held(amount * rate >> 32)


def unsound(genesis):
    """True if no network can be run by these rules."""
    timers, checks, money = genesis["timers"], genesis["checks"], genesis["money"]
    waits = "claim reveal underway seal opening cancelling silence window".split()
    parts = [checks[name] for name in "base collusion power party_share weight_kept second".split()]
    parts += [money[name] for name in "margin autostake autostake_newcomer".split()]
    founders = sum(founder["free"] + founder["stake"] for founder in genesis["verifiers"])
    return not (
        len(genesis["notaries"]) <= 1
        and all(manifest["name"] and manifest["licence"] for manifest in genesis["manifests"])
        and 0 < timers["tick"] <= timers["gap_max"]
        and all(timers[name] > held(timers["gap_max"] + held(2 * timers["tick"])) for name in waits)
        and 1 <= timers["epoch_ticks"] <= 4096
        and max(parts) <= ONE
        and checks["base"] > 0
        and checks["second"] > 0
        and checks["stake_checks"] >= 3
        and all(1 <= checks[name + "_margin"] <= 64 for name in ("convict", "clear", "unreached"))
        and 1 <= checks["draws_max"] <= 40
        and 1 <= checks["tries_max"] <= 256
        and money["low_water"] > 0
        and 1 <= money["jobs_max"] <= 1_000_000
        and all(threshold["ok"] < threshold["bad"] for threshold in genesis["thresholds"])
        and money["pool"] + money["endowment"] + founders <= MAX
    )


def check_cost(genesis, work):
    return held(genesis["money"]["per_work"] * work)


def forfeit(genesis, order):
    """What is at stake in a trap."""
    return held(check_cost(genesis, order["manifest"]["work_most"]) * genesis["checks"]["stake_checks"])


def estimate(genesis, work):
    return -(-held(work * genesis["money"]["micros_per_work"]) // 1000)


def price(order):
    return order["unit_price"] * order["units_max"]


def rows(order):
    """True if a run is proven by the rows that made it, so that a check reads what the run wrote."""
    return order["manifest"]["policy"][0] == "replay"


def check_work_max(order):
    """The most work of a check that finds what was claimed."""
    meter, work = order["manifest"]["meter"], order["manifest"]["work"]
    lightest = min(meter[1].values()) if meter[0] == "tokens" else 0
    if not rows(order) or not lightest or work["call"] or work["mega_fuel"]:
        return order["work_max"]
    return min(held(order["units_max"] // lightest * work["token_read"]), order["work_max"])


def work_least(order, units):
    """The least work of a run of so many units, and of a check of it."""
    (meter, weights), work = order["manifest"]["meter"], order["manifest"]["work"]
    if meter != "tokens":
        run = held(units * work["call" if meter == "calls" else "mega_fuel"])
        return run, run

    def least(written):
        kinds = ((weights["read"], work["token_read"]), (weights["written"], written))
        return held(min((units * each // weight for weight, each in kinds if weight), default=0))

    run = least(work["token_written"])
    return run, min(run, least(work["token_read"])) if rows(order) else run


def quote(genesis, order, work, rate, margin):
    check, base = check_cost(genesis, work), genesis["checks"]["base"]
    run = check_cost(genesis, order["work_max"])
    fee = lambda of: share(share(check, of), held(ONE + margin))
    money = genesis["money"]
    return {
        "premium": fee(base),
        "dues": fee(max(0, rate - base)),
        "entry": held(price(order) + held(run * money["entry_checks"])),
    }


def second(genesis, order):
    """The chance that somebody looks again where a newcomer is accused."""
    chance = genesis["checks"]["second"]
    dear = price(order) > MAX or share(price(order), chance) > check_cost(genesis, order["work_max"])
    return ONE if dear else chance


def advance(genesis, order, prepaid, newcomer):
    """What is paid before it is known whether the job is checked: a newcomer's check may have to be a run."""
    check = check_cost(genesis, order["work_max"] if newcomer else check_work_max(order))
    return max(prepaid, 1) * check + (share(check, second(genesis, order)) if newcomer else 0)


def slash(genesis, order, prepaid, newcomer):
    """Of several prepaid checks one counts."""
    run, money = check_cost(genesis, order["work_max"]), genesis["money"]
    counted = max(0, order["total_max"] - max(0, held(advance(genesis, order, prepaid, newcomer)) - run))
    return max(held(counted * money["slash_multiple"]), held(run * money["slash_checks"]))


def place(money, jobs):
    """What an hour in the books costs: twice as much with every eighth of jobs_max."""
    full, eighth = min(ONE, (jobs << 32) // money["jobs_max"]), 1 << 29
    begins = 1 << 28 + full // eighth
    return share(money["place_hour"], begins + begins * (full % eighth) // eighth)


def hours(lasts):
    """Begun hours, at least one."""
    return max(1, -(-lasts // HOUR))


def settles(genesis, order, ticket):
    """How long the job may take until it is paid, where it is not drawn."""
    timers = genesis["timers"]
    reveals = held(timers["reveal"] + AHEAD * timers["tick"])
    return held(held(claim_time(genesis, order) + reveals) + ticket["window"])


def covered(genesis, order, standing):
    """True if the stake bears this job beside those that it bears."""
    check = check_cost(genesis, order["work_max"])
    takes = price(order) + 2 * check
    jury = check * genesis["money"]["slash_checks"]
    alone = standing["serving"] == 0 or 4 * takes <= standing["stake"]
    return alone and standing["exposed"] + takes + max(standing["reserve"], jury) <= standing["stake"]


def suffice(checks, checkers, prepaid):
    """True if those who could check are enough, and neither party weighs too much among them."""
    squares = checkers["squares"]["high"] << 64 | checkers["squares"]["low"]
    weight = checkers["weight"]
    whole = weight + sum(checkers["parties"])
    return (
        checkers["leaves"] >= max(checks["leaves_min"], prepaid)
        and weight * weight << 32 >= squares * checks["effective_min"]
        and all(party << 32 <= checks["party_share"] * whole for party in checkers["parties"])
        and whole << 32 >= checks["weight_kept"] * (whole + checkers["missing"])
    )


def convicts(checks, against):
    """The chance that a jury convicts each draw of which is against with this chance."""
    places = [0] * (checks["clear_margin"] + checks["convict_margin"] + 1)
    places[checks["clear_margin"]] = ONE
    for _ in range(checks["draws_max"]):
        moved = [0] * (len(places) - 1) + [places[-1]]
        for at in range(1, len(places) - 1):
            moved[at + 1] += share(places[at], against)
            moved[at - 1] += share(places[at], ONE - against)
        places = moved
    return places[-1]


def deterrence(checks, gain, slash):
    friends = checks["collusion"]
    caught = share(share(checks["power"], ONE - friends), convicts(checks, ONE - friends))
    slandered = share(friends, convicts(checks, friends))
    if gain + slash == 0 or caught <= slandered:
        return ONE
    lost = (gain << 32) // (gain + slash)
    return min(ONE, lost * checks["theta"] // (caught - slandered))


def ticket(genesis, job, order, standing):
    checks, timers = genesis["checks"], genesis["timers"]
    worth = held(price(order))
    most = quote(genesis, order, check_work_max(order), ONE, standing["fee_margin"])
    newcomer = standing["stake"] < most["entry"]
    ramp = min(ONE, (checks["ramp"] << 64) // (standing["trust"] + ONE))
    prepaid = max(order["checks"], int(newcomer))
    most_slashed = slash(genesis, order, prepaid, newcomer)
    deters = deterrence(checks, worth, min(most_slashed, standing["stake"]))
    policy = ONE if newcomer or standing["strict"] else min(ONE, max(checks["base"], deters, ramp))
    rate = ONE if prepaid > 0 or standing["endowed"] else policy
    costs = quote(genesis, order, check_work_max(order), policy, standing["fee_margin"])
    return {
        "job": job,
        "standing": standing,
        "rate": rate,
        "policy_rate": policy,
        "prepaid": prepaid,
        "slash": most_slashed,
        "premium": costs["premium"],
        "dues": 0 if newcomer else costs["dues"],
        "newcomer": newcomer,
        "covered": covered(genesis, order, standing),
        "place": place(genesis["money"], standing["open"]),
        "window": max(timers["window"], course(genesis, order)),
        "claim_by": held(standing["opened"] + claim_time(genesis, order)),
    }


def claim_time(genesis, order):
    return held(held(3 * order["run_max"]) + genesis["timers"]["claim"])


def sealing(genesis, order):
    """For a seal."""
    along = estimate(genesis, check_work_max(order)) if rows(order) else 0
    working = held(estimate(genesis, order["work_max"]) + along)
    return held(held(3 * max(working, order["run_max"])) + genesis["timers"]["seal"])


def course(genesis, order):
    timers = genesis["timers"]
    return held(
        timers["reveal"] + AHEAD * timers["tick"] + held(4 * sealing(genesis, order)) + timers["opening"]
    )


def inadmissible(genesis, order, accept, ticket):
    """True if one of the demands 3 to 17 is not met."""
    timers, checks, standing = genesis["timers"], genesis["checks"], ticket["standing"]
    manifest, worth = order["manifest"], price(order)
    lasts = settles(genesis, order, ticket)
    placed = ticket["place"] * hours(lasts)
    total = worth + ticket["premium"] + advance(genesis, order, ticket["prepaid"], ticket["newcomer"]) + placed
    formats = [threshold["format"] for threshold in genesis["thresholds"]]
    return not (
        order["notary"] in genesis["notaries"]
        and min(order[name] for name in "units_max work_max unit_price run_max".split()) > 0
        and worth <= order["total_max"]
        and order["cancel_fee"] <= worth
        and manifest["name"]
        and manifest["licence"]
        and order["checks"] <= 16
        and order["work_max"] <= manifest["work_most"]
        and order["run_max"] <= held(60_000 + held(10 * estimate(genesis, order["work_max"])))
        and order["client"] != order["provider"]
        and (manifest["policy"][0] != "tensor" or manifest["policy"][1] in formats)
        and total <= MAX
        and accept["class"] == order["class"]
        and standing["opened"] <= order["open_by"] <= held(standing["opened"] + timers["settle_max"])
        and total <= order["total_max"] <= 2 * total
        and worth >= ticket["dues"]
        and ticket["policy_rate"] <= accept["rate_max"]
        and lasts <= timers["settle_max"]
        and (ticket["covered"] or ticket["newcomer"])
        and (
            suffice(checks, standing["checkers"], ticket["prepaid"])
            or order["unchecked_ok"]
            and ticket["covered"]
        )
    )
