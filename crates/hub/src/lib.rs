//! Files of models that lie on a hub: named, found, fetched and proven.
//!
//! A hub keeps repositories of models and names each file by the SHA-256 of its bytes. It is asked by its protocol over
//! HTTPS; what it says is a stranger's word, and so is where it sends on to. This crate knows nothing of peers.
//!
//! **Invariant:** everything that comes from a hub is bounded before it is read; no name of a hub's choice becomes the name
//! of a file here; a file is given out only if it has the length and the digest that the hub names.

mod address;
mod cache;
mod client;
mod download;
mod hub;
mod listing;
mod name;
mod pace;
mod part_name;
mod partial;
mod search;
mod sha256;
mod surroundings;
mod token;

pub use self::{
    client::{AbsentPart, HubError},
    download::{DownloadError, DownloadProgress, Downloaded, HubDownload, Retries},
    hub::Hub,
    listing::{HubFile, HubListing, NotChosen},
    name::{BadHubName, HubName, SCHEME},
    part_name::{MODEL_ENDING, PartName},
    search::{FOUND_MAX, FoundRepository},
    sha256::Sha256Sum,
    surroundings::{BadSurroundings, Surroundings},
    token::Token,
};
