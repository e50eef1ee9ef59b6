"""Who gets what: docs/protocol.md, section 12."""

import law
from compare import GREY, MATCH, MISMATCH


def less(amount, *parts):
    for part in parts:
        amount = max(0, amount - part)
    return amount


def settle(job, at_stake):
    order, ticket, genesis, seats = job.order, job.ticket, job.genesis, job.seats
    least, least_check = law.work_least(order, job.claim["units"] if job.claim else 0)
    worked = min(max(job.claim["work"] if job.claim else 0, least), order["work_max"])
    total_max = order["total_max"]
    checked = "check_work" if law.rows(order) else "work"
    once = min(max(job.claim[checked] if job.claim else 0, least_check), law.check_work_max(order))
    check = law.check_cost(genesis, once)
    forfeit = law.forfeit(genesis, order)
    most = law.hours(law.settles(genesis, order, ticket))
    used = law.held(ticket["place"] * min(law.hours(job.lasted), most))
    held = less(total_max + job.pledged if total_max + job.pledged <= law.MAX else total_max, used)
    accuser = None if job.jury_from is None else job.jury_from - 1

    def work_of(seat):
        """A check, for who found what was claimed, and else a run."""
        if job.compared(seat) in (MATCH, GREY):
            return min(seat["found"][checked], law.check_work_max(order) if job.trap else once)
        return min(seat["found"]["work"], order["work_max"] if job.trap else worked)

    def fees_of(places):
        found = [seats[at] for at in places if seats[at]["found"] is not None]
        return [{"peer": seat["peer"], "amount": law.check_cost(genesis, work_of(seat))} for seat in found]

    before = range(len(seats) if job.jury_from is None else job.jury_from)
    first_fees = fees_of(before)
    agreed = [seat for seat in seats[:accuser] if job.compared(seat) != MISMATCH]
    agreed = [seat["found"] for seat in agreed if seat["found"] is not None]
    counted = min([once, *(found[checked] for found in agreed)])
    counted = law.check_work_max(order) if job.outcome == "trap" else counted
    units = min([job.claim["units"] if job.claim else 0, order["units_max"], *(found["units"] for found in agreed)])
    pay = order["unit_price"] * units
    pay = pay if pay <= law.MAX else 0
    costs = law.quote(genesis, order, counted, ticket["policy_rate"], ticket["standing"]["fee_margin"])
    # Who revealed nothing pays for the check, unless it was to be done for what the provider did.
    prepays = ticket["prepaid"] > 0 or job.disputed or not (job.revealed or job.forced)
    sum_of = lambda fees: law.held(sum(fee["amount"] for fee in fees))

    def settlement(client=0, provider=0, slashed=0, fees=(), fines=()):
        return {"client": client, "provider": provider, "slashed": slashed, "fees": list(fees), "fines": list(fines)}

    def fined(amount):
        return [{"peer": order["provider"], "amount": amount}] if amount else []

    def paid(fees):
        own = fees[0]["amount"] if fees and (ticket["newcomer"] or job.forced) else 0
        extra = beyond(fees)
        bears = min(own + extra if own + extra <= law.MAX else own, pay)
        of_own = min(own, bears)
        forced, rest = own - of_own if job.forced else 0, less(extra, bears - of_own)
        fines = fined(forced + rest if forced + rest <= law.MAX else forced)
        client = less(sum_of(fees), extra, of_own) if prepays else 0
        dues = 0 if ticket["newcomer"] else costs["dues"]
        return settlement(less(held, pay, costs["premium"], client), less(pay, bears, dues), fees=fees, fines=fines)

    def beyond(fees):
        """What checks cost that were done because others were not served."""
        return sum_of(fees[max(1, ticket["prepaid"]) :])

    def unserved_dispute():
        found = sum_of(first_fees)
        third = {"amount": check // 3}
        shares = [{"peer": seat["peer"], **third} for seat in seats if seat["done"] == "unserved"]
        client, provider = less(held, pay, costs["premium"], check), less(pay, found, costs["dues"])
        return settlement(client, provider, fees=first_fees + shares, fines=fined(less(found, pay)))

    def unreached():
        rest = law.check_cost(genesis, order["work_max"]) * genesis["money"]["slash_checks"]
        rest, fees = rest if rest <= law.MAX else law.MAX, []
        for at, seat in enumerate(seats):
            for fee in fees_of([at]):
                if job.compared(seat) != MISMATCH:
                    fee["amount"] = min(fee["amount"], rest)
                    rest -= fee["amount"]
                fees.append(fee)
        return settlement(held, fees=fees, fines=fined(sum_of(fees)))

    def cleared():
        tally = job.tally()
        agreement = job.compared(seats[accuser])
        slandered = agreement is None or agreement == MISMATCH
        before = [at for at in range(accuser + (not slandered)) if job.compared(seats[at]) != MISMATCH]
        with_it = fees_of(at for at, stand in tally if stand == "with" and at not in before)
        losers = [seats[accuser]["peer"]] if slandered else []
        losers += [] if slandered else [order["provider"]]
        losers += [seats[at]["peer"] for at, stand in tally if stand == "against" and at != accuser]
        each, rest = divmod(sum_of(with_it), len(losers))
        fines = [{"peer": peer, "amount": each + (at < rest)} for at, peer in enumerate(losers)]
        result = paid(fees_of(before))
        return dict(result, fees=result["fees"] + with_it, fines=result["fines"] + fines)

    def slashed(with_bounty):
        taken = min(ticket["slash"], at_stake)
        first = accuser if accuser is not None else len(seats) - 1 if seats else None
        if first is not None and seats[first]["found"] is None:
            first = None
        against = [at for at, stand in job.tally() if stand == "against" and at != first]
        fees = fees_of(([] if first is None else [first]) + against)
        if with_bounty and first is not None:
            most = fees[0]["amount"] * genesis["money"]["bounty_checks"]
            bounty = min(taken // 2, most if most <= law.MAX else taken)
            whole = fees[0]["amount"] + bounty
            fees[0]["amount"] = whole if whole <= law.MAX else fees[0]["amount"]
        return settlement(held, slashed=taken, fees=fees)

    wanted = max(1, ticket["prepaid"])
    again = law.second(genesis, order)

    def contradicted():
        looked = job.looked()
        drawn = [stand for _, stand in looked]
        amount = law.held(law.held(3 * law.check_cost(genesis, worked)) * law.ONE // again)
        other = {"with": "against", "against": "with"}
        wrong = dict.fromkeys(at for at, stand in looked if stand in other and drawn.count(other[stand]) >= 2)
        return [{"peer": seats[at]["peer"], "amount": amount} for at in wrong]

    def confirmed():
        fees = fees_of(range(len(seats)))
        result = paid(fees[:wanted])
        return dict(result, fees=fees, fines=result["fines"] + contradicted())

    def mismatched():
        fees = fees_of(range(len(seats)))
        more = law.share(law.check_cost(genesis, worked), again)
        client = less(held, costs["premium"], sum_of(fees[:wanted]), more)
        return settlement(client, fees=fees, fines=contradicted())

    def newcomer_unreached():
        fees = fees_of(range(len(seats)))
        third = {"amount": law.check_cost(genesis, worked) // 3}
        fees = fees or [{"peer": seat["peer"], **third} for seat in seats if seat["done"] == "unserved"]
        return settlement(less(held, sum_of(fees)), fees=fees)

    def undecided():
        known = any(order["class"] in founder["classes"] for founder in genesis["verifiers"])
        # Who revealed nothing pays for one.
        first = first_fees if ticket["prepaid"] or job.disputed else first_fees[:1]
        fees = fees_of(range(len(seats))) if known else first if prepays else []
        most = law.check_cost(genesis, once)
        borne = law.held(sum(min(fee["amount"], most) for fee in first)) if prepays else 0
        return settlement(less(held, borne), fees=fees)

    def remainder():
        """What went back of the price at the claim; one that was for the fee is no trap."""
        count = 5 if ticket["prepaid"] == 0 else max(wanted, genesis["checks"]["draws_max"])
        borne = law.held(check * (wanted + 2 if ticket["newcomer"] else count))
        kept = less(max(borne, ticket["dues"]), law.advance(genesis, order, ticket["prepaid"], ticket["newcomer"]))
        claimed = order["unit_price"] * min(job.claim["units"], order["units_max"])
        return less(law.price(order), max(claimed, kept))

    def trapped():
        caught = job.caught()
        first = accuser if accuser is not None else len(seats) - 1
        told = dict.fromkeys([first, *job.draws] if seats else [])
        fees = fees_of(at for at in told if at != caught)
        owed = less(held, costs["premium"], 0 if ticket["newcomer"] else costs["dues"])
        if caught is None:
            confirmed = accuser is not None and all(stand != "against" for _, stand in job.looked())
            lost = max(forfeit, sum_of(fees)) if confirmed or job.pledged < forfeit else sum_of(fees)
            return settlement(max(less(owed, lost), remainder()), fees=fees)
        fine = min(forfeit, at_stake)
        fines = [{"peer": seats[caught]["peer"], "amount": fine}]
        return settlement(less(owed, sum_of(fees)), fine, fees=fees, fines=fines)

    outcome = job.outcome
    if outcome == "trap":
        return trapped()
    if outcome == "not_drawn":
        return paid([])
    if outcome == "checked" and ticket["newcomer"] and job.jury_from is not None:
        return confirmed()
    if outcome == "mismatch":
        return mismatched()
    if outcome == "unreached" and ticket["newcomer"]:
        return newcomer_unreached()
    if outcome == "unchecked" and job.disputed and any(seat["done"] == "unserved" for seat in seats):
        return unserved_dispute()
    if outcome in ("checked", "grey", "unchecked"):
        return paid(first_fees)
    if outcome == "cleared":
        return cleared()
    if outcome == "grey_refunded":
        dues = 0 if ticket["newcomer"] else costs["dues"]
        forced = first_fees[0]["amount"] if job.forced and first_fees else 0
        extra = beyond(first_fees)
        owed = dues + forced + extra
        fines = fined(owed if owed <= law.MAX else dues)
        client = less(held, costs["premium"], less(sum_of(first_fees), extra) if prepays else 0)
        return settlement(client, fees=first_fees, fines=fines)
    if outcome == "cancelled":
        fee = order["cancel_fee"] if job.claim else 0
        return settlement(less(held, fee), fee)
    if outcome in ("slashed", "false_stream", "false_opening"):
        return slashed(True)
    if outcome == "silent":
        return slashed(False)
    if outcome in ("disputed", "void"):
        return undecided()
    if outcome == "unreached":
        return unreached()
    return settlement(held)
