"""Costs, rates, tickets and what an order must be like: docs/protocol.md, sections 5, 9 and 10."""

ONE, MAX = 1 << 32, (1 << 64) - 1
AHEAD = 2
"""Rounds between a statement and the value that it is drawn with."""


def held(value):
    """A number held at the greatest that there is."""
    return min(value, MAX)


def share(amount, rate):
    return held(amount * rate >> 32)


def unsound(genesis):
    """True if no network can be run by these rules."""
    timers, checks, money = genesis["timers"], genesis["checks"], genesis["money"]
    waits = "claim reveal seal opening cancelling silence window".split()
    parts = [checks[name] for name in "base collusion power share_min share_max".split()]
    parts += [money[name] for name in "margin autostake autostake_newcomer".split()]
    founders = sum(founder["free"] + founder["stake"] for founder in genesis["verifiers"])
    return not (
        0 < timers["tick"] <= timers["gap_max"]
        and all(timers[name] > held(timers["gap_max"] + held(2 * timers["tick"])) for name in waits)
        and 1 <= timers["epoch_ticks"] <= 4096
        and max(parts) <= ONE
        and checks["base"] > 0
        and checks["margin_max"] <= 64
        and 1 <= checks["jurors_max"] <= 40
        and 1 <= checks["tries_max"] <= 256
        and money["low_water"] > 0
        and all(threshold["ok"] < threshold["bad"] for threshold in genesis["thresholds"])
        and money["pool"] + money["endowment"] + founders <= MAX
    )


def check_cost(genesis, work):
    return held(genesis["money"]["per_work"] * work)


def estimate(genesis, work):
    return -(-held(work * genesis["money"]["micros_per_work"]) // 1000)


def price(order):
    return order["unit_price"] * order["units_max"]


def quote(genesis, order, work, rate, margin):
    check, base = check_cost(genesis, work), genesis["checks"]["base"]
    fee = lambda of: share(share(check, of), held(ONE + margin))
    money = genesis["money"]
    return {
        "premium": fee(base),
        "dues": fee(max(0, rate - base)),
        "entry": max(held(price(order)), held(check * money["entry_checks"])),
        "slash": max(held(order["total_max"] * money["slash_multiple"]), held(check * money["slash_checks"])),
    }


def errs(rate, margin):
    """The chance that a jury of this margin errs."""

    def power(of):
        result = 1 << 60
        for _ in range(margin):
            result = result * (of << 28) >> 60
        return result

    wrong, right = power(rate), power(max(0, ONE - rate))
    return (wrong << 32) // (wrong + right) if wrong + right else ONE


def deterrence(checks, margin, gain, slash):
    wrong = errs(checks["collusion"], margin)
    caught = share(share(checks["power"], ONE - checks["collusion"]), ONE - wrong)
    slandered = share(checks["collusion"], wrong)
    if margin == 0 or gain + slash == 0 or caught <= slandered:
        return ONE
    lost = (gain << 32) // (gain + slash)
    return min(ONE, lost * checks["theta"] // (caught - slandered))


def ticket(genesis, job, order, standing):
    checks, timers = genesis["checks"], genesis["timers"]
    worth = held(price(order))
    margin = min(checks["margin_max"], max(0, standing["operators"] - 1) // 2)
    most = quote(genesis, order, order["work_max"], ONE, standing["fee_margin"])
    newcomer = standing["stake"] < most["entry"]
    ramp = min(ONE, (checks["ramp"] << 64) // (standing["trust"] + ONE))
    deters = deterrence(checks, margin, worth, min(most["slash"], standing["stake"]))
    policy = ONE if newcomer or standing["strict"] else min(ONE, max(checks["base"], deters, ramp))
    prepaid = max(order["checks"], int(newcomer))
    rate = ONE if prepaid > 0 or standing["endowed"] else policy
    costs = quote(genesis, order, order["work_max"], policy, standing["fee_margin"])
    fits = standing["exposed"] + worth <= min(standing["stake"], MAX)
    return {
        "job": job,
        "standing": standing,
        "rate": rate,
        "policy_rate": policy,
        "prepaid": prepaid,
        "margin": margin,
        "slash": most["slash"],
        "premium": costs["premium"],
        "dues": 0 if newcomer else costs["dues"],
        "newcomer": newcomer,
        "covered": fits and (rate < ONE or order["unchecked_ok"]),
        "window": max(timers["window"], course(genesis, order)),
        "claim_by": held(standing["opened"] + claim_time(genesis, order)),
    }


def claim_time(genesis, order):
    return held(held(3 * order["run_max"]) + genesis["timers"]["claim"])


def sealing(genesis, order):
    """For a seal."""
    return held(held(3 * estimate(genesis, order["work_max"])) + genesis["timers"]["seal"])


def course(genesis, order):
    timers = genesis["timers"]
    return held(
        timers["reveal"] + AHEAD * timers["tick"] + held(4 * sealing(genesis, order)) + timers["opening"]
    )


def inadmissible(genesis, order, accept, ticket):
    """True if one of the demands 3 to 17 is not met."""
    timers, checks, standing = genesis["timers"], genesis["checks"], ticket["standing"]
    manifest, worth = order["manifest"], price(order)
    total = worth + ticket["premium"] + ticket["prepaid"] * check_cost(genesis, order["work_max"])
    formats = [threshold["format"] for threshold in genesis["thresholds"]]
    lasts = claim_time(genesis, order) + timers["reveal"] + 2 * timers["tick"] + ticket["window"]
    return not (
        order["notary"] in genesis["notaries"]
        and min(order[name] for name in "units_max work_max unit_price run_max".split()) > 0
        and worth <= order["total_max"]
        and order["cancel_fee"] <= worth
        and manifest["name"]
        and manifest["licence"]
        and order["checks"] <= 16
        and order["client"] != order["provider"]
        and (manifest["policy"][0] == "exact" or manifest["policy"][1] in formats)
        and total <= MAX
        and accept["class"] == order["class"]
        and standing["opened"] <= order["open_by"] <= held(standing["opened"] + timers["settle_max"])
        and order["total_max"] >= total
        and worth >= ticket["dues"]
        and ticket["policy_rate"] <= accept["rate_max"]
        and held(lasts) <= timers["settle_max"]
        and (ticket["covered"] or ticket["rate"] == ONE)
        and (
            standing["operators"] >= max(checks["operators_min"], ticket["prepaid"])
            or order["unchecked_ok"]
            and ticket["covered"]
        )
    )
