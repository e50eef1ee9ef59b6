//! The words that stories are told in: what each says, and whose word it is.

use alloc::{string::String, vec::Vec};

use super::{
    super::*,
    world::{CLIENT, POSITION, PROVIDER, SECRET, World},
};
use crate::{
    check::{Evidence, Trap},
    claim::{EvidenceLeaf, OutputLeaf, Written, commit},
    codec, merkle,
    objection::Output,
    roster::Leaf,
    signed::Statement as _,
    units::Amount,
};

/// Every word: a verb, then the manner in which it is done, if it can be done in several.
const WORDS: &str = "
    claim claim:other claim:most claim:excess claim:ticket claim:cancelled claim:fee claim:idle
    claim:unworked claim:two-roots abort abort:ticket cancel cancel:ticket reveal reveal:position reveal:secret dispute
    contradict contradict:longer contradict:root contradict:same-root contradict:consistent contradict:stranger contradict:job
    contradict:leaf draw:check draw:none seat seat:nobody seat:again seat:first seat:accuser seat:queued
    seat:behind underway underway:other seal:same seal:other seal:third seal:near
    seal:grey seal:empty seal:cheaper seal:fewer seal:more seal:length seal:measure seal:two-roots seal:bare seal:whole seal:swapped unserved open
    open:trap open:trap-short open:trap-unfunded open:trap-dear open:no-trap open:trap-of-provider open:trap-elsewhere
    open:trap-of-another open:output open:two-roots open:records open:measure open:forged open:missing open:shuffled open-seal:same open-seal:other
    open-seal:third open-seal:near open-seal:grey open-seal:empty open-seal:cheaper open-seal:fewer
    open-seal:length open-seal:measure open-seal:two-roots open-seal:same:forged open-seal:same:missing
    open-seal:same:shuffled tick almost overdue frozen leap convicted unreached
";

/// All the words.
pub(super) fn all() -> Vec<&'static str> {
    WORDS.split_whitespace().collect()
}

/// The work of the usual run.
const RUN: Work = 64;

/// What is told so often that it has a word of its own.
const PHRASES: &[(&str, &str)] = &[
    ("rounds", "tick tick"),
    ("undrawn", "claim reveal tick tick draw:none"),
    ("drawn", "claim reveal tick tick draw:check"),
    ("sealed", "tick tick seat seal:"),
    ("checked", "tick tick seat seal: tick tick open open-seal:"),
    ("accused", "claim reveal tick tick draw:check tick tick seat seal:other tick tick open open-seal:other"),
    ("voice", "tick tick seat seal: tick tick open-seal:"),
    ("unheard", "tick tick seat overdue"),
    ("unserving", "tick tick seat unserved"),
    ("nobody", "tick tick seat:nobody"),
];

/// The single words of a story: phrases are spelled out in their manner, and `word*3` is said three times.
pub(super) fn expand(story: &str) -> Vec<String> {
    let mut words = Vec::new();
    for word in story.split_whitespace() {
        let (word, times) = word.split_once('*').unwrap_or((word, "1"));
        let times = times.parse().expect("a number of times");
        let (verb, manner) = word.split_once(':').unwrap_or((word, ""));
        let phrase = PHRASES.iter().find(|(phrase, _)| *phrase == verb).map(|(_, words)| *words);
        for said in core::iter::repeat_n(phrase.unwrap_or(word), times).flat_map(str::split_whitespace) {
            let mut said = String::from(said);
            said.push_str(if said.ends_with(':') { manner } else { "" });
            words.push(said);
        }
    }
    words
}

/// What somebody who ran the job found.
struct Finding {
    bytes: Vec<u8>,
    units: Units,
    work: Work,
    end: End,
}

impl World {
    /// Whose word this is; a verifier's is that of the last seat.
    pub(crate) fn speaker(&self, word: &str) -> Party {
        let seat = u16::try_from(self.job.seats().len()).expect("few seats").saturating_sub(1);
        match word.split(':').next().unwrap_or_default() {
            "claim" | "abort" | "open" => Party::Provider,
            "cancel" | "reveal" | "dispute" | "contradict" => Party::Client,
            "underway" | "seal" | "unserved" | "open-seal" => Party::Verifier(seat),
            _ => Party::Notary,
        }
    }

    /// The step that a word stands for, now and from this party.
    pub(crate) fn step(&self, word: &str, by: Party) -> Step {
        let (verb, manner) = word.split_once(':').unwrap_or((word, ""));
        let seat = match by {
            Party::Verifier(seat) => seat,
            Party::Client | Party::Provider | Party::Notary => 0,
        };
        match verb {
            "claim" => {
                let claim = self.claimed(manner);
                Step::Claim { claim, digest: codec::digest(Claim::NAME, &claim), position: POSITION }
            }
            "abort" => Step::Abort { ticket: self.quoted(manner) },
            "cancel" => Step::Cancel { ticket: self.quoted(manner) },
            "reveal" => Step::Reveal {
                position: POSITION + u64::from(manner == "position"),
                secret: if manner == "secret" { Digest([77; 32]) } else { SECRET },
            },
            "dispute" => Step::Dispute,
            "contradict" => self.contradict(manner),
            "draw" => Step::Draw { check: manner == "check" },
            "seat" => {
                let seats = self.job.seats();
                let new = PeerId([100 + u8::try_from(seats.len()).expect("few seats"); 32]);
                let seated = match manner {
                    "again" => seats.last(),
                    "first" => seats.first(),
                    "accuser" => self.job.jury_from().and_then(|from| seats.get(from.checked_sub(1)?)),
                    _ => None,
                };
                let peer = seated.map_or(new, |seat| seat.peer);
                let after = match manner {
                    "queued" => Some(self.now.live.after(Duration::seconds(100))),
                    "behind" => Some(Timestamp::NEVER),
                    _ => None,
                };
                let verifier = (manner != "nobody").then_some(Leaf { peer, stake: Amount(1) });
                Step::Seat { verifier, after }
            }
            "seal" => self.seal(manner, seat),
            "underway" => {
                let due = self.job.works_until().unwrap_or_default();
                Step::Underway { due: if manner == "other" { due.after(Duration(1)) } else { due } }
            }
            "unserved" => Step::Unserved,
            "open" => self.open_claim(manner),
            "open-seal" => {
                let (finding, manner) = manner.split_once(':').unwrap_or((manner, ""));
                let shown = self.found(if finding == "two-roots" { "other" } else { finding }).bytes;
                let records = self.records(&shown, manner);
                Step::OpenSeal { evidence: self.evidence(finding, seat), records }
            }
            "tick" | "almost" | "overdue" | "leap" => Step::Tick { frozen: false },
            "frozen" => Step::Tick { frozen: true },
            "convicted" => Step::Convicted,
            "unreached" => Step::Unreached,
            other => panic!("no word {other}"),
        }
    }

    fn quoted(&self, manner: &str) -> Digest {
        match manner {
            "ticket" => Digest([88; 32]),
            "alone" => Digest::default(),
            _ => self.job.ticket().digest(),
        }
    }

    /// The two leaves of a claim over this output.
    fn leaves(&self, output: &[u8], units: Units, end: End) -> (OutputLeaf, EvidenceLeaf) {
        let (root, records) = tree(output);
        let rms = compare::rms(self.job.order().manifest.policy, output);
        let output = OutputLeaf { written: Written::of(output), units, end, blind: Digest([21; 32]) };
        (output, EvidenceLeaf { evidence_root: root, records, rms, blind: Digest([22; 32]) })
    }

    fn claimed(&self, manner: &str) -> Claim {
        let (units, end) = match manner {
            "" | "ticket" | "two-roots" | "unworked" => (800, End::Stop),
            "other" => (700, End::Stop),
            "most" => (1_000, End::Length),
            "excess" => (1_001, End::Length),
            "cancelled" => (500, End::Cancelled),
            "fee" => (0, End::Cancelled),
            "idle" => (0, End::Stop),
            other => panic!("no claim {other}"),
        };
        let (output, mut evidence) = self.leaves(&self.output, units, end);
        if manner == "two-roots" {
            evidence.evidence_root = tree(&self.scaled(-1.0)).0;
        }
        let commit = commit(output.digest(), evidence.digest());
        let work = if manner == "unworked" { 0 } else { RUN };
        Claim { job: self.job.id(), ticket: self.quoted(manner), units, work, check_work: work, end, commit }
    }

    /// What a verifier found: what was claimed, or something else.
    fn found(&self, manner: &str) -> Finding {
        let claimed = self.job.claim().map_or_else(|| self.claimed(""), |claimed| claimed.claim);
        let end = if claimed.end == End::Stop { End::Stop } else { End::Length };
        let same = Finding { bytes: self.output.clone(), units: claimed.units, work: claimed.work, end };
        match manner {
            "same" | "measure" | "two-roots" | "bare" | "whole" | "swapped" => same,
            "other" => Finding { bytes: self.scaled(-1.0), work: RUN, ..same },
            "more" => Finding { bytes: self.scaled(-1.0), work: 1_000 * RUN, ..same },
            "third" => Finding { bytes: self.scaled(2.0), ..same },
            "near" => Finding { bytes: self.scaled(1.0 + 1e-5), ..same },
            "grey" => Finding { bytes: self.scaled(1.0 + 2e-4), ..same },
            "empty" => Finding { bytes: Vec::new(), ..same },
            "cheaper" => Finding { work: claimed.work - 32, ..same },
            "fewer" => Finding { units: claimed.units.saturating_sub(5), ..same },
            "length" => Finding { end: End::Length, ..same },
            other => panic!("nobody finds {other}"),
        }
    }

    /// The claimed output with every number multiplied.
    fn scaled(&self, by: f32) -> Vec<u8> {
        let (numbers, _) = self.output.as_chunks::<4>();
        numbers.iter().flat_map(|number| (f32::from_le_bytes(*number) * by).to_le_bytes()).collect()
    }

    /// A seal, with what it seals where that is how it is done.
    fn seal(&self, manner: &str, seat: u16) -> Step {
        let (evidence, opens) =
            (self.evidence(manner, seat), self.job.order().manifest.policy.opens_itself());
        let commit = if manner == "swapped" { Digest::default() } else { evidence.commit() };
        Step::Seal { commit, evidence: (opens && manner != "bare" || manner == "whole").then_some(evidence) }
    }

    fn evidence(&self, manner: &str, seat: u16) -> Evidence {
        let found = self.found(manner);
        let (root, records) = tree(&found.bytes);
        Evidence {
            written: Written::of(&found.bytes),
            evidence_root: if manner == "two-roots" { tree(&self.scaled(-1.0)).0 } else { root },
            records,
            units: found.units,
            work: found.work,
            check_work: found.work,
            end: found.end,
            rms: compare::rms(self.job.order().manifest.policy, &found.bytes)
                ^ u64::from(manner == "measure"),
            salt: Digest::of(&seat.to_be_bytes()),
        }
    }

    /// The wanted records of an output, or something else.
    fn records(&self, output: &[u8], manner: &str) -> Vec<ShownRecord> {
        let (_, count) = tree(output);
        let beacon = self.job.positions().map(|beacon| beacon.value);
        let wanted = draw::positions(self.job.id(), count, beacon).unwrap_or_default();
        let mut records: Vec<ShownRecord> = wanted.iter().map(|position| record(output, *position)).collect();
        match manner {
            "" => {}
            "missing" => {
                records.pop();
            }
            "shuffled" => records.reverse(),
            "forged" => records.iter_mut().for_each(|record| record.bytes[0] ^= 1),
            other => panic!("no records {other}"),
        }
        records
    }

    fn open_claim(&self, manner: &str) -> Step {
        let claimed = self.job.claim().map_or_else(|| self.claimed(""), |claimed| claimed.claim);
        let (mine, other) = (&self.output, &self.scaled(-1.0));
        let (output, shown, manner) = match manner {
            "output" => (other, other, ""),
            "two-roots" => (mine, other, ""),
            manner => (mine, mine, manner),
        };
        let (leaf, _) = self.leaves(output, claimed.units, claimed.end);
        let (_, mut evidence) = self.leaves(shown, claimed.units, claimed.end);
        evidence.rms ^= u64::from(manner == "measure");
        let whole = self.job.order().manifest.policy.opens_itself();
        let records = match manner {
            "records" | "measure" => self.records(shown, ""),
            manner if manner.contains("trap") => self.records(shown, ""),
            manner => self.records(shown, manner),
        };
        let records = if whole && manner != "records" { Vec::new() } else { records };
        let (job, commit) = (self.job.id(), claimed.commit);
        let set = |signer, job, commit| Some((signer, Trap { job, commit }));
        let trap = match manner {
            "trap" | "trap-short" | "trap-unfunded" | "trap-dear" => set(CLIENT, job, commit),
            "trap-of-provider" => set(PROVIDER, job, commit),
            "trap-elsewhere" => set(CLIENT, Digest::default(), commit),
            "trap-of-another" => set(CLIENT, job, Digest::default()),
            _ => None,
        };
        let forfeit = self.job.rules.forfeit.0;
        let pledged = Amount(match manner {
            "trap-short" => forfeit - 1,
            "trap-dear" => forfeit + 1,
            "no-trap" => 1,
            "trap-unfunded" => 0,
            _ if trap.is_some() => forfeit,
            _ => 0,
        });
        Step::OpenClaim { output: leaf, evidence, records, trap, pledged }
    }

    /// What the client holds against the provider: two records were streamed.
    fn contradict(&self, manner: &str) -> Step {
        let claimed = self.job.claim().map_or_else(|| self.claimed(""), |claimed| claimed.claim);
        let (mut leaf, evidence) = self.leaves(&self.output, claimed.units, claimed.end);
        let other = self.scaled(-1.0);
        let streamed = if manner == "consistent" { &self.output } else { &other };
        let streamed = &streamed[..2 * merkle::RECORD_BYTES];
        let mut output = Output { job: self.job.id(), records: 2, root: tree(streamed).0 };
        let mut records = Some((record(streamed, 0), record(&self.output, 0)));
        let mut streamed_by = PROVIDER;
        match manner {
            "" | "consistent" => {}
            "longer" => (output.records, records) = (leaf.written.records + 1, None),
            "root" => (output.records, output.root, records) = (leaf.written.records, tree(&other).0, None),
            "same-root" => {
                (output.records, output.root, records) = (leaf.written.records, leaf.written.root, None);
            }
            "stranger" => streamed_by = PeerId([50; 32]),
            "job" => output.job = Digest::default(),
            "leaf" => leaf.blind = Digest::default(),
            other => panic!("no contradiction {other}"),
        }
        Step::Contradict { streamed_by, output, leaf, evidence: evidence.digest(), records }
    }
}

/// The root over an output and how many records it has.
fn tree(output: &[u8]) -> (Digest, u64) {
    let size = merkle::RECORD_BYTES;
    (merkle::root(output, size), merkle::count(output.len() as u64, size))
}

fn record(output: &[u8], position: u64) -> ShownRecord {
    let path = merkle::prove(output, merkle::RECORD_BYTES, position).expect("the record is there");
    let at = usize::try_from(position).expect("few records");
    let bytes = output.chunks(merkle::RECORD_BYTES).nth(at).expect("the record is there").to_vec();
    ShownRecord { position, bytes, path }
}
