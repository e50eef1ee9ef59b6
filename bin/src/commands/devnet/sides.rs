//! Which peers are to be on which side of a cut, as it is typed.
//!
//! **Invariant:** each peer of the devnet is on one side, and no side is empty.

use super::devnet_plan::DevnetPlan;
use crate::command_error::{CommandError, Exit};

/// What stands between two sides.
const BETWEEN: &str = "--";

impl DevnetPlan {
    /// The sides of a cut: those that are named first, with all that nobody names, and what is named behind each `--`.
    pub(super) fn sides_of(
        &self,
        first: &[String],
        others: &[String],
    ) -> Result<Vec<Vec<String>>, CommandError> {
        let typed = [first].into_iter().chain(others.split(|word| word == BETWEEN));
        let mut sides: Vec<Vec<String>> = Vec::new();
        for side in typed {
            let mut names = Vec::new();
            for named in side {
                let name = &self.find(named)?.name;
                if names.contains(name) || sides.iter().any(|side| side.contains(name)) {
                    let message = format!("{name} is named twice");
                    let hint = "a peer is on one side; name it once";
                    return Err(CommandError::new(Exit::Usage, "NAMED_TWICE", message, hint));
                }
                names.push(name.clone());
            }
            sides.push(names);
        }
        let all = self.peers.iter().map(|peer| &peer.name);
        let unnamed: Vec<String> =
            all.filter(|name| !sides.iter().any(|side| side.contains(name))).cloned().collect();
        sides[0].extend(unnamed);
        match sides.iter().any(Vec::is_empty) {
            true => Err(one_sided()),
            false => Ok(sides),
        }
    }
}

fn one_sided() -> CommandError {
    let hint = "`assay devnet partition -- client` cuts one off from all others, `… client -- provider-1 provider-2` two";
    CommandError::new(Exit::Usage, "EMPTY_SIDE", "nobody is on one of the sides", hint)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use assay_protocol::id::PeerId;

    use super::{
        super::devnet_plan::{DevnetPeer, DevnetRole},
        *,
    };

    /// A devnet of a notary, three providers and a client, whose keys are their places.
    fn five() -> DevnetPlan {
        let roles = [DevnetRole::Notary.names(1), DevnetRole::Provider.names(3), DevnetRole::Client.names(1)];
        let peers = roles.into_iter().flatten().enumerate().map(|(place, (name, role))| DevnetPeer {
            name,
            role,
            peer: PeerId([place as u8; 32]),
            address: String::new(),
        });
        DevnetPlan { peers: peers.collect(), is_founded: true, ..DevnetPlan::begun("five") }
    }

    fn check(typed: &str) -> Result<Vec<String>, &'static str> {
        // The first `--` is taken by whoever reads the command line.
        let (first, others) = typed.split_once("--").unwrap_or((typed, ""));
        let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        let sides = five().sides_of(&words(first), &words(others)).map_err(|error| error.code())?;
        Ok(sides.into_iter().map(|side| side.join(" ")).collect())
    }

    #[test]
    fn who_is_not_named_is_on_the_first_side() {
        let sides = |text: &str| Ok(text.split(" | ").map(str::to_owned).collect());
        assert_eq!(check("client -- provider-1"), sides("client notary provider-2 provider-3 | provider-1"));
        assert_eq!(check("-- client"), sides("notary provider-1 provider-2 provider-3 | client"));
        assert_eq!(
            check("notary -- provider-1 provider-2 -- client"),
            sides("notary provider-3 | provider-1 provider-2 | client")
        );
        assert_eq!(
            check("-- 04040404"),
            sides("notary provider-1 provider-2 provider-3 | client"),
            "by its key"
        );
    }

    #[test]
    fn a_side_without_peers_and_a_peer_on_two_sides_are_refused() {
        assert_eq!(check("client"), Err("EMPTY_SIDE"));
        assert_eq!(check("client --"), Err("EMPTY_SIDE"));
        assert_eq!(check("-- client -- -- notary"), Err("EMPTY_SIDE"));
        assert_eq!(check("-- client notary provider-1 provider-2 provider-3"), Err("EMPTY_SIDE"));
        assert_eq!(check("client -- client"), Err("NAMED_TWICE"));
        assert_eq!(check("-- client client"), Err("NAMED_TWICE"));
        assert_eq!(check("-- ada"), Err("UNKNOWN_PEER"));
        assert_eq!(check("-- 0404"), Err("UNKNOWN_PEER"), "too few digits");
    }

    #[test]
    fn each_is_kept_apart_from_all_that_are_not_on_its_side() {
        let mut plan = five();
        let severed = |plan: &DevnetPlan, name: &str| -> Vec<u8> {
            let severed: BTreeSet<PeerId> = plan.severed_from(name);
            severed.iter().map(|peer| peer.0[0]).collect()
        };
        assert!(plan.peers.iter().all(|peer| plan.severed_from(&peer.name).is_empty()), "nothing is cut");
        plan.sides =
            plan.sides_of(&[], &["provider-1", "client", "--", "provider-2"].map(str::to_owned)).unwrap();
        assert_eq!(severed(&plan, "notary"), [1, 2, 4]);
        assert_eq!(severed(&plan, "provider-1"), [0, 2, 3]);
        assert_eq!(severed(&plan, "provider-2"), [0, 1, 3, 4]);
        assert_eq!((plan.has_notary("provider-3"), plan.has_notary("client")), (true, false));
    }
}
