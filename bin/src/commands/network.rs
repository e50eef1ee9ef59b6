//! `assay network`: founding a network, outside the demonstration.
//!
//! **Invariant:** a network's file is written only if the network can be run by it, and no home changes its network.

use std::{
    collections::BTreeSet,
    fs,
    net::{SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

use assay_peer::{
    blobs::{BlobError, Blobs},
    config::{self, Contact, DaemonSettings, KeyError, NetworkFile},
    home,
    network::USUAL_PORT,
};
use assay_protocol::{
    genesis::{Checks, Founder, Genesis, Money},
    id::{Digest, PeerId},
    manifest::Manifest,
    signed::Signer,
    units::{Amount, Rate},
};
use assay_runtime::class::ARITHMETIC;
use serde_json::json;

use crate::{
    bundle::SUMS,
    command_error::{CommandError, Exit},
    invocation::Invocation,
    own_model::{self, TextExtent},
    printer::{called, full, short},
};

/// Peers that must be able to check from the first day.
const VERIFIERS_MIN: usize = 3;
/// What the heaviest check earns.
const HEAVIEST_CHECK: Amount = Amount(160_000_000);
/// What a verifier of the first day has at stake, and what it has to spend.
const STAKE: Amount = Amount::credits(10);
const FREE: Amount = Amount::credits(2);
/// What a new account is given where everybody knows everybody, and how many an hour.
const WELCOME: Amount = Amount::credits(5);
const WELCOMES_PER_HOUR: u64 = 60;
/// How long texts of a model of the founder's own may be.
const EXTENT: TextExtent = TextExtent { answer_tokens: 512, units: 8_192 };

/// Networks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    New(Args),
}

const EXAMPLES: &str = "\
Examples:
  assay network new lab --at 192.168.1.5 --verifier ADA --verifier BEN --verifier CLEO
                              a network of friends; each made a key with `assay key new`
  assay network new lab --at 192.168.1.5 --verifier … --model SmolLM2-135M-Instruct.Q4_1.gguf
                              the same, that sells a model of your own";

/// Found a network: its rules, and its notary in this home.
///
/// Whoever is to check from the first day makes a key with `assay key new` and tells you what it prints. This home becomes
/// the notary; the file is for everybody who joins. Its credits are play money: each new account is given some.
///
/// Models of language are on sale there: `sums`, and those in the files that you name. They give the same bits on every
/// machine, so every peer can check them. The network's peers fetch them from this one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What people call it
    name: String,
    /// Where this machine is reached by the others, such as 192.168.1.5 or example.org:4001
    #[arg(long, value_name = "HOST[:PORT]", required = true)]
    at: Vec<String>,
    /// A peer that checks jobs from the first day; name three or more
    #[arg(long = "verifier", value_name = "PEER", required = true)]
    verifiers: Vec<PeerId>,
    /// A model of language to be sold, a GGUF file; may be repeated
    #[arg(long = "model", value_name = "FILE")]
    models: Vec<PathBuf>,
    /// Numbers for how many peers
    #[arg(long, value_enum, default_value_t = Preset::Friends)]
    preset: Preset,
    /// Where to write the network's file
    #[arg(long, short, value_name = "FILE", default_value = "network.toml")]
    output: PathBuf,
}

/// Numbers that fit so many peers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Preset {
    /// A handful who know each other: a few verifiers are enough, and a new account is given credits
    Friends,
    /// Strangers: the numbers that the threat model is about; a check needs many verifiers
    Public,
}

pub(crate) fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    let Verb::New(args) = verb;
    refuse_taken(args, invocation)?;
    let addresses = args.at.iter().map(|at| address(at)).collect::<Result<Vec<_>, _>>()?;
    args.models.iter().try_for_each(|file| own_model::bytes_of(file).map(drop))?;
    home::make(invocation.home.root())?;
    let notary = match invocation.home.create_key() {
        Ok(peer) => peer,
        Err(KeyError::Present { .. }) => invocation.home.key()?.id(),
        Err(error) => return Err(error.into()),
    };
    let verifiers = verifiers(&args.verifiers, notary)?;
    let spinner = invocation.printer.spinner("storing the models");
    let models = args.models.iter().map(|file| stored(file, invocation)).collect();
    spinner.end();
    let genesis = genesis(args, notary, &verifiers, models)?;
    let contact = Contact { peer: notary, addresses: addresses.iter().map(|at| multiaddress(*at)).collect() };
    let file = NetworkFile { genesis, contacts: vec![contact] };
    write(args, &file, &addresses, invocation)?;
    tell(args, &file, invocation);
    Ok(())
}

fn refuse_taken(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    if invocation.home.network().exists() {
        let message = format!("{} belongs to a network already", invocation.home.root().display());
        let hint = "a home never changes its network: name another with --home DIR";
        return Err(CommandError::new(Exit::Usage, "HOME_TAKEN", message, hint));
    }
    if args.output.exists() {
        let message = format!("{} is there already", args.output.display());
        return Err(CommandError::new(Exit::Usage, "FILE", message, "name another with --output FILE"));
    }
    Ok(())
}

/// Where a notary is reached.
fn address(at: &str) -> Result<SocketAddr, CommandError> {
    let with_port = if at.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{at}]:{USUAL_PORT}")
    } else if at.starts_with('[') && at.ends_with(']') || !at.contains(':') {
        format!("{at}:{USUAL_PORT}")
    } else {
        at.to_owned()
    };
    let found = with_port.to_socket_addrs().ok().and_then(|mut found| found.next());
    found.ok_or_else(|| {
        let hint = "name this machine as others reach it: 192.168.1.5, or example.org:4001";
        CommandError::new(Exit::Usage, "NO_ADDRESS", format!("{at} is no host that is known here"), hint)
    })
}

fn multiaddress(at: SocketAddr) -> String {
    let family = if at.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{family}/{}/tcp/{}", at.ip(), at.port())
}

fn verifiers(named: &[PeerId], notary: PeerId) -> Result<Vec<PeerId>, CommandError> {
    let verifiers: BTreeSet<PeerId> = named.iter().copied().filter(|peer| *peer != notary).collect();
    if verifiers.len() >= VERIFIERS_MIN {
        return Ok(verifiers.into_iter().collect());
    }
    let message = format!(
        "{} peers beside the notary are to check jobs, where {VERIFIERS_MIN} are needed",
        verifiers.len()
    );
    let hint = "each runs `assay key new` in a home of its own; name what that prints with --verifier";
    Err(CommandError::new(Exit::Usage, "VERIFIERS", message, hint))
}

/// Puts a copy of a model where others can fetch it.
fn stored(file: &Path, invocation: &Invocation) -> Result<Manifest, CommandError> {
    let blobs = Blobs::open(&invocation.home.blobs(), DaemonSettings::default().blob_bytes_max);
    let digest = blobs.map_err(BlobError::from).and_then(|blobs| blobs.put_file(file));
    let digest = digest.map_err(|error| {
        let message = format!("{} cannot be stored: {error}", file.display());
        CommandError::new(Exit::Usage, "NO_MODEL", message, "free as much space as the model takes")
    })?;
    own_model::manifest(file, digest, EXTENT)
}

fn genesis(
    args: &Args,
    notary: PeerId,
    verifiers: &[PeerId],
    models: Result<Vec<Manifest>, CommandError>,
) -> Result<Genesis, CommandError> {
    let manifests: Vec<Manifest> = [SUMS.manifest()].into_iter().chain(models?).collect();
    let names: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    if names.len() < manifests.len() {
        let hint = "a model is called like its file: give one of the files another name";
        return Err(CommandError::new(Exit::Usage, "NAMES", "two models have one name", hint));
    }
    let classes: Vec<Digest> = vec![ARITHMETIC.digest()];
    let founder = |peer: &PeerId| Founder { peer: *peer, stake: STAKE, free: FREE, classes: classes.clone() };
    let genesis = Genesis {
        notaries: vec![notary],
        checks: args.preset.checks(),
        money: args.preset.money(&manifests),
        verifiers: verifiers.iter().map(founder).collect(),
        manifests,
        ..config::genesis(&args.name, notary)
    };
    genesis.examine().map_err(|unsound| {
        let hint = "a name has at most 64 bytes, and a network at most 64 models and 1,024 verifiers of the first day";
        CommandError::new(Exit::Usage, "UNSOUND", unsound, hint)
    })?;
    Ok(genesis)
}

impl Preset {
    fn checks(self) -> Checks {
        match self {
            Self::Public => Checks::default(),
            Self::Friends => Checks {
                leaves_min: 2,
                effective_min: Rate::per_mille(1_900),
                party_share: Rate::per_mille(500),
                weight_kept: Rate::ZERO,
                ..Checks::default()
            },
        }
    }

    /// The heaviest check of any model earns the same, whatever the models' constants are.
    fn money(self, manifests: &[Manifest]) -> Money {
        let heaviest = manifests.iter().map(|manifest| manifest.work_most).max().unwrap_or(1).max(1);
        let money = Money { per_work: Amount((HEAVIEST_CHECK.0 / heaviest).max(1)), ..Money::default() };
        match self {
            Self::Public => money,
            // Among so few nobody can keep the others out.
            Self::Friends => Money {
                welcome: WELCOME,
                welcomes_per_hour: WELCOMES_PER_HOUR,
                place_hour: Amount::ZERO,
                ..money
            },
        }
    }
}

/// Writes the file for the others first: a home with a network is one that was founded.
fn write(
    args: &Args,
    file: &NetworkFile,
    addresses: &[SocketAddr],
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let (text, home) = (file.to_toml(), &invocation.home);
    let unwritable = |path: &Path, error: std::io::Error| {
        let message = format!("{} cannot be written: {error}", path.display());
        CommandError::new(Exit::Forbidden, "FILE", message, "check who owns it and whether its disk is full")
    };
    fs::write(&args.output, &text).map_err(|error| unwritable(&args.output, error))?;
    let ports: BTreeSet<u16> =
        addresses.iter().map(SocketAddr::port).filter(|port| *port != USUAL_PORT).collect();
    if !ports.is_empty() {
        let listen: Vec<String> = ports.iter().map(|port| format!("\"/ip4/0.0.0.0/tcp/{port}\"")).collect();
        let settings = format!("[daemon]\nlisten = [{}]\n", listen.join(", "));
        fs::write(home.settings(), settings).map_err(|error| unwritable(&home.settings(), error))?;
    }
    fs::write(home.network(), text).map_err(|error| unwritable(&home.network(), error))
}

fn tell(args: &Args, file: &NetworkFile, invocation: &Invocation) {
    let (genesis, printer) = (&file.genesis, &invocation.printer);
    let models: Vec<&str> = genesis.manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    printer.line(format!("Founded the network {} ({}).", called(&genesis.name), short(genesis.id())));
    printer.line(format!(
        "Its notary is this peer, {}; it sells {}.",
        short(genesis.issuer),
        models.join(", ")
    ));
    printer.line(format!("Its file is {}.", args.output.display()));
    printer.note(
        "next: `assay up` keeps its books here; everybody else: `assay init --network FILE` with that file",
    );
    printer.document(
        "network",
        &json!({
            "network": full(genesis.id()), "network_name": genesis.name, "file": args.output,
            "home": invocation.home.root(), "notary": full(genesis.issuer),
            "verifiers": genesis.verifiers.iter().map(|founder| full(founder.peer)).collect::<Vec<_>>(),
            "models": genesis.manifests.iter().map(|manifest| {
                json!({ "name": manifest.name, "manifest": full(manifest.digest()), "model": full(manifest.model) })
            }).collect::<Vec<_>>(),
        }),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_is_named_as_people_do() {
        for (named, expected) in [
            ("192.168.1.5", "/ip4/192.168.1.5/tcp/29292"),
            ("127.0.0.1:4001", "/ip4/127.0.0.1/tcp/4001"),
            ("::1", "/ip6/::1/tcp/29292"),
            ("[::1]", "/ip6/::1/tcp/29292"),
            ("[::1]:4001", "/ip6/::1/tcp/4001"),
        ] {
            assert_eq!(multiaddress(address(named).unwrap()), expected, "{named}");
        }
        assert_eq!(address("no such host:x").unwrap_err().exit(), Exit::Usage);
    }
}
