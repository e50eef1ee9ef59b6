//! Events in the words of somebody who has never heard of Assay.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use assay_market::{
    event::Event,
    view::{BalanceView, BooksView},
};
use assay_protocol::{
    id::JobId,
    outcome::Outcome,
    receipt::Receipt,
    units::{Amount, NANO_PER_CREDIT},
};

use super::{
    feed::PeerEvent,
    jobs::{DemoJob, Jobs},
    network::DemoNetwork,
    parting::TextParting,
    picture::Picture,
    plan::Duty,
    proof::Judgement,
};
use crate::{
    bundle::{DIGITS, Sample},
    commands::{job, notary, run::reading::Reading},
    printer::{Paint, Printer, Styled, Table, number_of, short},
};

/// What is put before each line that tells an event.
const INDENT: &str = "    ";

/// Tells what happens.
pub(super) struct Narration<'a> {
    output: &'a Printer,
    awaited: Mutex<String>,
}

impl<'a> Narration<'a> {
    /// A story told on `output`.
    pub(super) fn new(output: &'a Printer) -> Self {
        Self { output, awaited: Mutex::default() }
    }

    /// Notes what is waited for, which is told only where it does not come.
    pub(super) fn awaits(&self, what: &str) {
        what.clone_into(&mut self.awaited.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// What was waited for last.
    pub(super) fn awaited(&self) -> String {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A chapter.
    pub(super) fn chapter(&self, title: &str, text: &str) {
        self.output.line("");
        self.output.line(Paint::Bold.on(title));
        self.say(text);
    }

    /// Lines of ours.
    pub(super) fn say(&self, text: &str) {
        text.lines().for_each(|line| self.output.line(line));
    }

    /// A line below another.
    pub(super) fn detail(&self, text: impl Into<Styled>) {
        self.output.line(Styled::from(INDENT).and(text));
    }

    /// Who takes part.
    pub(super) fn cast(&self, network: &DemoNetwork) {
        let mut table = Table::new(["PEER", "PROCESS", "KEY", "WHAT IT DOES"]);
        for peer in network.peers() {
            let process = peer.process_id().map(|id| id.to_string()).unwrap_or_default();
            table.row([peer.name.to_owned(), process, short(peer.id), peer.duty.words().to_owned()]);
        }
        self.output.aligned(&table, INDENT);
    }

    /// A picture or a question that is sent out.
    pub(super) fn sample(&self, sample: &Sample) {
        let Some(picture) = Picture::of(sample) else { return self.detail(Paint::Bold.on(sample.file)) };
        for (place, line) in picture.lines(self.output.has_colour()).into_iter().enumerate() {
            let beside = if place == 2 { format!("   {}", sample.file) } else { String::new() };
            self.detail(line.and(beside));
        }
    }

    /// Tells one event, if a listener would want to know.
    pub(super) fn event(&self, heard: &PeerEvent, network: &DemoNetwork, jobs: &Jobs) {
        let place = heard.place;
        let Some(peer) = network.peers().get(place) else { return };
        match (&heard.event, peer.duty) {
            (Event::OfferSeen { provider }, Duty::Client) => {
                self.detail(format!("an offer arrives from {}", network.name_of(*provider)));
            }
            (Event::Opened { rate, .. }, Duty::Client) => {
                self.dim(&format!("nora holds the money; the job will be checked with a chance of {rate}"));
            }
            (Event::Refused { by, reason, .. }, Duty::Client) => {
                self.dim(&format!("{} refuses: {reason}", network.name_of(*by)));
            }
            (Event::Drawn { job, verifier, .. }, Duty::Notary) => {
                let name = pictured(jobs, *job);
                let is_jury = jobs.of(*job).is_some_and(|job| job.accused);
                self.dim(&match verifier {
                    Some(juror) if is_jury => {
                        format!("draw: {} is the juror, and runs {name} too", network.name_of(*juror))
                    }
                    Some(verifier) => format!("draw: {name} is run again, by {}", network.name_of(*verifier)),
                    None => {
                        format!("draw: {name} is not run again; it is paid unless somebody objects in time")
                    }
                });
            }
            (Event::Accused { job, provider }, Duty::Notary) => {
                let (name, who) = (pictured(jobs, *job), network.name_of(*provider));
                let text = format!("check of {name}: the result is NOT what {who} claimed; a jury decides");
                self.detail(Paint::Yellow.on(text));
            }
            (Event::Settled { job, outcome, provider, paid, slashed, .. }, Duty::Notary) => {
                let name = pictured(jobs, *job);
                self.detail(self.settled(&name, *outcome, &network.name_of(*provider), *paid, *slashed));
            }
            _ => {}
        }
    }

    /// What came back.
    pub(super) fn answer(
        &self,
        network: &DemoNetwork,
        job: &DemoJob,
        reading: Option<&Reading>,
        took: Duration,
    ) {
        let who = job.provider.map_or_else(|| "somebody".to_owned(), |provider| network.name_of(provider));
        let took = format!("for {} credits, in {:.1} s", credits(job.price), took.as_secs_f64());
        let text = match reading {
            Some(reading) => {
                let says = if matches!(reading, Reading::Label(_)) { "reads it as" } else { "answers" };
                format!("{who} {says} {} ({}) {took}", reading.answer(), reading.note())
            }
            None => format!("{who} sends something that is no reading, {took}"),
        };
        // Nobody here knows what a model of the user's own should say.
        let is_right = job.sample.answer.is_empty() || job.answer.as_deref() == Some(job.sample.answer);
        self.detail(if is_right { Paint::Bold.on(text) } else { Paint::Yellow.on(text) });
        if !is_right {
            self.detail(format!("(it is {}, but how should you know?)", job.sample.answer));
        }
    }

    /// A text token by token, beside what one of those wrote who checked it.
    pub(super) fn parting(&self, network: &DemoNetwork, job: &DemoJob, parting: &TextParting) {
        let [claimant, verifier] = [job.provider, Some(parting.verifier)]
            .map(|peer| peer.map_or_else(String::new, |peer| network.name_of(peer)));
        self.detail(format!("what {claimant} claimed, and what {verifier} found:"));
        let (before, rows) = parting.rows();
        if before > 0 {
            self.dim(&format!("{} before these, each the same", number_of(before, "token")));
        }
        let mut table = Table::new(["TOKEN", "CLAIMED", "FOUND", "SAME"]);
        for row in rows {
            let same = if row.is_same { "yes" } else { "NO" };
            let [claimed, found] = [row.claimed, row.found].map(Option::unwrap_or_default);
            table.row([row.place.to_string(), claimed, found, same.to_owned()]);
        }
        self.output.aligned(&table, INDENT);
        if parting.is_in_numbers_alone() {
            self.detail("the words are the same, and the numbers that they were chosen by are not");
        }
    }

    /// Who has what the cheat lost, as the receipt says.
    pub(super) fn spoils(&self, network: &DemoNetwork, receipt: &[u8]) {
        let Ok(receipt) = Receipt::from_bytes(receipt) else { return };
        let settlement = receipt.story.settlement;
        let shares = settlement
            .fees
            .iter()
            .map(|fee| format!("{} {}", network.name_of(fee.peer), credits(fee.amount)));
        let shares = shares.collect::<Vec<_>>().join(", ");
        self.detail(format!(
            "of that: {shares}, for finding out; the rest goes to the pool that pays for checks"
        ));
        self.detail(format!("you have your {} back, and nothing more", credits(settlement.client)));
    }

    fn dim(&self, text: &str) {
        self.detail(Paint::Dim.on(text));
    }

    fn settled(&self, name: &str, outcome: Outcome, provider: &str, paid: Amount, slashed: Amount) -> Styled {
        if outcome.is_slashed() {
            let text = format!(
                "jury: {provider} is convicted over {name} and loses {} of its stake",
                credits(slashed)
            );
            return Paint::Red.on(text);
        }
        if outcome.is_paid() {
            let how = job::outcome_words(outcome).trim_start_matches("paid, ");
            return Paint::Green.on(format!("{name}: {how}; {provider} is paid {} credits", credits(paid)));
        }
        format!("{name}: {}; you have your money back", outcome.label()).into()
    }

    /// Balances before and after.
    pub(super) fn balances(&self, network: &DemoNetwork, before: &BooksView, after: &BooksView) {
        let mut table =
            Table::new(["ACCOUNT", "FREE BEFORE", "FREE NOW", "STAKE BEFORE", "STAKE NOW", "CHANGE"])
                .blanks();
        let place = |account: &BalanceView| network.peers().iter().position(|peer| peer.id == account.peer);
        let mut accounts = after.accounts.clone();
        accounts.sort_by_key(place);
        for now in &accounts {
            let then = before.accounts.iter().find(|account| account.peer == now.peer);
            let (free, stake) = then.map_or((Amount::ZERO, Amount::ZERO), |then| (then.free, then.stake));
            let change = change(free.0 + stake.0, now.free.0 + now.stake.0);
            table.row([
                network.name_of(now.peer),
                credits(free),
                credits(now.free),
                credits(stake),
                credits(now.stake),
                change,
            ]);
        }
        for (name, then, now) in [("held", before.held, after.held), ("pool", before.pool, after.pool)] {
            let change = change(then.0, now.0);
            table.row([name.to_owned(), credits(then), credits(now), String::new(), String::new(), change]);
        }
        self.output.aligned(&table, INDENT);
    }

    /// Whether any money appeared or vanished.
    pub(super) fn books(&self, books: &BooksView) {
        let verdict = if notary::balance(books) {
            Paint::Green.on("the books balance")
        } else {
            Paint::Red.on("THE BOOKS DO NOT BALANCE")
        };
        let sum = notary::sum(books);
        let boxes =
            format!("all of it together is {sum}; created {}, destroyed {}: ", books.minted, books.burned);
        self.detail(Styled::from(boxes).and(verdict));
    }

    /// What a process that knows nothing says of a receipt.
    pub(super) fn judgement(&self, judgement: &Judgement) {
        let file =
            judgement.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.detail(format!("$ assay receipt verify {file}"));
        let paint = if judgement.holds() { Paint::Green } else { Paint::Red };
        let status =
            judgement.status.map_or_else(|| "no exit status".to_owned(), |status| format!("exit {status}"));
        self.detail(Styled::from("  ").and(paint.on(judgement.words())).and(format!("  ({status})")));
    }

    /// Where to go from here.
    pub(super) fn what_next(&self) {
        self.chapter("Try next", "All of this network is gone again. Three commands to go on with:");
        let assay = program();
        self.detail(format!("{assay} demo --stay     # keep it up, and join it with a peer of your own"));
        self.detail(format!("{assay} run --help      # what a client can ask for"));
        self.detail(format!("{assay} provide --help  # what a provider can offer"));
    }

    /// How another home becomes part of the network.
    pub(super) fn how_to_join(&self, network: &DemoNetwork) {
        let (assay, file) = (program(), network.file());
        let (file, sample) = (file.display(), network.folder().join(DIGITS.samples[0].file));
        self.chapter(
            "Join it",
            "The network stays up until Ctrl-C. In another terminal, a provider of your own:",
        );
        self.detail(format!("{assay} --home A init --network {file} --yes"));
        self.detail(format!("{assay} --home A provide digits --price 0.05"));
        self.detail(format!("{assay} --home A status"));
        self.say(
            "and a client, whose account begins with a welcome grant. PEER is what that status says, or:",
        );
        for peer in network.peers().iter().filter(|peer| peer.duty == Duty::Provider) {
            self.dim(&format!("{}  {}", peer.id, peer.name));
        }
        self.detail(format!("{assay} --home B init --network {file} --yes"));
        self.detail(format!("{assay} --home B account show"));
        let receipt = "--receipt my.receipt";
        self.detail(format!("{assay} --home B run digits {} --provider PEER {receipt}", sample.display()));
        self.detail(format!("{assay} receipt verify my.receipt --network {file}"));
        self.say("In the end, end their daemons:");
        self.detail(format!("{assay} --home A down; {assay} --home B down"));
    }
}

/// The program as it was typed, so that what is shown can be typed again.
fn program() -> String {
    let typed = std::env::args_os().next();
    typed.map_or_else(|| "assay".to_owned(), |typed| typed.to_string_lossy().into_owned())
}

/// The picture that a job is about.
fn pictured(jobs: &Jobs, job: JobId) -> String {
    jobs.of(job).map_or_else(|| format!("job {}", short(job)), |job| job.sample.file.to_owned())
}

/// Money as the story tells it: credits with four digits behind the point, rounded down.
pub(super) fn credits(amount: Amount) -> String {
    let (whole, part) = (amount.0 / NANO_PER_CREDIT, amount.0 % NANO_PER_CREDIT);
    format!("{whole}.{:04}", part / (NANO_PER_CREDIT / 10_000))
}

fn change(before: u64, after: u64) -> String {
    let difference = credits(Amount(before.abs_diff(after)));
    match before.cmp(&after) {
        std::cmp::Ordering::Less => format!("+{difference}"),
        std::cmp::Ordering::Equal => "0".to_owned(),
        std::cmp::Ordering::Greater => format!("-{difference}"),
    }
}
