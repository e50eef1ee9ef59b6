//! A busy day of one client, one provider and their verifiers, who all do as they should.

use assay_protocol::{job::Stage, units::Amount};

use crate::{
    cheap::Cheap,
    course::{Claimed, Conduct, Finding, output},
    office::{CLIENT, Office, PROVIDER, id},
};

/// Jobs that are begun together.
pub(crate) const JOBS: u16 = 128;
/// Numbers in an output.
const NUMBERS: usize = 100;
/// A job in so many ends in a refund for want of a claim.
const CLAIMS: u64 = 20;

/// Books in which trust comes quickly, and a client that can pay for many days.
pub(crate) fn market() -> Office<Cheap> {
    Office::new(|genesis| {
        genesis.checks.ramp = 2;
        let client = genesis.verifiers.iter_mut().find(|founder| founder.peer == id::<Cheap>(CLIENT));
        client.into_iter().for_each(|founder| founder.free = Amount::credits(1_000_000));
    })
}

/// Jobs of one client in as many lanes, side by side from order to close.
pub(crate) fn serve(office: &mut Office<Cheap>, nonce: u64) {
    let (claimed, found) = (Claimed::new(output(NUMBERS, 0.0)), |_| Finding::Output(output(NUMBERS, 0.0)));
    let conduct = Conduct { finding: &found, opens: true };
    let mut jobs = Vec::new();
    for lane in 0..JOBS {
        let order = office.order(CLIENT, PROVIDER, lane, nonce);
        jobs.push(office.open(order).unwrap_or_else(|rejection| panic!("an order was refused: {rejection}")));
    }
    for (place, job) in (0_u64..).zip(&jobs) {
        if (nonce * u64::from(JOBS) + place).is_multiple_of(CLAIMS) {
            continue;
        }
        office.claim(job, &claimed).unwrap_or_else(|rejection| panic!("{rejection}"));
        office.reveal(job).unwrap_or_else(|rejection| panic!("{rejection}"));
    }
    while office.ledger.open_jobs().next().is_some() {
        for job in &jobs {
            if !matches!(office.stage(job.id), Stage::Closed(_)) {
                office.attend(job, &claimed, conduct);
            }
        }
        office.tick();
    }
}
