//! Two people join a network with nothing but its file: one offers a machine, the other has jobs run on it.

use std::{fs, path::Path, thread};

use serde_json::Value;

use crate::{assay::assay, person::Person, town::Town};

#[tokio::test]
async fn two_strangers_join_and_trade() {
    let town = Town::start().await;
    let folder = tempfile::tempdir().unwrap();
    let seven = town.network.folder().join("seven-1.png");
    let seven = seven.to_str().unwrap();
    let (seller, buyer) = (
        Person::join(folder.path(), "seller", &town.network.file()),
        Person::join(folder.path(), "buyer", &town.network.file()),
    );

    let provided = seller.types(&["provide", "digits", "--price", "0.03"]);
    assert_eq!(provided.status, Some(0), "{provided:?}");
    assert!(provided.stderr.starts_with("started a daemon in the background"), "{provided:?}");
    let status = seller.asks(&["status", "--no-start"]);
    let provider = status["peer"].as_str().unwrap();
    assert_eq!(status["providing"]["benches"][0]["services"][0]["unit_price"]["amount"], "0.03");
    assert_eq!(buyer.account()["free"]["amount"], "5.00");
    buyer.waits_for_offer("digits", provider).await;

    let onlooker = Person::join(folder.path(), "onlooker", &town.network.file());
    // It waits for the first one. Where a machine is so slow that none comes in time it is asked again.
    let is_told = (0..12).any(|_| onlooker.types(&["offers", "--quiet"]).stdout.lines().count() > 0);
    assert!(is_told, "a daemon that has just started is asked too soon");

    let receipt = folder.path().join("seven.receipt");
    let receipt = receipt.to_str().unwrap();
    let ran = buyer.types(&["run", "digits", seven, "--provider", provider, "--receipt", receipt]);
    assert_eq!((ran.status, ran.stdout.as_str()), (Some(0), "7\n"), "{ran:?}");
    assert!(ran.stderr.starts_with("note: the provider can read your input"), "{ran:?}");
    let verified = assay(Path::new("/nowhere"), &["receipt", "verify", "--json", receipt]).document();
    assert_eq!((&verified["label"], verified["provider"].as_str()), (&"checked".into(), Some(provider)));

    fails_in_its_own_way(&buyer, &seller, folder.path(), seven, provider);
    looks_back(&buyer, receipt);
    reads_what_was_logged(&buyer, &seller);
    town.check_books().await;
}

fn fails_in_its_own_way(buyer: &Person, seller: &Person, folder: &Path, seven: &str, provider: &str) {
    let text = folder.join("text");
    fs::write(&text, "this is no picture").unwrap();
    let (text, stranger) = (text.to_str().unwrap(), "00".repeat(32));
    let run = |input: &str, extra: &[&str], status| {
        buyer.fails(&[&["run", "digits", input], extra].concat(), status)
    };
    assert_eq!(buyer.fails(&["run", "cats", seven], 3), "UNKNOWN_MODEL");
    assert_eq!(buyer.fails(&["job", "show", "zz"], 3), "UNKNOWN_JOB");
    assert_eq!(buyer.fails(&["receipt", "show", "zz"], 3), "UNKNOWN_JOB");
    assert_eq!(buyer.fails(&["provide", "cats"], 3), "UNKNOWN_MODEL");
    assert_eq!(seller.fails(&["up"], 5), "HOME_IN_USE");
    // Each of these waits a while for an offer that fits better.
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(run(seven, &["--provider", &stranger], 6), "NO_MATCH"));
        scope.spawn(|| assert_eq!(run(seven, &["--max-price", "0.000001"], 6), "NO_MATCH"));
        scope.spawn(|| assert_eq!(run(seven, &["--max-cost", "0.000001"], 7), "OVER_CEILING"));
        scope.spawn(|| refuses_a_text(buyer, text, provider));
    });
    assert_eq!(run(seven, &["--timeout", "0ms"], 10), "TIMED_OUT");
    let ordered = || buyer.asks(&["job", "ls"])["jobs"].as_array().unwrap().len();
    let before = ordered();
    assert_eq!(run(seven, &["-o", "/nowhere/seven"], 2), "FILE");
    assert_eq!(run(seven, &["--receipt", folder.to_str().unwrap()], 2), "FILE");
    assert_eq!(run(seven, &["--check", "sometimes"], 2), "USAGE");
    assert_eq!(ordered(), before, "nothing is ordered that could not be kept");
    let checked = buyer.asks(&["run", "digits", seven, "--provider", provider, "--check", "always"]);
    assert_eq!(checked["attempt"]["outcome"], "checked", "it waits for what is paid for: {checked}");
}

/// What the model takes instead is in the hint.
fn refuses_a_text(buyer: &Person, text: &str, provider: &str) {
    let refused = buyer.types(&["run", "digits", text, "--provider", provider, "--json"]);
    assert_eq!(refused.status, Some(8), "{refused:?}");
    let failure: Value = serde_json::from_str(&refused.stderr).unwrap();
    let [code, hint] = ["code", "hint"].map(|key| failure["error"][key].as_str().unwrap());
    assert_eq!(code, "JOB_FAILED");
    assert!(
        hint.starts_with("digits takes a picture: a PNG, JPEG or WebP file of any size, light ink on"),
        "{hint}"
    );
}

fn looks_back(buyer: &Person, receipt: &str) {
    let jobs = buyer.asks(&["job", "ls"]);
    let first = jobs["jobs"][0]["submission"].as_str().unwrap();
    let shown = buyer.asks(&["job", "show", &first[..8]]);
    assert_eq!(shown["attempts"][0]["money"], "paid");
    let by_job = buyer.asks(&["receipt", "show", &first[..8]]);
    let by_file = buyer.asks(&["receipt", "show", receipt]);
    assert_eq!(by_job, by_file);
    assert_eq!(by_file["label"], "checked");
    assert_eq!(buyer.asks(&["notary", "audit"])["clean"], true);
    carries_the_books_away(buyer, &Path::new(receipt).with_file_name("books.journal"));
}

/// A copy is judged without a daemon, and what was changed in it is found.
fn carries_the_books_away(buyer: &Person, copy: &Path) {
    let file = copy.to_str().unwrap();
    let copied = buyer.asks(&["notary", "export", "-o", file]);
    let mut bytes = fs::read(copy).unwrap();
    assert_eq!(copied["bytes"], bytes.len());
    let audited = buyer.asks(&["notary", "audit", file]);
    let same = |key: &str| assert_eq!(audited[key], copied[key], "{key}");
    ["notary", "entries", "hidden", "head"].into_iter().for_each(same);
    assert!(audited["jobs_closed"].as_u64().unwrap() > 0, "{audited}");

    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(copy, &bytes).unwrap();
    let changed = buyer.types(&["notary", "audit", file, "--json"]);
    assert_eq!(changed.status, Some(9), "{changed:?}");
    assert!(changed.stderr.contains("copy"), "its notary is not blamed for it: {changed:?}");
    fs::write(copy, "of something else").unwrap();
    let other = buyer.types(&["notary", "audit", file]);
    assert_eq!((other.status, other.stderr.lines().count()), (Some(2), 2), "{other:?}");
}

/// Both sides find in their logs what happened to one job, and nothing of any other.
fn reads_what_was_logged(buyer: &Person, seller: &Person) {
    let listed = buyer.asks(&["job", "ls"]);
    let jobs = listed["jobs"].as_array().unwrap();
    let paid = jobs.iter().find(|job| job["attempts"][0]["money"] == "paid").unwrap();
    let (submission, job) =
        (paid["submission"].as_str().unwrap(), paid["attempts"][0]["job"].as_str().unwrap());
    let named = format!("job {}, attempt 1 of submission {}: ", &job[..12], &submission[..12]);
    let told = buyer.types(&["job", "logs", &submission[..8]]).stdout;
    assert!(told.contains(&format!("{named}closed")), "{told}");
    let names_it = |line: &str| line.contains(&submission[..12]) || line.contains(&job[..12]);
    assert!(told.lines().all(names_it), "{told}");
    let told = seller.types(&["job", "logs", &job[..8]]).stdout;
    assert!(told.contains(&format!("job {}: runs a job for", &job[..12])), "{told}");
    assert_eq!(seller.fails(&["job", "logs", "zz"], 3), "UNKNOWN_JOB");
    assert_eq!(seller.fails(&["job", "logs", "0123456789ab"], 3), "NOT_LOGGED");
}
