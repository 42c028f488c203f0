//! A behaviour vector as it is written. What the format does not know is an error
//! that names it.

use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use portcullis::domain::time::Timestamp;
use serde::{Deserialize, Deserializer};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Vector {
    pub(super) id: String,
    pub(super) source: String,
    pub(super) title: String,
    pub(super) policy: Policy,
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    /// Written always: whoever leaves it out did not mean "off".
    #[serde(deserialize_with = "Option::deserialize")]
    pub(super) max_attempts: Option<u32>,
    #[serde(default)]
    pub(super) window: Window,
    #[serde(default)]
    pub(super) lock_for_s: Option<Seconds>,
    #[serde(default)]
    pub(super) growth: Growth,
    #[serde(default)]
    pub(super) permanent_after: Option<u32>,
    #[serde(default)]
    pub(super) ceiling: Option<u32>,
    #[serde(default = "by_account")]
    pub(super) counters: Vec<Vec<Part>>,
    #[serde(default)]
    pub(super) remember_wrong_passwords: u8,
    #[serde(default)]
    pub(super) known_devices: bool,
    #[serde(default)]
    pub(super) live_sessions: LiveSessions,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Window {
    None {},
    SinceLast { seconds: Seconds },
    Sliding { seconds: Seconds },
}

#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Growth {
    Factor { factor: u32, cap_s: Option<Seconds> },
    None {},
    Steps { steps_s: Vec<Seconds> },
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub(super) enum Part {
    Account,
    Address,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LiveSessions {
    Keep,
    #[default]
    Refuse,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Step {
    pub(super) at_s: Seconds,
    pub(super) action: Action,
    #[serde(default = "alice")]
    pub(super) account: String,
    pub(super) address: Option<IpAddr>,
    pub(super) device: Option<String>,
    pub(super) secret: Option<String>,
    #[serde(default)]
    pub(super) empty: bool,
    #[serde(default)]
    pub(super) surface: Surface,
    pub(super) lift: Option<Lift>,
    pub(super) until_s: Option<Seconds>,
    #[serde(default = "once")]
    pub(super) repeat: u32,
    #[serde(default)]
    pub(super) every_s: Seconds,
    #[serde(default = "once")]
    pub(super) concurrent: u32,
    #[serde(default)]
    pub(super) expect: Expect,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Action {
    AdminLock,
    AdminUnlock,
    Check,
    Fail,
    Success,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Surface {
    Session,
    #[default]
    SignIn,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Lift {
    AdminLock,
    All,
    Lockout,
}

/// What must be so after a step; what is left out is not asked.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expect {
    pub(super) allowed: Option<bool>,
    pub(super) allowed_count: Option<u32>,
    pub(super) locked: Option<bool>,
    /// `Some(None)` where `null` is written: until unlocked.
    #[serde(default, deserialize_with = "written")]
    pub(super) locked_until_s: Option<Option<Seconds>>,
    pub(super) remaining: Option<u32>,
}

/// Seconds, as exact as a microsecond.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(try_from = "f64")]
pub(super) struct Seconds(i64);

impl Seconds {
    pub(super) fn instant(self) -> Timestamp {
        Timestamp::from_micros(self.0)
    }

    pub(super) fn length(self) -> Duration {
        Duration::from_micros(self.0.unsigned_abs())
    }
}

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        let micros = (seconds * 1e6).round();
        if !(0.0..9e18).contains(&micros) {
            return Err(format!("{seconds} is no time on a clock that starts at 0"));
        }
        #[expect(clippy::cast_possible_truncation, reason = "it is within bounds, just checked")]
        Ok(Self(micros as i64))
    }
}

impl Default for Window {
    fn default() -> Self {
        Self::None {}
    }
}

impl Default for Growth {
    fn default() -> Self {
        Self::None {}
    }
}

impl Step {
    /// Says what in it contradicts itself or would have no effect.
    fn check(&self) -> Result<(), &'static str> {
        let signs_in = matches!(self.action, Action::Fail | Action::Success);
        let many = self.repeat != 1 || self.concurrent != 1;
        match self.action {
            _ if self.repeat == 0 || self.concurrent == 0 => Err("it is done not even once"),
            _ if many && !signs_in => Err("only `fail` and `success` are done many times"),
            _ if signs_in && self.surface == Surface::Session => {
                Err("a live session signs nobody in")
            }
            _ if self.lift.is_some() && self.action != Action::AdminUnlock => {
                Err("`lift` is for `admin_unlock`")
            }
            _ if self.until_s.is_some() && self.action != Action::AdminLock => {
                Err("`until_s` is for `admin_lock`")
            }
            _ if (self.empty || self.secret.is_some()) && self.action != Action::Fail => {
                Err("`empty` and `secret` are for `fail`")
            }
            _ if self.empty && self.secret.is_some() => Err("a password is empty or it is not"),
            _ => Ok(()),
        }
    }
}

/// The vectors in one text.
pub(super) fn parse(text: &str) -> Result<Vec<Vector>, String> {
    let vectors: Vec<Vector> = serde_json::from_str(text).map_err(|error| error.to_string())?;
    for vector in &vectors {
        for (number, step) in vector.steps.iter().enumerate() {
            let said = |why| format!("{}, step {}: {why}", vector.id, number + 1);
            step.check().map_err(said)?;
        }
    }
    Ok(vectors)
}

/// The vectors in every file of a folder whose name ends in `.json`.
pub(super) fn read_folder(folder: &Path) -> Vec<Vector> {
    let entries = fs::read_dir(folder);
    let entries = entries.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut files: Vec<_> = paths
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "json")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{}: no file of vectors", folder.display());
    let read = |path: &std::path::PathBuf| {
        let text = fs::read_to_string(path).map_err(|error| error.to_string());
        let vectors = text.and_then(|text| parse(&text));
        vectors.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    files.iter().flat_map(read).collect()
}

fn by_account() -> Vec<Vec<Part>> {
    vec![vec![Part::Account]]
}

fn alice() -> String {
    "alice".to_owned()
}

const fn once() -> u32 {
    1
}

fn written<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Option<Seconds>>, D::Error> {
    Option::deserialize(from).map(Some)
}
