//! Finds the file, reads it with the environment, and settles what they say.

use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::Config;
use super::environment::{CONFIG_VARIABLE, Environment};
use super::file::Written;
use super::problem::{ConfigErrors, Place, Problem};
use super::read::{Places, Reader};
use super::resolve;
use crate::gateway::Origin;

/// Where the file is looked for when nobody says where it is.
pub const DEFAULT_FILE: &str = "config/portcullis.toml";

/// A larger file is not a configuration.
const LARGEST: u64 = 1 << 20;

/// The file to read: the one that is named, else `PORTCULLIS_CONFIG`, else
/// [`DEFAULT_FILE`] if it is there.
pub fn find(named: Option<&Path>, environment: &Environment) -> Option<PathBuf> {
    let named = named.map(Path::to_owned);
    let default = || Some(PathBuf::from(DEFAULT_FILE)).filter(|path| path.is_file());
    named
        .or_else(|| environment.path(CONFIG_VARIABLE))
        .or_else(default)
}

/// Reads the configuration of a gateway: from this file, if there is one, and
/// from the environment, which goes before it.
///
/// # Errors
///
/// Everything that is wrong with it; a missing `upstream.url`, too.
pub fn load(path: Option<&Path>, environment: &Environment) -> Result<Config, ConfigErrors> {
    read_all(path, environment, Needs::Application)?.config(None)
}

/// The same for this application, whatever the file says of one.
///
/// # Errors
///
/// Everything that is wrong with the file and the environment.
pub fn load_for(
    upstream: Origin,
    path: Option<&Path>,
    environment: &Environment,
) -> Result<Config, ConfigErrors> {
    read(path, environment)?.config(Some(upstream))
}

/// What is written, checked; the application may be left out.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(super) written: Written,
    pub(super) places: Places,
    pub(super) path: Option<PathBuf>,
    pub(super) text: String,
}

/// What has to be written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Needs {
    Application,
    Nothing,
}

/// Reads and checks what is written. The application may be left out: commands
/// that administer people need none.
pub(crate) fn read(
    path: Option<&Path>,
    environment: &Environment,
) -> Result<Checked, ConfigErrors> {
    read_all(path, environment, Needs::Nothing)
}

fn read_all(
    path: Option<&Path>,
    environment: &Environment,
    needs: Needs,
) -> Result<Checked, ConfigErrors> {
    let name = path.map(|path| path.display().to_string());
    let text = match path.map(contents).transpose() {
        Ok(text) => text.unwrap_or_default(),
        Err(problem) => return Err(ConfigErrors::new(name, "", vec![problem])),
    };
    let needs = needs == Needs::Application;
    let missing = needs.then(|| resolve::no_upstream(&text, path.is_some()));
    let parsed = parse(&text, environment, missing);
    let (written, places) = parsed.map_err(|problems| ConfigErrors::new(name, &text, problems))?;
    Ok(Checked { written, places, path: path.map(Path::to_owned), text })
}

/// What a text and the environment say together. `missing` is what is wrong if
/// no application is named.
pub(super) fn parse(
    text: &str,
    environment: &Environment,
    missing: Option<Problem>,
) -> Result<(Written, Places), Vec<Problem>> {
    let (table, broken) = DeTable::parse_recoverable(text);
    let first = broken.iter().map(|error| syntax(text, error));
    let syntax = first.min_by_key(Problem::start);
    let mut reader = Reader::new();
    reader.file(table.get_ref());
    reader.environment(environment);
    let written = Written::read(&mut reader);
    let mut places = reader.finish();
    if syntax.is_none() {
        let unnamed = matches!(places.of("upstream.url"), Place::Default(_));
        places.contradicted(resolve::contradictions(&written, &places));
        places.problems.extend(missing.filter(|_| unnamed));
    } else {
        // What follows a mistake of writing may be read as something that nobody
        // meant, such as a key of another section: only the mistake is certain.
        places
            .problems
            .retain(|problem| !matches!(problem.place, Place::File(_)));
        places.problems.extend(syntax);
    }
    if places.problems.is_empty() {
        return Ok((written, places));
    }
    places.problems.sort_by_key(Problem::start);
    Err(places.problems)
}

fn syntax(text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or(text.len()..text.len());
    Problem::new(Place::File(span), format!("this is not TOML: {}", error.message()))
}

fn contents(path: &Path) -> Result<String, Problem> {
    let problem = |why: String| Problem::new(Place::WholeFile, why);
    let shown = path.display();
    let unreadable = |error: std::io::Error| {
        let mend = "name another file with --config, or see that this one is there and may be read";
        problem(format!("{shown} can't be read: {error}")).mend(mend)
    };
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if found.len() > LARGEST {
        return Err(problem(format!("{shown} is larger than 1 MiB: name a configuration file")));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count();
        problem(format!("{shown} is not UTF-8 text in line {line}: save it as UTF-8"))
    })
}
