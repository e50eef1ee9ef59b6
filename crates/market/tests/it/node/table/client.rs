//! What they say to a client at the table.

use assay_market::{Command, submission::Submission};
use assay_protocol::{
    claim::Claim,
    id::Digest,
    manifest::End,
    message::Message,
    offer::{Bench, Offer, Reachability, Service},
    order::{Accept, Order},
    signed::Signed,
    units::{Amount, Duration, Rate},
};

use super::{Table, account};
use crate::office::{CLIENT, NOTARY, class};

impl Table {
    /// A client that knows its account and has heard these providers' offers.
    pub(crate) fn client(providers: &[u64]) -> Self {
        let mut table = Self::new(CLIENT);
        table.hear(NOTARY, account(0, 0));
        providers.iter().for_each(|provider| table.offer(*provider));
        table
    }

    /// A provider offers the usual model.
    pub(crate) fn offer(&mut self, by: u64) {
        self.offer_at(by, Amount(250_000_000));
    }

    /// The same at this price.
    pub(crate) fn offer_at(&mut self, by: u64, unit_price: Amount) {
        let manifest = self.office.genesis.manifests[0].digest();
        let service =
            Service { manifest, name: "numbers".to_owned(), unit_price, run: Duration(100), warm: true };
        let offer = Offer {
            sequence: self.now.0,
            valid_until: self.now.after(Duration::seconds(900)),
            benches: vec![Bench {
                class: class(),
                machine: String::new(),
                device: String::new(),
                memory_free: 1 << 30,
                slots: 1,
                services: vec![service],
            }],
            notaries: self.office.genesis.notaries.clone(),
            addresses: vec![format!("/memory/{by}")],
            reachability: Reachability::Unknown,
            standing: None,
        };
        self.hear(by, offer);
    }

    /// The user wants the usual model to be run; returns the name of the submission.
    pub(crate) fn submit(&mut self, number: u8, change: impl FnOnce(&mut Submission)) -> Digest {
        let key = Digest([number; 32]);
        let mut submission = Submission {
            key,
            content: Digest::default(),
            manifest: self.office.genesis.manifests[0].clone(),
            input_commit: Digest::of(&[number]),
            input_bytes: 1,
            units_max: 4,
            work_max: 8,
            run_max: Duration::seconds(1),
            checks: 0,
            unchecked_ok: true,
            cost_max: Amount::credits(10),
            unit_price_max: Amount(250_000_000),
            provider: None,
            ignored: Vec::new(),
            returns_to: None,
            attempts_max: 3,
            cancel_fee: Amount::ZERO,
            until: None,
        };
        change(&mut submission);
        self.want(Command::Submit(submission));
        key
    }

    /// The order that was proposed last, and to whom.
    pub(crate) fn proposed(&self) -> (u64, Order) {
        let proposed = self.sent().filter_map(|(to, message)| {
            let Message::Propose(propose) = message else { return None };
            Some((to, propose.said().order.said().clone()))
        });
        proposed.last().unwrap_or_else(|| panic!("nothing was proposed: {:?}", self.effects))
    }

    /// Somebody agrees to an order.
    pub(crate) fn accept(&mut self, by: u64, order: &Order) {
        self.hear(
            by,
            Accept {
                job: order.id(),
                class: order.class,
                rate_max: Rate::ONE,
                starts_in: Duration::default(),
            },
        );
    }

    /// A client whose order was agreed to and is to be opened.
    pub(crate) fn opening(providers: &[u64]) -> (Self, Order, u64) {
        let mut table = Self::client(providers);
        table.submit(1, |_| {});
        let (to, order) = table.proposed();
        table.accept(to, &order);
        assert_eq!(table.said(), [("Open", NOTARY)]);
        (table, order, to)
    }

    /// A client whose order was opened.
    pub(crate) fn running(providers: &[u64]) -> (Self, Order, u64) {
        let (mut table, order, to) = Self::opening(providers);
        let ticket = *table.ticket(&order).said();
        table.hear(NOTARY, ticket);
        assert_eq!(table.said(), [("Start", to)]);
        (table, order, to)
    }

    /// What the provider of an order claims.
    pub(crate) fn claim(&mut self, order: &Order, ticket: Digest) -> Signed<Claim> {
        let commit = Digest::default();
        let claim =
            Claim { job: order.id(), ticket, units: 4, work: 8, check_work: 8, end: End::Stop, commit };
        self.office.say(order.provider, claim)
    }
}
