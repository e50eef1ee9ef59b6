//! What they say to a provider at the table, and what happens to it.

use assay_market::{
    Command, Input,
    input::{Blob, RunId, RunResult},
    provision::{Provision, Stock, Workbench},
};
use assay_protocol::{
    id::{Digest, JobId},
    notice::{Head, Notice, NoticeEvent},
    offer::Reachability,
    order::{Failure, Order, Propose},
    signed::Signed,
    ticket::{Start, Ticket},
    units::{Amount, Duration},
};

use super::{Table, output, result};
use crate::{
    cheap::Cheap,
    office::{CLIENT, NOTARY, PROVIDER, class, id},
};

impl Table {
    /// A provider of the usual model with a slot for one job.
    pub(crate) fn provider() -> Self {
        let mut table = Self::new(PROVIDER);
        table.provide();
        table
    }

    /// The provider offers the usual model.
    pub(crate) fn provide(&mut self) {
        self.provide_at(Amount(250_000_000));
    }

    /// The same at this price.
    pub(crate) fn provide_at(&mut self, unit_price: Amount) {
        let manifest = self.office.genesis.manifests[0].clone();
        self.want(Command::Provide(Provision {
            benches: vec![Workbench {
                class: class(),
                machine: String::new(),
                device: String::new(),
                memory_free: 1 << 30,
                slots: 1,
                services: vec![Stock { manifest, unit_price, run: Duration(100) }],
            }],
            cancel_fee_min: Amount::ZERO,
            addresses: Vec::new(),
            reachability: Reachability::Unknown,
        }));
    }

    /// The client's order of this number in this lane.
    pub(crate) fn order(&self, lane: u16, nonce: u64) -> Order {
        self.office.order(CLIENT, PROVIDER, lane, nonce).0
    }

    /// The client shows an order.
    pub(crate) fn propose(&mut self, order: &Order) {
        let order = self.office.say(id::<Cheap>(CLIENT), order.clone());
        self.hear(CLIENT, Propose { order, standing: None });
    }

    /// Somebody shows the client's order and a ticket.
    pub(crate) fn start(&mut self, by: u64, order: &Order, ticket: Signed<Ticket>) {
        let order = self.office.say(id::<Cheap>(CLIENT), order.clone());
        self.hear(by, Start { order, ticket });
    }

    /// The ticket that the notary gives to an order, as its books stand.
    pub(crate) fn ticket(&mut self, order: &Order) -> Signed<Ticket> {
        let opened = self.office.open((order.clone(), Digest::default()));
        let ticket = opened.unwrap_or_else(|rejection| panic!("an order was refused: {rejection}")).ticket;
        self.office.say(id::<Cheap>(NOTARY), ticket)
    }

    /// The notary says how a job stands.
    pub(crate) fn notice(&mut self, by: u64, job: JobId, event: NoticeEvent) {
        self.hear(by, Notice { job, event, head: Head::default() });
    }

    /// A fetch ends with a blob.
    pub(crate) fn fetched(&mut self, digest: Digest, root: Digest) {
        let holder = self.wanted.get(&digest).copied().unwrap_or_default();
        self.feed(Input::Fetched {
            holder,
            digest,
            found: Some(Blob { bytes: output().len() as u64, root }),
        });
    }

    /// A fetch ends without a blob.
    pub(crate) fn unfetched(&mut self, digest: Digest) {
        let holder = self.wanted.get(&digest).copied().unwrap_or_default();
        self.feed(Input::Fetched { holder, digest, found: None });
    }

    /// A run ends; what it wrote is kept for its job.
    pub(crate) fn ran(&mut self, job: JobId, check: bool, result: Result<RunResult, Failure>) {
        self.kept.extend(result.map(|run| (job, run.written.blob)));
        self.feed(Input::Ran { run: RunId { job, check }, result });
    }

    /// A provider that has taken on this order and was shown its ticket.
    pub(crate) fn started(order: impl Fn(&Self) -> Order) -> (Self, Order) {
        Self::provider().begun(order)
    }

    /// The same of any provider.
    pub(crate) fn begun(mut self, order: impl Fn(&Self) -> Order) -> (Self, Order) {
        let table = &mut self;
        let order = order(table);
        table.propose(&order);
        assert_eq!(table.said(), [("Accept", CLIENT)]);
        let ticket = table.ticket(&order);
        table.start(CLIENT, &order, ticket);
        assert!(table.fetches(order.input_commit), "{:?}", table.effects);
        (self, order)
    }

    /// A provider that has run this order and claimed what it found.
    pub(crate) fn claimed() -> (Self, Order) {
        let (mut table, order) = Self::started(|table| table.order(0, 0));
        table.fetched(order.input_commit, Digest::default());
        table.ran(order.id(), false, Ok(result(4)));
        assert_eq!(table.said(), [("Deliver", CLIENT), ("Claim", NOTARY)]);
        (table, order)
    }
}
