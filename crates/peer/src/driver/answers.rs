//! Answers to this peer's user and to other peers.
//!
//! **Invariant:** what can be answered from the loop's own state is answered at once; what needs the disk or another peer
//! is answered by a task, and the loop goes on.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use assay_market::{Command, Input, Node, input::Provision, quote::Quote};
use assay_protocol::{
    codec,
    id::{Digest, PeerId},
    journal::Journal,
    offer::{Offer, Service},
    signed::{Keypair, Verified},
    units::Timestamp,
};

use super::{
    Call, Driver, Visible,
    audit::{Replay, audit},
    errands::Reply,
    hands::Hands,
    names,
    pages::{self, BOOK, JOURNAL},
    wish::wish,
};
use crate::{
    handle::{
        Bytes, Explained, JobView, Neighbour, OfferView, Providing, Refused, Request, Response, ServiceView,
        Status, Submit,
    },
    journal::Broken,
    network,
};

/// How long a notary has to say what an account holds.
const ACCOUNT_WAIT: Duration = Duration::from_secs(10);
/// Bytes of the longest question about a journal.
const WANTED_BYTES_MAX: usize = 16;

impl Driver {
    /// Answers a request, or has it answered.
    pub(super) async fn answer(&mut self, call: Call) -> Result<(), Broken> {
        let Call { request, reply } = call;
        let answer = match request {
            Request::Status => Ok(Response::Status(Box::new(self.status()))),
            Request::Network => Ok(Response::Network(Box::new((*self.genesis).clone()))),
            Request::Offers => Ok(Response::Offers(self.offers())),
            Request::Jobs => Ok(Response::Jobs(self.jobs())),
            Request::Job { name } => self.job_named(&name).map(|job| Response::Job(Box::new(job))),
            Request::Explain { name } => self.explained(&name).map(Box::new).map(Response::Explained),
            Request::Quote(submit) => self.quote(*submit).map(Box::new).map(Response::Quoted),
            Request::Watch { .. } => Ok(Response::Watching),
            Request::Books => self.node.books().map(Box::new).map(Response::Books).ok_or(Refused::NotANotary),
            Request::Runs => Ok(Response::Runs(self.node.runs())),
            Request::StopProviding => return self.stop_providing(reply).await,
            Request::Account { notary } => return self.ask_account(notary, reply).await,
            Request::Shutdown => {
                self.ended = true;
                self.let_out(Visible::Answer(Box::new(Ok(Response::Done)), reply)).await;
                return Ok(());
            }
            Request::Submit(_)
            | Request::Provide(_)
            | Request::Output { .. }
            | Request::Keep { .. }
            | Request::Receipt { .. }
            | Request::Audit { .. } => {
                self.set_off(request, reply);
                return Ok(());
            }
        };
        drop(reply.send(answer));
        Ok(())
    }

    /// Has a request answered by a task.
    fn set_off(&self, request: Request, reply: Reply) {
        let refused = match request {
            Request::Submit(submit) => match wish(*submit, &self.genesis, &self.settings) {
                Ok(wish) => return self.hands.submit(wish, reply),
                Err(refused) => refused,
            },
            Request::Receipt { name } => match self.receipt(&name) {
                Ok(digest) => return self.hands.read(digest, reply),
                Err(refused) => refused,
            },
            Request::Audit { notary } => match self.notary(notary) {
                Ok(notary) => return self.audit(notary, reply),
                Err(refused) => refused,
            },
            Request::Provide(provide) => return self.hands.provide(provide, self.genesis.clone(), reply),
            Request::Output { digest } => return self.hands.read(digest, reply),
            Request::Keep { path } => return self.hands.keep_file(path, reply),
            Request::Status
            | Request::Network
            | Request::Offers
            | Request::Jobs
            | Request::Job { .. }
            | Request::Explain { .. }
            | Request::Quote(_)
            | Request::Watch { .. }
            | Request::Account { .. }
            | Request::Books
            | Request::Runs
            | Request::StopProviding
            | Request::Shutdown => unreachable!("answered by the loop"),
        };
        drop(reply.send(Err(refused)));
    }

    async fn stop_providing(&mut self, reply: Reply) -> Result<(), Broken> {
        if let Some(mut provision) = self.providing.take() {
            provision.services.clear();
            self.hands.offer = None;
            self.unpublished = None;
            self.take(Input::Command(Command::Provide(provision))).await?;
        }
        self.let_out(Visible::Answer(Box::new(Ok(Response::Done)), reply)).await;
        Ok(())
    }

    async fn ask_account(&mut self, notary: Option<PeerId>, reply: Reply) -> Result<(), Broken> {
        let notary = match self.notary(notary) {
            Ok(notary) => notary,
            Err(refused) => {
                drop(reply.send(Err(refused)));
                return Ok(());
            }
        };
        self.accounts_asked.add(notary, reply);
        self.take(Input::Command(Command::Ask { notary })).await
    }

    fn notary(&self, wished: Option<PeerId>) -> Result<PeerId, Refused> {
        wished.or_else(|| self.genesis.notaries.first().copied()).ok_or(Refused::NoNotary)
    }

    fn audit(&self, notary: PeerId, reply: Reply) {
        let genesis = self.genesis.clone();
        if notary != self.own {
            let network = self.hands.network.clone();
            tokio::spawn(async move {
                drop(reply.send(audit(network, genesis, notary).await.map(Response::Audited)));
            });
            return;
        }
        let (published, total, records) =
            (self.node.published(), self.chain.len() as u64, self.records_from(0));
        tokio::task::spawn_blocking(move || {
            let mut replay = Replay::new(&genesis, notary);
            let mut entries = pages::shown(records.into_iter().flatten(), 0, published, total);
            entries.all(|entry| replay.push_entry(&entry));
            drop(reply.send(Ok(Response::Audited(replay.finish()))));
        });
    }

    /// Answers another peer.
    pub(super) fn answer_peer(&self, from: PeerId, kind: u8, bytes: &[u8], reply: network::Reply) {
        match kind {
            BOOK => {
                let own = self.hands.offer.iter();
                reply.answer(pages::book(own.chain(self.book.iter().map(Verified::signed))));
            }
            JOURNAL => match codec::decode::<Journal>(bytes, WANTED_BYTES_MAX) {
                Ok(wanted) => self.answer_page(wanted, reply),
                Err(error) => tracing::warn!(%from, %error, "a question about the journal is none"),
            },
            // Refused by being dropped.
            _ => tracing::debug!(%from, kind, "a question of an unknown kind"),
        }
    }

    fn answer_page(&self, wanted: Journal, reply: network::Reply) {
        let (published, total) = (self.node.published(), self.chain.len() as u64);
        let records = self.records_from(wanted.from);
        tokio::task::spawn_blocking(move || {
            let records = records.into_iter().flatten();
            reply.answer(codec::encode(&pages::page(records, wanted, published, total)));
        });
    }

    /// The durable records from this notary's entry of this number on.
    fn records_from(&self, entry: u64) -> Option<crate::journal::Records> {
        let sequence = usize::try_from(entry).ok().and_then(|entry| self.chain.get(entry))?;
        let records = self.journal.records(*sequence);
        records.inspect_err(|error| tracing::warn!(%error, "the journal cannot be read")).ok()
    }

    fn status(&mut self) -> Status {
        let now = self.clock.now();
        let class = self.hands.executor.known_class();
        let jobs = self.node.submissions();
        Status {
            peer: self.own,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            network: self.network_id,
            network_name: self.genesis.name.clone(),
            unit: self.genesis.unit.clone(),
            is_notary: self.genesis.notaries.contains(&self.own),
            is_verifier: self.genesis.verifiers.iter().any(|founder| founder.peer == self.own),
            providing: self.providing.as_ref().map(|provision| self.providing_view(provision)),
            class: class.as_ref().map(|class| class.digest()).unwrap_or_default(),
            machine: class.map(|class| class.to_string()).unwrap_or_default(),
            addresses: self.hands.network.listening(),
            neighbours: self
                .hands
                .network
                .peers()
                .into_iter()
                .map(|peer| Neighbour { peer, address: None })
                .collect(),
            started: self.started,
            uptime: now.since(self.started),
            offers: self.book.iter().count() as u64,
            jobs_open: jobs.iter().filter(|view| !view.ended).count() as u64,
            jobs: jobs.len() as u64,
            running: self.hands.executor.running() as u64,
            records: self.journal.durable().borrow().as_ref().copied().unwrap_or(0),
            blob_bytes: self.hands.blobs.total_bytes(),
            malformed: self.thrown.malformed.load(Ordering::Relaxed),
            forged: self.thrown.forged.load(Ordering::Relaxed),
            forked: self.node.forked(),
        }
    }

    fn offers(&mut self) -> Vec<OfferView> {
        let now = self.clock.now();
        self.book.iter().map(|offer| self.offer_view(offer, now)).collect()
    }

    fn offer_view(&self, offer: &Verified<Offer>, now: Timestamp) -> OfferView {
        let provider = offer.signer();
        OfferView {
            provider,
            sequence: offer.sequence,
            age: now.since(self.history.offer_since(&provider).unwrap_or(now)),
            valid_until: offer.valid_until,
            class: offer.class,
            machine: offer.machine.clone(),
            services: offer.services.iter().map(|service| self.service_view(service)).collect(),
            slots: offer.slots,
            notaries: offer.notaries.clone(),
            addresses: offer.addresses.clone(),
        }
    }

    fn service_view(&self, service: &Service) -> ServiceView {
        let pinned = self.genesis.manifests.iter().find(|manifest| manifest.digest() == service.manifest);
        ServiceView {
            manifest: service.manifest,
            name: pinned.map_or(&service.name, |manifest| &manifest.name).clone(),
            pinned: pinned.is_some(),
            unit_price: service.unit_price,
            run: service.run,
            warm: service.warm,
        }
    }

    /// What is offered, as its owner sees it.
    pub(super) fn providing_view(&self, provision: &Provision) -> Providing {
        let services = provision.services.iter().map(|stock| ServiceView {
            manifest: stock.manifest.digest(),
            name: stock.manifest.name.clone(),
            pinned: true,
            unit_price: stock.unit_price,
            run: stock.run,
            warm: true,
        });
        Providing {
            class: provision.class,
            machine: provision.machine.clone(),
            services: services.collect(),
            slots: provision.slots,
            addresses: provision.addresses.clone(),
        }
    }

    fn jobs(&self) -> Vec<JobView> {
        let views = self.node.submissions().into_iter();
        views.map(|submission| JobView { timeline: self.history.of(&submission.key), submission }).collect()
    }

    fn job_named(&self, name: &str) -> Result<JobView, Refused> {
        let all = self.node.submissions();
        let submission = names::submission(&all, name)?.clone();
        Ok(JobView { timeline: self.history.of(&submission.key), submission })
    }

    fn explained(&self, name: &str) -> Result<Explained, Refused> {
        let job = self.job_named(name)?;
        let grounds = self.node.grounds(job.submission.key);
        Ok(Explained { job, grounds })
    }

    /// What a job would come to: chosen as it would be for a submission, of which nothing is kept.
    fn quote(&mut self, submit: Submit) -> Result<Quote, Refused> {
        let without_input = Submit { input: Bytes::default(), ..submit };
        let wish = wish(without_input, &self.genesis, &self.settings)?;
        let now = self.clock.now();
        Ok(self.node.quote(&wish.submission, now, &self.book))
    }

    /// The digest of a receipt: that of the last attempt which has one, or of a job that this notary closed.
    fn receipt(&self, name: &str) -> Result<Digest, Refused> {
        let all = self.node.submissions();
        match names::submission(&all, name) {
            Ok(view) => {
                let receipts = view.attempts.iter().rev().find_map(|attempt| attempt.receipt);
                receipts.ok_or(Refused::NoReceipt)
            }
            Err(unknown) => {
                let filed = name.parse().ok().and_then(|job| self.shelf.receipt(&job));
                filed.ok_or(unknown)
            }
        }
    }
}

impl Hands {
    /// Reads a blob for the user.
    fn read(&self, digest: Digest, reply: Reply) {
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || {
            let answer = match blobs.get(&digest) {
                Ok(Some(bytes)) => Ok(Response::Bytes(Bytes(bytes))),
                Ok(None) => Err(Refused::BlobAbsent { digest }),
                Err(error) => Err(Refused::Disk { reason: error.to_string() }),
            };
            drop(reply.send(answer))
        });
    }

    /// Copies a file of the user's into the store.
    fn keep_file(&self, path: std::path::PathBuf, reply: Reply) {
        let blobs = self.blobs.clone();
        tokio::task::spawn_blocking(move || {
            let kept = blobs.put_file(&path).map(|digest| Response::Kept { digest });
            let answer =
                kept.map_err(|error| Refused::Disk { reason: format!("{}: {error}", path.display()) });
            drop(reply.send(answer))
        });
    }
}

/// Users who wait for a notary to say what their account holds.
#[derive(Default)]
pub(super) struct AccountsAsked {
    waiting: Vec<(PeerId, Instant, Reply)>,
}

impl AccountsAsked {
    fn add(&mut self, notary: PeerId, reply: Reply) {
        self.waiting.push((notary, Instant::now(), reply));
    }

    /// The notary has answered.
    pub(super) fn answer(&mut self, notary: PeerId, node: &Node<Keypair>) {
        let Some(view) = node.accounts().into_iter().find(|view| view.notary == notary) else { return };
        for (_, _, reply) in self.waiting.extract_if(.., |(asked, _, _)| *asked == notary) {
            drop(reply.send(Ok(Response::Account(view.clone()))));
        }
    }

    /// Tells those who have waited too long.
    pub(super) fn give_up(&mut self) {
        for (notary, since, reply) in
            self.waiting.extract_if(.., |(_, since, _)| since.elapsed() > ACCOUNT_WAIT)
        {
            let waited_ms = since.elapsed().as_millis() as u64;
            drop(reply.send(Err(Refused::NoAnswer { notary, waited_ms })));
        }
    }
}
