//! What a user settled once for this home; every key may be left out.
//!
//! **Invariant:** nothing here is a rule of the network: two peers with other settings still agree about every job.

use std::{
    env,
    ffi::OsString,
    io,
    path::{self, PathBuf},
};

use assay_market::owner::OwnerRules;
use assay_protocol::units::{Amount, Duration};

use super::{
    gateway::GatewaySettings,
    home::Home,
    keys::{HomeSetting, SettingTable},
    network::{ConfigError, read_bounded},
    section::{BadConfig, KeyedTable, Section, section},
};

/// Bytes that blobs must be allowed: what a small model of language takes with its runner, and some for what it is asked and
/// answers.
pub const BLOB_ROOM_MIN: u64 = 3 * 1024 * 1024;
/// The setting that says how many they may take.
pub(super) const BLOB_ROOM: &str = "daemon.blob_bytes_max";

/// The variable that programs find ONNX Runtime by, where a home leaves it to that.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";

/// The settings of a home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Of the daemon.
    pub daemon: DaemonSettings,
    /// Of the client.
    pub client: ClientSettings,
    /// When a provider's owner wants the machine for itself.
    pub provider: OwnerRules,
    /// Of the gateway.
    pub gateway: GatewaySettings,
}

/// Settings of the daemon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DaemonSettings {
    /// Multiaddresses to listen on; none for what its role needs: the usual port for who serves others, and nothing for who
    /// only asks.
    pub listen: Vec<String>,
    /// Bytes that blobs may take on the disk.
    pub blob_bytes_max: u64,
    /// Bytes that models may take on the disk once more, as they are computed with; 0 for none.
    pub pack_bytes_max: u64,
    /// Runs at the same time, the provider's and the verifier's together; 0 for one for every two cores.
    pub workers: u64,
    /// Where models of language are computed: `auto`, `processor`, or a part of a graphics card's name.
    pub device: String,
    /// Where the library of ONNX Runtime is: `auto`, `none`, or its path.
    pub onnxruntime: String,
    /// Bytes that the disk of the home must have free; below, nothing new is taken.
    pub free_bytes_min: u64,
}

/// What a client wants where a command says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// The most that one job may cost.
    pub cost_max: Amount,
    /// The most that all orders of a day may cost; none for as much as the account holds.
    pub daily_max: Option<Amount>,
    /// The most that a unit may cost.
    pub unit_price_max: Amount,
    /// Providers tried one after another.
    pub attempts_max: u16,
    /// The longest run that an order asks for, however long it could be.
    pub run_max: Duration,
}

impl Default for DaemonSettings {
    fn default() -> Self {
        Self {
            listen: Vec::new(),
            blob_bytes_max: 8 * 1024 * 1024 * 1024,
            pack_bytes_max: 8 * 1024 * 1024 * 1024,
            workers: 0,
            device: "auto".to_owned(),
            onnxruntime: "auto".to_owned(),
            free_bytes_min: 256 * 1024 * 1024,
        }
    }
}

impl Default for ClientSettings {
    fn default() -> Self {
        Self {
            cost_max: Amount::credits(1),
            daily_max: None,
            unit_price_max: Amount::credits(1),
            attempts_max: 3,
            run_max: Duration::seconds(30),
        }
    }
}

impl DaemonSettings {
    /// Where the library of ONNX Runtime is, if networks are to be run by it that rten does not run.
    #[must_use]
    pub fn onnx_library(&self) -> Option<PathBuf> {
        onnx_library(&self.onnxruntime, env::var_os(LIBRARY_VARIABLE))
    }
}

/// The same, by what the variable says. A path in it is one of whoever set it, from where the program is started.
fn onnx_library(setting: &str, variable: Option<OsString>) -> Option<PathBuf> {
    match setting {
        "none" => None,
        "auto" => path::absolute(variable?).ok(),
        library => Some(PathBuf::from(library)),
    }
}

section!(optional "daemon" DaemonSettings {
    listen AtNextStart: "Where to listen, as multiaddresses; port 0 is any free one. None: port 29292 once it serves others.",
    blob_bytes_max AtNextStart: "Bytes that inputs, outputs, runners and models may take on the disk; receipts come on top.",
    pack_bytes_max AtNextStart: "Bytes that models may take on the disk once more, as they are computed with, to be ready sooner; 0 for none.",
    workers AtNextStart: "Runs at the same time; 0 for one for every two cores.",
    device AtNextStart: "Where models of language are: auto for the largest graphics card that serves them, else the processor; processor; or a part of a card's name.",
    onnxruntime AtNextStart: "Where ONNX Runtime's library is, for networks that rten does not run: auto for where ORT_DYLIB_PATH says; none; or its path.",
    free_bytes_min AtNextStart: "Bytes that the home's disk must have free; below, no new jobs are taken and nothing is offered.",
});

section!(optional "client" ClientSettings {
    cost_max AtOnce: "The most that one job may cost, all included.",
    daily_max AtOnce: "The most that all orders of a day may cost together, by universal time; none for no ceiling.",
    unit_price_max AtOnce: "The most that a unit may cost.",
    attempts_max AtOnce: "Providers tried one after another.",
    run_max AtOnce: "The longest run that an order asks for; most ask for less, by what offers say.",
});

impl Settings {
    /// Reads the settings of a home; none are assumed where the file is absent.
    ///
    /// # Errors
    /// [`ConfigError`], which names the file and the key.
    pub fn read(home: &Home) -> Result<Self, ConfigError> {
        let path = home.settings();
        let file = path.display().to_string();
        match read_bounded(&path) {
            Ok(text) => Self::parse(&text).map_err(|error| ConfigError::BadSettings { file, error }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(ConfigError::Disk { file, error }),
        }
    }

    /// Reads what a file says.
    ///
    /// # Errors
    /// [`BadConfig`], which names the key.
    pub fn parse(text: &str) -> Result<Self, BadConfig> {
        let mut file = KeyedTable::parse(text, &["daemon", "client", "provider", "gateway"])?;
        let (daemon, client): (DaemonSettings, _) = (file.section("daemon")?, file.section("client")?);
        if daemon.blob_bytes_max < BLOB_ROOM_MIN {
            let problem =
                "at least 3145728 are needed: in less there is no room for a model and what it is asked";
            return Err(BadConfig::Senseless { key: BLOB_ROOM.to_owned(), problem });
        }
        Ok(Self { daemon, client, provider: file.section("provider")?, gateway: file.section("gateway")? })
    }

    /// Each setting with its value, in the order of a file that has all.
    #[must_use]
    pub fn list(&self) -> Vec<HomeSetting> {
        let tables: [&dyn SettingTable; 4] = [&self.daemon, &self.client, &self.provider, &self.gateway];
        tables.into_iter().flat_map(|table| table.settings()).collect()
    }

    /// A file in which every key has a comment.
    #[must_use]
    pub fn to_documented_toml(&self) -> String {
        let mut out = String::from("[daemon]\n");
        self.daemon.write(&mut out);
        out.push_str("\n[client]\n");
        self.client.write(&mut out);
        out.push_str("\n[provider]\n");
        self.provider.write(&mut out);
        out.push_str("\n[gateway]\n");
        self.gateway.write(&mut out);
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_is_where_the_setting_says_or_else_the_variable() {
        let found = |setting, variable: Option<&str>| onnx_library(setting, variable.map(OsString::from));
        let (here, there) = if cfg!(windows) { ("C:\\a.dll", "C:\\b.dll") } else { ("/a.so", "/b.so") };
        assert_eq!(found(here, Some(there)), Some(here.into()));
        assert_eq!(found("none", Some(there)), None);
        assert_eq!(found("auto", Some(there)), Some(there.into()));
        assert!(found("auto", Some("b.so")).is_some_and(|path| path.is_absolute() && path.ends_with("b.so")));
        assert_eq!((found("auto", Some("")), found("auto", None)), (None, None));
    }
}
