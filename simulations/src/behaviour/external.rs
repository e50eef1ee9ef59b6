//! A peer whose decisions a program of somebody else makes.
//!
//! **Invariant:** the program is asked about each decision once, and a peer that it does not steer does as its brain says.

use std::{
    cell::RefCell,
    collections::{BTreeMap, VecDeque},
    rc::Rc,
};

use assay_market::{
    Command, Event,
    effect::{Effect, Run},
    input::Input,
};
use assay_protocol::{
    id::{Digest, JobId, PeerId},
    message::{Message, Opened},
    outcome::Outcome,
    units::{NANO_PER_CREDIT, Rate},
};
use serde_json::{Value, json};

use super::{
    Behaviour, Coalition, CopyingVerifier, Lie, StrategyProgram, churner::ended_by, started::StartedJobs,
};
use crate::machine::Made;

/// Orders that are remembered at once before they are agreed to.
const PROPOSED_MAX: usize = 4_096;

/// How a job is run, by its word.
const RUNS: [(&str, Option<Lie>); 5] = [
    ("honest", None),
    ("noise", Some(Lie::Noise)),
    ("cheaper", Some(Lie::Cheaper)),
    ("shorter", Some(Lie::Shorter)),
    ("prefilled", Some(Lie::Prefilled)),
];
/// How a job is checked, by its word.
const CHECKS: [(&str, CheckManner); 6] = [
    ("honest", CheckManner::Honest),
    ("noise", CheckManner::Tells(Lie::Noise)),
    ("cheaper", CheckManner::Tells(Lie::Cheaper)),
    ("copy", CheckManner::Copies),
    ("sold", CheckManner::Sold),
    ("absent", CheckManner::Absent),
];

/// How a job is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CheckManner {
    /// It is run again.
    Honest,
    /// This is sealed.
    Tells(Lie),
    /// What it is shown is sealed, with rows that are made up.
    Copies,
    /// What a member of the coalition sold is sealed, if one did.
    Sold,
    /// Nobody answers.
    Absent,
}

/// What was decided about one job.
#[derive(Clone, Debug, Default)]
struct DecidedJob {
    run: Option<Option<Lie>>,
    check: Option<CheckManner>,
    does: BTreeMap<&'static str, bool>,
    serves: BTreeMap<PeerId, bool>,
}

/// A peer that a program decides for.
#[derive(Debug)]
pub struct ExternalStrategy {
    own: PeerId,
    /// Its number among those that the program decides for.
    number: u64,
    program: Rc<RefCell<StrategyProgram>>,
    coalition: Rc<Coalition>,
    /// What orders pay, and for whom they are, until they are agreed to.
    proposed: BTreeMap<JobId, Value>,
    started: StartedJobs,
    decided: BTreeMap<JobId, DecidedJob>,
    /// The job that was over last: what is served of it then is its brain's affair.
    over: Option<JobId>,
    doubts: VecDeque<Digest>,
}

impl ExternalStrategy {
    /// The peer of this number among those of a program.
    #[must_use]
    pub fn new(
        own: PeerId,
        number: u64,
        program: Rc<RefCell<StrategyProgram>>,
        coalition: Rc<Coalition>,
    ) -> Self {
        Self {
            own,
            number,
            program,
            coalition,
            proposed: BTreeMap::new(),
            started: StartedJobs::default(),
            decided: BTreeMap::new(),
            over: None,
            doubts: VecDeque::new(),
        }
    }

    fn ask(&self, at: &'static str, job: JobId, mut question: Value) -> Value {
        question["peer"] = json!(self.number);
        question["job"] = json!(job.to_string());
        self.program.borrow_mut().ask(at, question)
    }

    /// Yes or no; `usual` where the program leaves it to the brain.
    fn asks_whether(&self, at: &'static str, job: JobId, question: Value, usual: bool) -> bool {
        let answer = self.ask(at, job, question);
        if !answer.is_null() && !answer.is_boolean() {
            self.program.borrow_mut().refuse(at, &answer, "answer true, false or null");
        }
        answer.as_bool().unwrap_or(usual)
    }

    /// One of these words; the first where the program leaves it to the brain.
    fn asks_which<T: Copy>(
        &self,
        at: &'static str,
        job: JobId,
        question: Value,
        words: &[(&'static str, T)],
    ) -> T {
        let answer = self.ask(at, job, question);
        let usual = words[0].1;
        if answer.is_null() {
            return usual;
        }
        let found = words.iter().find(|(word, _)| answer.as_str() == Some(*word));
        if found.is_none() {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let expected = format!("answer null or one of {}", words.join(", "));
            self.program.borrow_mut().refuse(at, &answer, &expected);
        }
        found.map_or(usual, |(_, meant)| *meant)
    }

    /// Whether it does something in a job, asked once.
    fn does(&mut self, at: &'static str, job: JobId, question: Value) -> bool {
        let known = self.decided.get(&job).and_then(|decided| decided.does.get(at).copied());
        known.unwrap_or_else(|| {
            let does = self.asks_whether(at, job, question, true);
            self.decided.entry(job).or_default().does.insert(at, does);
            does
        })
    }

    /// What is known of a job that it began.
    fn terms(&self, job: JobId) -> Value {
        self.started.get(&job).map_or_else(
            || json!({}),
            |started| {
                json!({
                    "price": credits(started.price.0),
                    "rate": started.rate.0 as f64 / Rate::ONE.0 as f64,
                    "client": started.client.to_string(),
                    "friend": self.coalition.holds(started.client),
                })
            },
        )
    }

    fn note_proposed(&mut self, input: &Input) {
        let Input::Message(Opened::Propose(propose)) = input else { return };
        let order = propose.order();
        let terms = json!({
            "price": credits(order.price().unwrap_or_default().0),
            "client": order.client.to_string(),
            "friend": self.coalition.holds(order.client),
            "work": order.manifest.name,
        });
        if self.proposed.len() == PROPOSED_MAX {
            self.proposed.pop_first();
        }
        self.proposed.insert(order.id(), terms);
    }

    /// Whether a message goes out.
    fn says(&mut self, message: &Message) -> bool {
        if let Message::Accept(accept) = message {
            let job = accept.said().job;
            let terms = self.proposed.remove(&job).unwrap_or_else(|| json!({}));
            return self.does("accept", job, terms);
        }
        if let Some(job) = ended_by(message) {
            let terms = self.terms(job);
            return self.does("claim", job, terms);
        }
        if let Message::OpenClaim(opening) = message {
            let terms = self.terms(opening.said().job);
            return self.does("open", opening.said().job, terms);
        }
        if let Message::Reveal(reveal) = message {
            return self.does("reveal", reveal.said().job, json!({}));
        }
        true
    }

    /// Whether somebody may fetch something of a job, asked once for each.
    fn serves(&mut self, job: JobId, to: PeerId) -> bool {
        if self.over == Some(job) {
            return true;
        }
        let known = self.decided.get(&job).and_then(|decided| decided.serves.get(&to).copied());
        known.unwrap_or_else(|| {
            let whom = json!({ "to": to.to_string(), "friend": self.coalition.holds(to) });
            let serves = self.asks_whether("serve", job, whom, true);
            self.decided.entry(job).or_default().serves.insert(to, serves);
            serves
        })
    }

    /// Tells the program how a job ended, and forgets it.
    fn ends(&mut self, job: JobId, outcome: Outcome) {
        let mut terms = self.terms(job);
        terms["outcome"] = json!(outcome);
        terms["paid"] = json!(outcome.is_paid());
        terms["slashed"] = json!(outcome.is_slashed());
        self.ask("ended", job, terms);
        self.decided.remove(&job);
        self.over = Some(job);
    }

    fn told(&mut self, event: &Event) {
        if let Event::Delivered { key, job, .. } = event
            && self.asks_whether("dispute", *job, json!({}), false)
        {
            self.doubts.push_back(*key);
        }
        if let Event::Served { job, outcome } = event {
            self.ends(*job, *outcome);
        }
        if let Event::Closed { job, outcome, .. } = event {
            self.ends(*job, *outcome);
        }
    }

    fn runs(&mut self, run: &Run) -> Option<Lie> {
        let job = run.id.job;
        let known = self.decided.get(&job).and_then(|decided| decided.run);
        known.unwrap_or_else(|| {
            let mut terms = self.terms(job);
            terms["work"] = json!(run.manifest.name);
            let lie = self.asks_which("run", job, terms, &RUNS);
            self.decided.entry(job).or_default().run = Some(lie);
            lie
        })
    }

    fn checks(&mut self, job: JobId, work: &str) -> CheckManner {
        let known = self.decided.get(&job).and_then(|decided| decided.check);
        known.unwrap_or_else(|| {
            let sold = self.coalition.sold(&job).is_some();
            let manner = self.asks_which("check", job, json!({ "work": work, "sold": sold }), &CHECKS);
            self.decided.entry(job).or_default().check = Some(manner);
            manner
        })
    }
}

impl Behaviour for ExternalStrategy {
    fn hear(&mut self, input: Input) -> Option<Input> {
        self.note_proposed(&input);
        self.started.hear(&input);
        if let Input::Message(Opened::Check(check)) = &input
            && check.verifier == self.own
            && self.checks(check.job, &check.manifest.name) == CheckManner::Absent
        {
            return None;
        }
        Some(input)
    }

    fn act(&mut self, effect: Effect) -> Option<Effect> {
        let passes = match &effect {
            Effect::Send { message, .. } => self.says(message),
            Effect::Serve { holder, to, .. } => self.serves(*holder, *to),
            Effect::Tell(event) => {
                self.told(event);
                true
            }
            Effect::Save(_)
            | Effect::Publish(_)
            | Effect::Fetch { .. }
            | Effect::Collect { .. }
            | Effect::Run(_)
            | Effect::Stop(_)
            | Effect::Cut(_)
            | Effect::Show { .. }
            | Effect::Keep { .. }
            | Effect::Release { .. }
            | Effect::File { .. }
            | Effect::Recall(_)
            | Effect::WakeAt(_) => true,
        };
        self.started.act(&effect);
        passes.then_some(effect)
    }

    fn make(&mut self, run: &Run, input: &[u8], made: Made) -> Made {
        let job = run.id.job;
        if !run.id.check {
            let Some(lie) = self.runs(run) else { return made };
            let made = lie.tell(run, input, made);
            self.coalition.note_sold(job, made.clone());
            return made;
        }
        match self.checks(job, &run.manifest.name) {
            CheckManner::Honest | CheckManner::Absent => made,
            CheckManner::Tells(lie) => lie.tell(run, input, made),
            CheckManner::Copies => CopyingVerifier.make(run, input, made),
            CheckManner::Sold => self.coalition.sold(&job).unwrap_or(made),
        }
    }

    fn wants(&mut self) -> Option<Command> {
        self.doubts.pop_front().map(|key| Command::Dispute { key })
    }
}

/// Nano-credits in credits.
fn credits(nano: u64) -> f64 {
    nano as f64 / NANO_PER_CREDIT as f64
}
