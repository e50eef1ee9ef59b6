//! `assay model bench`: how fast a model runs here, and what of work its steps are.

use assay_peer::{
    executor::{ModelPace, reads_texts},
    handle::{Attachment, BenchModel, BenchedModel, ListModels, PriceView, ShowPrices, WorkYardstick},
};
use assay_protocol::{
    id::Digest,
    manifest::{Meter, WorkPerMeter},
};
use serde_json::{Value, json};

use super::whole_name;
use crate::{
    bundle::{Bundle, SUMS},
    command_error::CommandError,
    commands::provide::{sample_of, tell_progress},
    daemon::{Reach, RunningDaemon},
    invocation::Invocation,
    printer::{Table, full, money},
};

const EXAMPLES: &str = "\
Examples:
  assay model bench smol         how fast it reads and writes here
  assay model bench smol --json  the same, for programs

Jobs that run meanwhile take their part of the machine: measure when it has little to do.";

/// What models of language are asked, so that they read and write for a while.
const QUESTION: &str = "Count from one to one hundred, in words, and say nothing else.";
/// Nanoseconds of a second.
const SECOND_NS: f64 = 1e9;

/// Measure how fast a model runs here.
///
/// Runs it some times, on this machine alone: how many tokens it reads and writes in a second, how much memory that takes, what
/// may be asked for it, and what of work each of its steps is. Work is counted in tokens that `sums` reads, so that one runs
/// beside it. Nothing is offered, and no offer changes: `assay provider bench` measures what is offered.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The model, by name
    #[arg(value_name = "NAME")]
    name: String,
    #[command(flatten)]
    reach: Reach,
}

pub(super) async fn perform(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    let daemon = RunningDaemon::reach(invocation, args.reach).await?;
    let prices = daemon.call(ShowPrices { models: vec![args.name.clone()] }).await?;
    let input = input_of(&args.name, &daemon).await?;
    let bench = BenchModel { name: args.name.clone(), input, yardstick: yardstick() };
    let spinner = invocation.printer.spinner("running it some times");
    let benches = daemon.call(bench);
    let watch = tell_progress(&daemon, &spinner, "running it some times");
    let benched = tokio::select! {
        benched = benches => benched,
        never = watch => match never {},
    };
    spinner.end();
    let (benched, price) = (benched?, prices.first());
    invocation.printer.table(&table(&benched, price, daemon.unit()));
    if !benched.counts_as_stated() {
        invocation.printer.note(
            "its manifest counts other work than was measured; who checks it puts as much at stake as that says",
        );
    }
    invocation.printer.document("model-bench", &document(&benched, price, daemon.unit()));
    Ok(())
}

/// What a model is measured on.
async fn input_of(name: &str, daemon: &RunningDaemon) -> Result<Attachment, CommandError> {
    let known = daemon.call(ListModels).await?;
    let manifest = &known.meant(name)?.manifest;
    Ok(match Bundle::all().iter().find(|bundle| Digest::of(bundle.model) == manifest.model) {
        Some(bundle) if manifest.policy.is_proven_by_rows() => longest_answer(bundle),
        Some(_) => sample_of(manifest).unwrap_or_default(),
        None if reads_texts(manifest) => Attachment(QUESTION.as_bytes().to_vec()),
        None => Attachment::default(),
    })
}

/// The sample on which a model writes most.
fn longest_answer(bundle: &Bundle) -> Attachment {
    let longest = bundle.samples.iter().max_by_key(|sample| sample.answer.len());
    longest.map(|sample| Attachment(sample.bytes.to_vec())).unwrap_or_default()
}

fn yardstick() -> WorkYardstick {
    let attached = |bytes: &[u8]| Attachment(bytes.to_vec());
    WorkYardstick {
        manifest: SUMS.manifest(),
        runner: attached(SUMS.runner),
        model: attached(SUMS.model),
        input: longest_answer(&SUMS),
    }
}

/// What follows from a measurement.
trait Measured {
    /// What of work each step is, in tokens that the yardstick reads.
    fn work(&self) -> Option<WorkPerMeter>;
    /// Whether the manifest counts work as it was measured, within a factor of two.
    fn counts_as_stated(&self) -> bool;
}

impl Measured for BenchedModel {
    fn work(&self) -> Option<WorkPerMeter> {
        self.pace.work(self.manifest.meter, self.yardstick.read_ns?)
    }

    fn counts_as_stated(&self) -> bool {
        let Some(measured) = self.work() else { return true };
        let steps = |work: &WorkPerMeter| [work.call, work.token_read, work.token_written, work.mega_fuel];
        let stated = steps(&self.manifest.work);
        stated.iter().zip(steps(&measured)).all(|(stated, measured)| {
            let (less, more) = (*stated.min(&measured), *stated.max(&measured));
            // Steps that are not of its meter were not measured.
            measured == 0 || more <= less.saturating_mul(2)
        })
    }
}

fn table(benched: &BenchedModel, price: Option<&PriceView>, unit: &str) -> Table {
    let BenchedModel { manifest, machine, pace, memory_bytes, .. } = benched;
    let mut table = Table::new(["WHAT", "HOW"]);
    let mut row = |what: &str, how: String| table.row([what.to_owned(), how]);
    row("model", whole_name(manifest));
    row("machine", machine.clone());
    let unknown = || "too few tokens fit into a run to tell".to_owned();
    let tokens =
        |ns: Option<u64>| a_second(ns).map_or_else(unknown, |count| format!("{count:.1} tokens a second"));
    match manifest.meter {
        Meter::Tokens(_) => {
            row("reads", tokens(pace.read_ns));
            row("writes", tokens(pace.written_ns));
        }
        Meter::Calls | Meter::MegaFuel => {
            let runs = a_second(Some(pace.run_ns)).unwrap_or_default();
            row("runs", format!("{runs:.1} times a second"));
        }
    }
    row("memory", format!("{} MiB", memory_bytes.div_ceil(1 << 20)));
    if let Some(price) = price {
        row("price", format!("{} {unit}s a unit, as suggested", price.suggestion.unit_price));
    }
    let stated = work_words(manifest.meter, &manifest.work);
    row("work", benched.work().map_or_else(unknown, |work| work_words(manifest.meter, &work)));
    row("as its manifest says", stated);
    table
}

fn work_words(meter: Meter, work: &WorkPerMeter) -> String {
    match meter {
        Meter::Tokens(_) => {
            format!(
                "{} for a token that is read, {} for one that is written",
                work.token_read, work.token_written
            )
        }
        Meter::Calls => format!("{} for a call of the engine", work.call),
        Meter::MegaFuel => format!("{} for a million instructions", work.mega_fuel),
    }
}

/// How often something can be done in a second that takes so long.
fn a_second(ns: Option<u64>) -> Option<f64> {
    ns.filter(|ns| *ns > 0).map(|ns| SECOND_NS / ns as f64)
}

fn document(benched: &BenchedModel, price: Option<&PriceView>, unit: &str) -> Value {
    let BenchedModel { manifest, machine, pace, yardstick, memory_bytes } = benched;
    let ModelPace { read_ns, written_ns, run_ns, meters } = pace;
    json!({
        "model": manifest.name, "manifest": full(manifest.digest()), "machine": machine,
        "tokens_read_a_second": a_second(*read_ns), "tokens_a_second": a_second(*written_ns),
        "runs_a_second": a_second(Some(*run_ns)), "units_of_run": manifest.units(meters),
        "memory_bytes": memory_bytes, "suggested": price.map(|price| money(price.suggestion.unit_price, unit)),
        "work_measured": benched.work().map(|work| work_document(&work)),
        "work_stated": work_document(&manifest.work),
        "yardstick_tokens_a_second": a_second(yardstick.read_ns),
    })
}

fn work_document(work: &WorkPerMeter) -> Value {
    let WorkPerMeter { call, token_read, token_written, mega_fuel } = work;
    json!({ "call": call, "token_read": token_read, "token_written": token_written, "mega_fuel": mega_fuel })
}

#[cfg(test)]
mod tests {
    use assay_protocol::manifest::{Manifest, Meters};

    use super::*;

    fn benched(manifest: Manifest, pace: ModelPace, read_ns: Option<u64>) -> BenchedModel {
        let yardstick = ModelPace { read_ns, ..ModelPace::default() };
        BenchedModel { manifest, machine: "a machine".to_owned(), pace, yardstick, memory_bytes: 3 << 20 }
    }

    #[test]
    fn work_is_what_a_step_takes_beside_a_token_of_sums() {
        let pace = ModelPace { read_ns: Some(80), written_ns: Some(330), ..ModelPace::default() };
        let sums = benched(SUMS.manifest(), pace, Some(80));
        assert_eq!(sums.work().map(|work| (work.token_read, work.token_written)), Some((1, 5)));
        assert!(sums.counts_as_stated());
        let slow = benched(SUMS.manifest(), ModelPace { written_ns: Some(900), ..pace }, Some(80));
        assert!(!slow.counts_as_stated(), "4 stated, and 12 measured");
        let unknown = benched(SUMS.manifest(), pace, None);
        assert_eq!((unknown.work(), unknown.counts_as_stated()), (None, true));
    }

    #[test]
    fn what_was_measured_is_told_in_words_and_as_a_document() {
        let pace = ModelPace { read_ns: Some(1_000_000), written_ns: None, ..ModelPace::default() };
        let told = table(&benched(SUMS.manifest(), pace, Some(1)), None, "credit").plain();
        assert!(told.contains("reads\t1000.0 tokens a second") && told.contains("writes\ttoo few"), "{told}");
        assert!(told.contains("memory\t3 MiB") && !told.contains("price"), "{told}");
        let meters = Meters { calls: 1, ..Meters::default() };
        let digits = ModelPace { run_ns: 500_000_000, meters, ..ModelPace::default() };
        let digits = benched(crate::bundle::DIGITS.manifest(), digits, Some(100_000_000));
        assert!(table(&digits, None, "credit").plain().contains("runs\t2.0 times a second"));
        let document = document(&digits, None, "credit");
        assert_eq!((&document["work_measured"]["call"], &document["units_of_run"]), (&json!(5), &json!(1)));
        assert_eq!(document["tokens_a_second"], Value::Null);
    }

    #[test]
    fn a_bundled_model_is_measured_on_what_it_answers_longest() {
        assert_eq!(longest_answer(&SUMS).0, b"68+75 in words=");
    }
}
