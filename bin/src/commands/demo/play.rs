//! The acts of the demonstration.

use std::{
    fs,
    pin::pin,
    time::{Duration, Instant},
};

use assay_market::{event::Event, view::BooksView};
use assay_protocol::{
    id::{Digest, PeerId},
    manifest::Manifest,
};
use serde_json::Value;

use super::{
    feed::{Feed, PeerEvent},
    jobs::{DemoJob, Jobs},
    narration::{Narration, credits},
    network::{DemoNetwork, DemoPeer},
    own::{self, OwnModel},
    parting::{TextParting, sealed},
    plan::{self, Bounds, Duty},
    proof, report,
};
use crate::{
    bundle::{DIGITS, SUMS, Sample},
    command_error::{CommandError, Exit},
    commands::run::reading::Reading,
};

/// Pictures that go to whoever the market picks.
const PICTURES: usize = 4;
/// Orders of the first picture, at most, until it is checked.
const FIRSTS: usize = 3;
/// Orders of one thing, at most, until something comes of it.
const ORDERS: usize = 3;
/// Orders of a text, at most, of whoever runs a rounded copy.
const COPIES: usize = 3;
/// The longest that nothing may happen but that verifiers hear what they have, as they do every few seconds: four times what the
/// rules take until a job is paid that was not drawn, since the notary of a busy machine ticks late.
const SILENCE: Duration = Duration::from_secs(140);

/// The demonstration while it goes on.
pub(super) struct Play<'a> {
    network: &'a DemoNetwork,
    story: &'a Narration<'a>,
    feed: Feed,
    jobs: Jobs,
    offers: Vec<PeerId>,
    client: &'a DemoPeer,
    notary: &'a DemoPeer,
}

impl<'a> Play<'a> {
    /// Plays all acts and returns the document that tells what happened.
    pub(super) async fn perform(
        network: &mut DemoNetwork,
        story: &Narration<'_>,
    ) -> Result<Value, CommandError> {
        let started = Instant::now();
        story.chapter(
            "Eight peers",
            "Each is a process of its own on this machine, and they talk as they would over the internet.",
        );
        network.start().await?;
        story.cast(network);
        let mut play = Play::open(network, story).await?;
        play.offers().await?;
        let before = play.notary.books().await?;
        play.honest_jobs().await?;
        play.texts().await?;
        play.own().await?;
        play.cheats().await?;
        play.all_closed().await?;
        let after = play.notary.books().await?;
        play.money(&before, &after);
        let proofs = play.receipts().await?;
        Ok(report::document(network, &play.jobs, &before, &after, &proofs, started.elapsed()))
    }

    async fn open(network: &'a DemoNetwork, story: &'a Narration<'a>) -> Result<Self, CommandError> {
        let find = |role| network.peers().iter().find(|peer| peer.duty == role);
        let (Some(client), Some(notary)) = (find(Duty::Client), find(Duty::Notary)) else {
            unreachable!("the cast has a client and a notary")
        };
        let feed = Feed::open(network).await?;
        Ok(Self { network, story, feed, jobs: Jobs::default(), offers: Vec::new(), client, notary })
    }

    /// The honest providers say what they sell; the client opens its account.
    async fn offers(&mut self) -> Result<(), CommandError> {
        self.story.chapter("Offers", "Four of them tell everybody what they run, and for how much.");
        self.story.awaits("answer of the notary");
        self.client.account().await?;
        let honest: Vec<&DemoPeer> =
            self.network.peers().iter().filter(|peer| peer.duty == Duty::Provider).collect();
        for peer in &honest {
            let offering = peer.provide_with(plan::PRICE, self.network.own());
            self.during("trial of what is offered", offering).await??;
        }
        let wanted: Vec<PeerId> = honest.iter().map(|peer| peer.id).collect();
        self.until("offers", |play| wanted.iter().all(|peer| play.offers.contains(peer))).await?;
        let [picture, token, welcome] =
            [plan::PRICE, plan::token_price(plan::PRICE), plan::WELCOME].map(credits);
        self.story.detail(format!("each asks {picture} credits a picture, and {token} a token of a text"));
        self.story.detail(format!("nora gave you {welcome} to begin with"));
        Ok(())
    }

    /// One job from the picture to the payment, then several at a time.
    async fn honest_jobs(&mut self) -> Result<(), CommandError> {
        self.story.chapter(
            "One job",
            "You have a picture of a digit read. Whoever does it commits to its result; only then does chance decide\n\
             whether, and by whom, it is done again. A provider that nobody knows yet is always checked.",
        );
        self.first_check().await?;
        self.story.chapter("More jobs", "Each check that a provider passes makes the next one less likely.");
        for sample in &DIGITS.samples[1..PICTURES] {
            self.read_by(sample, None).await?;
        }
        let first = self.jobs.all().first().and_then(|job| job.provider);
        self.read_by(&DIGITS.samples[PICTURES], first).await.map(drop)
    }

    /// On a machine that has much else to do verifiers may be late, and then nobody checks it.
    async fn first_check(&mut self) -> Result<(), CommandError> {
        for _ in 0..FIRSTS {
            let key = self.read_by(&DIGITS.samples[0], None).await?;
            self.until("first check", |play| play.is_over(key)).await?;
            if self.jobs.find(key).is_some_and(DemoJob::is_checked) {
                return Ok(());
            }
        }
        Err(self.stuck("first check", "nobody was there in time to do it"))
    }

    /// Texts, each of which is checked token by token.
    async fn texts(&mut self) -> Result<(), CommandError> {
        self.story.chapter(
            "Texts",
            "A model of language that can add. Every processor gives the same bits here, so whoever checks a text\n\
             recomputes each of its tokens, in one pass over what was written.",
        );
        for sample in SUMS.samples {
            self.read_by(sample, None).await?;
        }
        Ok(())
    }

    /// A model of the user's own is asked, and what it says is checked.
    async fn own(&mut self) -> Result<(), CommandError> {
        let Some(own) = self.network.own() else { return Ok(()) };
        self.story.chapter("Your model", &format!("{} is on sale as well.", own.manifest.name));
        let key = self.order(&own.manifest, own.question, own::BOUNDS, None).await?;
        self.until("check of your model", |play| play.is_over(key)).await
    }

    /// Two providers that do not run what they are paid for meet a client that picks them. One is checked while the other is.
    async fn cheats(&mut self) -> Result<(), CommandError> {
        let text = self.rounded().await?;
        self.forged().await?;
        self.parted(text).await
    }

    /// A provider that rounds the weights of a model is paid for all of them; returns the name of the submission.
    async fn rounded(&mut self) -> Result<Digest, CommandError> {
        let [rounder, forger] = [Duty::Rounder, Duty::Cheat].map(|duty| self.peer_of(duty));
        let name = self.rounded_own().map_or(SUMS.name, |own| own.manifest.name.as_str());
        let text = format!(
            "{} sells {name} for less than others do, and runs a copy of it whose weights are rounded. That takes less\n\
             memory and mostly gives the same words. You fall for the price.",
            rounder.name
        );
        self.story.chapter("A cheap copy", &text);
        if let Some(own) = self.network.own()
            && let Some(why) = &own.unrounded
        {
            let own = &own.manifest.name;
            self.story.detail(format!("{own} cannot be rounded ({why}), so it is {name} whose copy is sold"));
        }
        // Each tries what it sells before it offers it, which takes a while.
        let own = self.rounded_own();
        let both = async { tokio::try_join!(rounder.provide_text(own), forger.provide(plan::CHEAP)) };
        self.during("trial of a copy", both).await??;
        let id = rounder.id;
        self.until("offer of a copy", |play| play.offers.contains(&id)).await?;
        self.ask_rounder().await
    }

    async fn ask_rounder(&mut self) -> Result<Digest, CommandError> {
        let (manifest, question, bounds) = match self.rounded_own() {
            Some(own) => (own.manifest.clone(), own.question, own::BOUNDS),
            None => (SUMS.manifest(), &plan::ROUNDED, plan::TEXT_BOUNDS),
        };
        let rounder = self.peer_of(Duty::Rounder).id;
        self.order(&manifest, question, bounds, Some(rounder)).await
    }

    /// The model of the user's own, if its rounded copy is the one that is sold.
    fn rounded_own(&self) -> Option<&'a OwnModel> {
        self.network.own().filter(|own| own.is_rounded())
    }

    /// A provider that makes its results up meets a client that picks it.
    async fn forged(&mut self) -> Result<(), CommandError> {
        let id = self.peer_of(Duty::Cheat).id;
        self.story.chapter(
            "A cheat",
            "mallory undercuts everybody, runs nothing and makes its results up. You fall for the price.",
        );
        self.until("mallory's offer", |play| play.offers.contains(&id)).await?;
        // What it makes up may happen to be right, and then nobody can fault it.
        for sample in &DIGITS.samples[PICTURES + 1..] {
            let key = self.read_by(sample, Some(id)).await?;
            if self.is_convicted(key).await? {
                self.story.spoils(self.network, &self.client.receipt(key).await?);
                return Ok(());
            }
        }
        Err(self.stuck("conviction", "the cheat was right every time"))
    }

    /// The text of the rounded model beside what those wrote who checked it.
    async fn parted(&mut self, text: Digest) -> Result<(), CommandError> {
        let mut key = text;
        // On a machine that has much else to do jurors may be late, and then nobody is convicted.
        for _ in 1..COPIES {
            if self.is_convicted(key).await? {
                break;
            }
            key = self.ask_rounder().await?;
        }
        if !self.is_convicted(key).await? {
            return Err(self.stuck("conviction", "nobody found that a copy was run"));
        }
        let receipt = self.client.receipt(key).await?;
        let parting = self.parting(key, &receipt).await?;
        self.story.chapter(
            "Where they part",
            "Each check of a text is one pass along the words that were claimed. It compares the numbers that each word was\n\
             chosen by, so it finds a copy even where that says the same.",
        );
        if let (Some(job), Some(parting)) = (self.jobs.by_key(key), parting) {
            self.story.parting(self.network, job, &parting);
            job.parting = Some(parting);
        }
        self.story.spoils(self.network, &receipt);
        Ok(())
    }

    /// What the first of those wrote who found something else than was claimed and still has it.
    async fn parting(&self, key: Digest, receipt: &[u8]) -> Result<Option<TextParting>, CommandError> {
        let Some(digest) = self.jobs.find(key).and_then(|job| job.output) else { return Ok(None) };
        let claimed = self.client.output(digest).await?;
        for (verifier, written) in sealed(receipt) {
            let Some(peer) = self.network.peers().iter().find(|peer| peer.id == verifier) else { continue };
            if let Ok(found) = peer.output(written.blob).await {
                return Ok(Some(TextParting::of(verifier, &claimed, &found)));
            }
        }
        Ok(None)
    }

    /// Waits for the end of a job, and says whether its provider was convicted.
    async fn is_convicted(&mut self, key: Digest) -> Result<bool, CommandError> {
        self.until("verdict", |play| play.is_over(key)).await?;
        Ok(self.jobs.find(key).is_some_and(DemoJob::is_slashed))
    }

    fn peer_of(&self, duty: Duty) -> &'a DemoPeer {
        let found = self.network.peers().iter().find(|peer| peer.duty == duty);
        found.unwrap_or_else(|| unreachable!("the cast has a {}", duty.word()))
    }

    /// What was not drawn is paid once its window is over.
    async fn all_closed(&mut self) -> Result<(), CommandError> {
        let open = self.jobs.all().iter().filter(|job| !job.is_over()).count();
        if open > 0 {
            let jobs = if open == 1 { "one job".to_owned() } else { format!("{open} jobs") };
            self.story.chapter("Patience", &format!("Waiting until {jobs} may be paid …"));
        }
        self.until("last close", |play| play.jobs.all().iter().all(DemoJob::is_over)).await
    }

    fn money(&self, before: &BooksView, after: &BooksView) {
        self.story.chapter("Money", "");
        self.story.balances(self.network, before, after);
        self.story.books(after);
    }

    /// Receipts are judged by a process that knows nothing; a changed one is refused.
    async fn receipts(&mut self) -> Result<Vec<(Digest, proof::Judgement)>, CommandError> {
        self.story.chapter(
            "Receipts",
            "Each closed job leaves one file that anybody can check, offline, for ever.",
        );
        let jobs: Vec<DemoJob> = self.jobs.all().to_vec();
        let mut proofs = Vec::new();
        for job in &jobs {
            let (Some(id), bytes) = (job.id, self.client.receipt(job.key).await?) else { continue };
            let before = jobs.iter().take_while(|other| other.key != job.key);
            let same = before.filter(|other| other.sample.file == job.sample.file).count();
            let name = proof::file_name(job.sample.file, same);
            proofs.push((id, proof::judge(self.network, &name, &bytes)?));
        }
        let first = jobs.iter().find(|job| job.is_checked());
        for job in first.into_iter().chain(jobs.iter().filter(|job| job.is_slashed())) {
            let judged = proofs.iter().find(|(id, _)| Some(*id) == job.id);
            if let Some((_, judgement)) = judged {
                self.story.judgement(judgement);
            }
        }
        if let Some(job) = jobs.first() {
            let bytes = proof::tampered(&self.client.receipt(job.key).await?);
            let judgement = proof::judge(self.network, "tampered.receipt", &bytes)?;
            self.story.detail("Now one bit of the first is changed:");
            self.story.judgement(&judgement);
            proofs.push((Digest::default(), judgement));
        }
        Ok(proofs)
    }

    /// Sends a picture or a question out and tells what comes back; returns the name of the submission.
    async fn read_by(
        &mut self,
        sample: &'static Sample,
        provider: Option<PeerId>,
    ) -> Result<Digest, CommandError> {
        let manifest = sample.bundle().manifest();
        let bounds = (plan::units_max(&manifest), Some(plan::RUN_MAX));
        self.order(&manifest, sample, bounds, provider).await
    }

    /// The same of any model, within these bounds. On a machine that has much else to do whoever is asked may be too slow, and
    /// nobody else may be wanted: then it is ordered anew, and may take twice as long.
    async fn order(
        &mut self,
        manifest: &Manifest,
        sample: &'static Sample,
        (units_max, mut run_max): Bounds,
        provider: Option<PeerId>,
    ) -> Result<Digest, CommandError> {
        self.story.sample(sample);
        for _ in 0..ORDERS {
            let sent = Instant::now();
            let key = self.client.submit_within(manifest, sample, (units_max, run_max), provider).await?;
            self.jobs.submit(key, sample);
            let is_known = |job: &DemoJob| job.output.is_some() || job.is_lost();
            self.until("result", |play| play.jobs.find(key).is_some_and(is_known)).await?;
            if !self.jobs.forget_lost(key) {
                self.deliver(key, manifest, sent).await?;
                return Ok(key);
            }
            self.story.detail("nothing comes of that in time, and you have your money back");
            run_max = run_max.map(|longest| longest.plus(longest));
        }
        Err(self.stuck("result", &no_provider_left(sample)))
    }

    /// Tells what comes back.
    async fn deliver(&mut self, key: Digest, manifest: &Manifest, sent: Instant) -> Result<(), CommandError> {
        let Some(digest) = self.jobs.find(key).and_then(|job| job.output) else { return Ok(()) };
        let output = self.client.output(digest).await?;
        let submission = self.client.job(key).await?.submission;
        let reading = Reading::of(manifest, &output);
        if let Some(job) = self.jobs.by_key(key) {
            job.price = submission.foremost().map_or(job.price, |attempt| attempt.price);
            job.answer = reading.as_ref().map(|reading| reading.answer().to_owned());
            self.story.answer(self.network, job, reading.as_ref(), sent.elapsed());
        }
        Ok(())
    }

    fn is_over(&self, key: Digest) -> bool {
        self.jobs.find(key).is_some_and(DemoJob::is_over)
    }

    /// Tells what happens until `done`.
    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) -> Result<(), CommandError> {
        self.story.awaits(what);
        let mut silent_at = tokio::time::Instant::now() + SILENCE;
        while !done(self) {
            if let Some(job) = self.jobs.all().iter().find(|job| job.is_lost()) {
                return Err(self.stuck(what, &no_provider_left(job.sample)));
            }
            let heard = match tokio::time::timeout_at(silent_at, self.feed.next()).await {
                Ok(Some(heard)) => heard,
                Ok(None) => return Err(self.stuck(what, "a peer went away")),
                Err(_) => return Err(self.stuck(what, "nothing happens any more")),
            };
            if !matches!(heard.event, Event::Balance { .. }) {
                silent_at = tokio::time::Instant::now() + SILENCE;
            }
            self.hear(&heard);
        }
        Ok(())
    }

    /// Tells what happens while something is done, which comes to an end by itself.
    async fn during<T>(&mut self, what: &str, done: impl Future<Output = T>) -> Result<T, CommandError> {
        self.story.awaits(what);
        let mut done = pin!(done);
        loop {
            tokio::select! {
                done = &mut done => return Ok(done),
                heard = self.feed.next() => match heard {
                    Some(heard) => self.hear(&heard),
                    None => return Err(self.stuck(what, "a peer went away")),
                },
            }
        }
    }

    fn hear(&mut self, heard: &PeerEvent) {
        self.jobs.learn(&heard.event);
        if let (Event::OfferSeen { provider }, true) = (&heard.event, self.is_client(heard.place)) {
            self.offers.push(*provider);
        }
        self.story.event(heard, self.network, &self.jobs);
    }

    fn is_client(&self, place: usize) -> bool {
        self.network.peers().get(place).is_some_and(|peer| peer.duty == Duty::Client)
    }

    fn stuck(&self, what: &str, why: &str) -> CommandError {
        let said = self.network.peers().iter().filter_map(|peer| {
            let log = fs::read_to_string(peer.home.log()).ok()?;
            let line = log
                .lines()
                .rev()
                .find(|line| line.contains("ERROR") || line.starts_with("error: "))?
                .to_owned();
            Some(format!("; {}: {line}", peer.name))
        });
        let said: String = said.collect();
        let message = format!("the demonstration waited for the {what}, but {why}{said}");
        CommandError::new(
            Exit::Other,
            "DEMO_FAILED",
            message,
            "close what else keeps this machine busy and run it again",
        )
    }
}

fn no_provider_left(sample: &Sample) -> String {
    format!("no provider is left for {}", sample.file)
}
