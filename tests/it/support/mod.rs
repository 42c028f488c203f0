//! What tests share: a small HTTP client, and programs that run as processes.

mod browser;
mod driver;
mod process;
#[cfg(feature = "gateway")]
mod program;
mod recorder;
#[cfg(feature = "gateway")]
pub(crate) mod tls;
pub(crate) mod wire;

pub(crate) use self::browser::{Answer, Browser};
pub(crate) use self::driver::drive;
pub(crate) use self::process::{Example, portcullis, run_example, target};
#[cfg(feature = "gateway")]
pub(crate) use self::program::{ANYWHERE, Program, add};
pub(crate) use self::recorder::{Act, OK, RawClient, Recorder, soon};
