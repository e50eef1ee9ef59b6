//! `assay network`: founding a network, outside the demonstration, and showing the one that a home is in.
//!
//! **Invariant:** a network's file is written only if the network can be run by it, and no home changes its network but by leaving one.

mod show;
mod stock;

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{self, Write},
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    path::{Path, PathBuf},
};

use assay_peer::{
    config::{self, Contact, DaemonSettings, NetworkFile, Settings},
    home::HomeLock,
    network::{USUAL_PORT, can_listen},
};
use assay_protocol::{
    genesis::{Founder, Genesis, Money, Timers},
    id::{Digest, PeerId},
    manifest::Manifest,
    signed::Ed25519,
    units::{Amount, Duration, Rate},
};
use assay_runtime::class::ARITHMETIC;
use serde_json::json;

use super::init;
use crate::{
    bundle::SUMS,
    command_error::{CommandError, Exit},
    few,
    invocation::Invocation,
    own_model::{self, TextExtent},
    printer::{called, full, number_of, path_text, short},
    stop::{TAKEN_UP, at_once, unless_left},
};

/// Peers that must be able to check from the first day: two must be left beside a client and a provider who are both of them.
const VERIFIERS_MIN: usize = 4;
/// As how many of equal stake those must count, in thousandths: their stakes may be as different as one to ten.
const EFFECTIVE_PER_MILLE: u64 = 1_150;
/// What the heaviest check earns.
const HEAVIEST_CHECK: Amount = Amount(40_000_000);
/// What a verifier of the first day has at stake, and what it has to spend.
const STAKE: Amount = Amount::credits(10);
const FREE: Amount = Amount::credits(5);
/// The least time from the draw to the payment: checks take longer as a rule, and nobody's money waits longer than they do.
const WINDOW: Duration = Duration::seconds(300);
/// How long texts of a model of the founder's own may be.
const EXTENT: TextExtent = TextExtent { answer_tokens: 512, units: 8_192 };

/// Networks.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Verb {
    New(Args),
    Show(show::Args),
}

const EXAMPLES: &str = "\
Examples:
  assay network new lab --verifier ADA --verifier BEN --verifier CLEO --verifier DAN
                              a network of friends in one room; each made a key with `assay key new`
  assay network new lab --at 203.0.113.7 --verifier ADA --verifier BEN --verifier CLEO --verifier DAN
                              one that is reached from elsewhere as well
  assay network new lab --at 192.168.1.5 --verifier … --model SmolLM2-135M-Instruct.Q4_1.gguf
                              the same, that sells a model of your own";

/// Found a network of friends: its rules, and its notary in this home.
///
/// Whoever is to check from the first day makes a key with `assay key new` and tells you what it prints: four peers or more,
/// so that two are left to check a job between two others. This home becomes the notary; the file is for everybody who
/// joins. Its credits are play money, and each new account is given five.
///
/// Models of language are on sale there: `sums`, and those in the files that you name. They give the same bits on every
/// machine, so every peer can check them. Each is run once before; the network's peers fetch them from this one.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// What people call it
    name: String,
    /// Where this machine is reached by the others, such as 192.168.1.5 or 192.168.1.5:4001; a name is looked up now.
    /// Without it they look for it on the local network, wherever it is there
    #[arg(long, value_name = "HOST[:PORT]")]
    at: Vec<String>,
    /// A peer that checks jobs from the first day; name four or more
    #[arg(long = "verifier", value_name = "PEER", required = true)]
    verifiers: Vec<PeerId>,
    /// A model of language to be sold, a GGUF file; may be repeated
    #[arg(long = "model", value_name = "FILE")]
    models: Vec<PathBuf>,
    /// Where to write the network's file
    #[arg(long, short, value_name = "FILE", default_value = "network.toml")]
    output: PathBuf,
}

/// A network to be, as far as it is known before its models are stored.
struct NetworkBeginning {
    contact: Contact,
    verifiers: Vec<PeerId>,
    settings: DaemonSettings,
    /// What is to stand in the home's settings.
    listen: Option<String>,
    _lock: HomeLock,
}

pub(crate) async fn perform(verb: &Verb, invocation: &Invocation) -> Result<(), CommandError> {
    match verb {
        Verb::New(args) => found(args, invocation).await,
        Verb::Show(show::Args {}) => {
            at_once(&invocation.printer, TAKEN_UP, async { show::perform(invocation) }).await
        }
    }
}

async fn found(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    // A name that is looked up holds the thread.
    let begun = at_once(&invocation.printer, TAKEN_UP, async { begin(args, invocation) }).await?;
    let stored = stock::stored(&args.models, &begun.settings, invocation);
    let manifests = unless_left(TAKEN_UP, stored).await?;
    let file = founded(args, &begun.contact, &begun.verifiers, manifests)?;
    write(args, &file, begun.listen, invocation)?;
    tell(args, &file, invocation);
    Ok(())
}

fn begin(args: &Args, invocation: &Invocation) -> Result<NetworkBeginning, CommandError> {
    refuse_taken(args, invocation)?;
    let addresses = addresses(&args.at)?;
    refuse_busy(&addresses)?;
    let lock = HomeLock::take(invocation.home.root())?;
    if init::carry_on(&lock, invocation)? {
        refuse_taken(args, invocation)?;
    }
    let notary = invocation.own_or_new_key()?;
    let verifiers = verifiers(&args.verifiers, notary)?;
    let settings = Settings::read(&invocation.home)?.daemon;
    let listen = listening(&addresses, &settings, invocation)?;
    let contact = Contact { peer: notary, addresses: addresses.iter().map(|at| multiaddress(*at)).collect() };
    for file in &args.models {
        own_model::refuse_unrunnable(file, &file.display().to_string(), "sold")?;
    }
    // Whether it can be run by its numbers is known before gigabytes are copied.
    let named = args.models.iter().map(|file| own_model::manifest(file, Digest::default(), EXTENT));
    founded(args, &contact, &verifiers, named.collect::<Result<_, _>>()?)?;
    Ok(NetworkBeginning { contact, verifiers, settings, listen, _lock: lock })
}

fn refuse_taken(args: &Args, invocation: &Invocation) -> Result<(), CommandError> {
    if invocation.home.network().exists() {
        let message = format!("{} belongs to a network already", invocation.home.root().display());
        let hint = "name another with --home DIR, or leave that network first with `assay leave`";
        return Err(CommandError::new(Exit::Usage, "HOME_TAKEN", message, hint));
    }
    if args.output.exists() {
        let message = format!("{} is there already", args.output.display());
        return Err(CommandError::new(Exit::Usage, "FILE", message, "name another with --output FILE"));
    }
    let folder = args.output.parent().filter(|folder| !folder.as_os_str().is_empty());
    if let Some(folder) = folder.filter(|folder| !folder.is_dir()) {
        let message = format!("there is no folder {}", folder.display());
        let hint = "make it first, or name a file elsewhere with --output FILE";
        return Err(CommandError::new(Exit::Usage, "FILE", message, hint));
    }
    Ok(())
}

/// Where a notary is reached, all of one family: what listens for one takes the port of the other.
fn addresses(named: &[String]) -> Result<Vec<SocketAddr>, CommandError> {
    let addresses = named.iter().map(|at| address(at)).collect::<Result<Vec<_>, _>>()?;
    if addresses.iter().any(SocketAddr::is_ipv4) && addresses.iter().any(SocketAddr::is_ipv6) {
        let hint = "name addresses of one kind; others reach this machine by either";
        return Err(CommandError::new(Exit::Usage, "NO_ADDRESS", "some are of IPv4 and some of IPv6", hint));
    }
    Ok(addresses)
}

fn address(at: &str) -> Result<SocketAddr, CommandError> {
    let with_port = if at.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{at}]:{USUAL_PORT}")
    } else if at.starts_with('[') && at.ends_with(']') || !at.contains(':') {
        format!("{at}:{USUAL_PORT}")
    } else {
        at.to_owned()
    };
    let port = with_port.rsplit_once(':').map_or("", |(_, port)| port);
    if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_err() {
        let hint = format!("a port is 1 to 65535, {USUAL_PORT} as a rule: 192.168.1.5, or 192.168.1.5:4001");
        return Err(CommandError::new(Exit::Usage, "NO_ADDRESS", format!("there is no port {port}"), hint));
    }
    let found: Vec<SocketAddr> = with_port.to_socket_addrs().map_or_else(|_| Vec::new(), Iterator::collect);
    let reached = |at: &&SocketAddr| at.port() != 0 && !at.ip().is_unspecified();
    let by_family = |is: fn(&SocketAddr) -> bool| found.iter().filter(reached).find(|at| is(at)).copied();
    by_family(SocketAddr::is_ipv4).or_else(|| by_family(SocketAddr::is_ipv6)).ok_or_else(|| {
        let hint = "name this machine as others reach it: 192.168.1.5, or 192.168.1.5:4001";
        CommandError::new(Exit::Usage, "NO_ADDRESS", format!("nobody is reached at {at}"), hint)
    })
}

fn multiaddress(at: SocketAddr) -> String {
    let family = if at.is_ipv4() { "ip4" } else { "ip6" };
    format!("/{family}/{}/tcp/{}", at.ip(), at.port())
}

/// Every address of this machine on a port, of the family that others use.
fn everywhere(at: &SocketAddr) -> String {
    let any = if at.is_ipv4() { "/ip4/0.0.0.0" } else { "/ip6/::" };
    format!("{any}/tcp/{}", at.port())
}

/// Refuses a port that was named and that somebody has: it would stand in the file of a network whose notary is not there.
/// Whoever has the usual one may be another peer of this machine, that is ended before the notary starts.
fn refuse_busy(addresses: &[SocketAddr]) -> Result<(), CommandError> {
    for at in addresses.iter().filter(|at| at.port() != USUAL_PORT) {
        can_listen(&everywhere(at)).map_err(|error| {
            let hint = "end what listens there, or name another port with --at HOST:PORT";
            CommandError::new(Exit::Usage, "NOT_LISTENING", error, hint)
        })?;
    }
    Ok(())
}

/// What is to stand in the home's settings, so that it listens there; nothing, where they say so already.
fn listening(
    addresses: &[SocketAddr],
    settings: &DaemonSettings,
    invocation: &Invocation,
) -> Result<Option<String>, CommandError> {
    let listen: BTreeSet<String> = addresses.iter().map(everywhere).collect();
    if addresses.is_empty() {
        // Whoever looks for it is told where it listens, wherever that is.
        return Ok(None);
    }
    // The usual port stands there as well: where another peer has it, a notary must not take one that nobody looks at.
    let already: BTreeSet<String> = settings.listen.iter().cloned().collect();
    if listen == already {
        return Ok(None);
    }
    if invocation.home.settings().exists() {
        let message =
            format!("{} does not say that this peer listens there", invocation.home.settings().display());
        let places = listen.into_iter().collect::<Vec<String>>().join(",");
        let hint = format!("`assay config set daemon.listen {places}`, and found the network again");
        return Err(CommandError::new(Exit::Usage, "NO_ADDRESS", message, hint));
    }
    let listen: Vec<String> = listen.iter().map(|address| format!("\"{address}\"")).collect();
    Ok(Some(format!("[daemon]\nlisten = [{}]\n", listen.join(", "))))
}

fn verifiers(named: &[PeerId], notary: PeerId) -> Result<Vec<PeerId>, CommandError> {
    let hint = "each runs `assay key new` in a home of its own; name what that prints with --verifier";
    if let Some(wrong) = named.iter().find(|peer| !Ed25519::is_key(peer)) {
        let message = format!("{} is nobody's key", full(wrong));
        return Err(CommandError::new(Exit::Usage, "VERIFIERS", message, hint));
    }
    let mut before = BTreeSet::new();
    if let Some(twice) = named.iter().find(|peer| !before.insert(**peer)) {
        let message = format!("{} is named twice to check jobs", full(twice));
        return Err(CommandError::new(Exit::Usage, "VERIFIERS", message, hint));
    }
    let verifiers: BTreeSet<PeerId> = named.iter().copied().filter(|peer| *peer != notary).collect();
    if verifiers.len() >= VERIFIERS_MIN {
        return Ok(verifiers.into_iter().collect());
    }
    let message = format!(
        "jobs are to be checked by {} beside the notary, where {VERIFIERS_MIN} are needed",
        number_of(verifiers.len(), "peer")
    );
    Err(CommandError::new(Exit::Usage, "VERIFIERS", message, hint))
}

/// The network's file, if it can be read and run by.
fn founded(
    args: &Args,
    contact: &Contact,
    verifiers: &[PeerId],
    models: Vec<Manifest>,
) -> Result<NetworkFile, CommandError> {
    let manifests: Vec<Manifest> = [SUMS.manifest()].into_iter().chain(models).collect();
    let names: BTreeSet<&str> = manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    if names.len() < manifests.len() {
        let hint = "a model is called like its file: give one of the files another name";
        return Err(CommandError::new(Exit::Usage, "NAMES", "two models have one name", hint));
    }
    let classes: Vec<Digest> = vec![ARITHMETIC.digest()];
    let founder = |peer: &PeerId| Founder { peer: *peer, stake: STAKE, free: FREE, classes: classes.clone() };
    let genesis = Genesis {
        notaries: vec![contact.peer],
        timers: Timers { window: WINDOW, ..Timers::default() },
        checks: few::checks(EFFECTIVE_PER_MILLE),
        // Who earns much is not to outweigh the others as a verifier.
        money: Money { autostake: Rate::ZERO, ..few::money(&manifests, HEAVIEST_CHECK) },
        verifiers: verifiers.iter().map(founder).collect(),
        manifests,
        ..config::genesis(&args.name, contact.peer)
    };
    let contacts = Some(contact.clone()).filter(|contact| !contact.addresses.is_empty());
    let file = NetworkFile { genesis, contacts: contacts.into_iter().collect() };
    let hint = "a name has 1 to 64 bytes, and a network at most 64 models";
    let unsound = |error: &dyn std::fmt::Display| CommandError::new(Exit::Usage, "UNSOUND", error, hint);
    match NetworkFile::parse(&file.to_toml()) {
        Ok(read) if read == file => Ok(file),
        Ok(_) => Err(unsound(&"what is written would not be read as it is meant")),
        Err(error) => Err(unsound(&error)),
    }
}

/// Writes the file for the others first: a home with a network is one that was founded.
fn write(
    args: &Args,
    file: &NetworkFile,
    listen: Option<String>,
    invocation: &Invocation,
) -> Result<(), CommandError> {
    let (text, home) = (file.to_toml(), &invocation.home);
    let put = |path: &Path, text: &str| {
        write_new(path, text).map_err(|error| {
            let message = format!("{} cannot be written: {error}", path.display());
            let hint = "check who owns it and whether its disk is full";
            CommandError::new(Exit::Forbidden, "FILE", message, hint)
        })
    };
    put(&args.output, &text)?;
    let founded = listen.map_or(Ok(()), |settings| put(&home.settings(), &settings));
    founded.and_then(|()| put(&home.network(), &text)).inspect_err(|_| {
        // Nobody is to join what was not founded.
        let _ = fs::remove_file(&args.output);
    })
}

/// Writes a file that is not there yet: whole, or not at all.
fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::create_new(path)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    written.inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

fn tell(args: &Args, file: &NetworkFile, invocation: &Invocation) {
    let (genesis, printer) = (&file.genesis, &invocation.printer);
    let models: Vec<&str> = genesis.manifests.iter().map(|manifest| manifest.name.as_str()).collect();
    let addresses: Vec<&String> = file.contacts.iter().flat_map(|contact| &contact.addresses).collect();
    printer.line(format!("Founded the network {} ({}).", called(&genesis.name), short(genesis.id())));
    printer.line(format!(
        "Its notary is this peer, {}; it sells {}.",
        short(genesis.issuer),
        models.join(", ")
    ));
    if addresses.is_empty() {
        printer.line("Others find it on the local network, wherever it is there.");
    }
    for address in &addresses {
        printer.line(format!("Others find it at {address}."));
    }
    printer.line(format!("Its file is {}.", args.output.display()));
    if file_is_local(file) {
        printer.note("nobody beyond this machine reaches a loopback address");
    }
    printer.note(
        "next: `assay up` keeps its books here; everybody else: `assay init --network FILE` with that file",
    );
    printer.document(
        "network",
        &json!({
            "network": full(genesis.id()), "network_name": genesis.name, "file": path_text(&args.output),
            "home": path_text(invocation.home.root()), "notary": full(genesis.issuer), "addresses": addresses,
            "verifiers": genesis.verifiers.iter().map(|founder| full(founder.peer)).collect::<Vec<_>>(),
            "manifests": genesis.manifests.iter().map(|manifest| {
                json!({ "model": manifest.name, "manifest": full(manifest.digest()), "weights": full(manifest.model) })
            }).collect::<Vec<_>>(),
        }),
    );
}

/// Whether all of its addresses are this machine's alone.
fn file_is_local(file: &NetworkFile) -> bool {
    let mut addresses = file.contacts.iter().flat_map(|contact| &contact.addresses);
    let is_local = |address: &String| {
        let host = address.split('/').nth(2).and_then(|host| host.parse::<IpAddr>().ok());
        host.is_some_and(|host| host.is_loopback())
    };
    !file.contacts.is_empty() && addresses.all(is_local)
}

#[cfg(test)]
mod tests {
    use assay_market::pricing::usual_order;
    use assay_protocol::{
        deadline,
        order::Order,
        signed::{Keypair, Signer},
    };

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
        for nowhere in ["no such host:x", "0.0.0.0", "127.0.0.1:0", "[::]:4001"] {
            assert_eq!(address(nowhere).unwrap_err().exit(), Exit::Usage, "{nowhere}");
        }
        let beyond = address("127.0.0.1:29999999").unwrap_err();
        assert_eq!(beyond.lines()[0], "there is no port 29999999");
        let mixed = ["127.0.0.1".to_owned(), "::1".to_owned()];
        assert_eq!(addresses(&mixed).unwrap_err().exit(), Exit::Usage);
    }

    #[test]
    fn whoever_is_named_twice_to_check_is_told() {
        let keys = [1, 2, 3, 4].map(|seed| Keypair::from_seed([seed; 32]).id());
        let notary = Keypair::from_seed([5; 32]).id();
        assert_eq!(verifiers(&keys, notary).unwrap().len(), keys.len());
        let twice = verifiers(&[&keys[..], &keys[..1]].concat(), notary).unwrap_err();
        let [said, _] = twice.lines();
        assert_eq!(
            (twice.code(), said),
            ("VERIFIERS", &*format!("{} is named twice to check jobs", full(keys[0])))
        );
    }

    #[test]
    fn no_job_of_friends_waits_longer_than_checks_of_it_would_take() {
        let keys = [1, 2, 3, 4].map(|seed| Keypair::from_seed([seed; 32]).id());
        let args = Args {
            name: "lab".to_owned(),
            at: Vec::new(),
            verifiers: keys.to_vec(),
            models: Vec::new(),
            output: PathBuf::from("network.toml"),
        };
        let contact = Contact { peer: Keypair::from_seed([5; 32]).id(), addresses: Vec::new() };
        let genesis = founded(&args, &contact, &keys, Vec::new()).unwrap().genesis;
        let order = usual_order(&SUMS.manifest(), 87, 87);
        let order = Order { run_max: Duration::seconds(5), ..order };
        assert!(deadline::window(&genesis, &order) > genesis.timers.window);
    }

    #[test]
    fn a_notary_listens_where_it_is_looked_for() {
        let folder = tempfile::tempdir().unwrap();
        let invocation = Invocation::new(Some(folder.path().to_owned()), false).unwrap();
        let listen = |named: &[&str], settings: &DaemonSettings| {
            let named: Vec<String> = named.iter().map(|at| (*at).to_owned()).collect();
            listening(&addresses(&named).unwrap(), settings, &invocation)
        };
        let none = DaemonSettings::default();
        let usual = Ok(Some("[daemon]\nlisten = [\"/ip4/0.0.0.0/tcp/29292\"]\n".to_owned()));
        assert_eq!(listen(&["192.168.1.5"], &none), usual);
        let both = Ok(Some(
            "[daemon]\nlisten = [\"/ip4/0.0.0.0/tcp/29292\", \"/ip4/0.0.0.0/tcp/4001\"]\n".to_owned(),
        ));
        assert_eq!(listen(&["192.168.1.5", "10.0.0.1:4001"], &none), both);
        assert_eq!(
            listen(&["::1"], &none),
            Ok(Some("[daemon]\nlisten = [\"/ip6/::/tcp/29292\"]\n".to_owned()))
        );
        fs::write(invocation.home.settings(), "").unwrap();
        assert_eq!(
            listen(&["10.0.0.1:4001"], &none).unwrap_err().exit(),
            Exit::Usage,
            "nothing is written over"
        );
        let set = DaemonSettings { listen: vec!["/ip4/0.0.0.0/tcp/4001".to_owned()], ..none };
        assert_eq!(listen(&["10.0.0.1:4001"], &set), Ok(None));
    }
}
