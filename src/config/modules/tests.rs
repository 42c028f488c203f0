use super::*;

fn parse(text: &str) -> (Vec<ModuleSettings>, Vec<String>) {
    let table = DeTable::parse(text).expect("TOML");
    let Some((_, value)) = table.get_ref().get_key_value(SECTION) else {
        return (Vec::new(), Vec::new());
    };
    let (modules, problems) = read(value.get_ref(), value.span());
    (
        modules,
        problems
            .iter()
            .map(|problem| problem.what().to_owned())
            .collect(),
    )
}

#[test]
fn the_reference_shows_what_can_be_written() {
    let examples: String = REFERENCE
        .lines()
        .filter_map(|line| line.strip_prefix("# "))
        .filter(|line| line.starts_with("[[") || line.contains(" = "))
        .map(|line| format!("{line}\n"))
        .collect();
    let (modules, problems) = parse(&examples);
    assert_eq!(problems, [""; 0]);
    let [contacts, invoices] = &modules[..] else { panic!("{modules:?}") };
    let ModuleSource::Table(table) = &contacts.source else { panic!("{contacts:?}") };
    assert_eq!((table.table.as_str(), table.holds), ("contacts", OwnerKey::Account));
    assert_eq!(table.fields.len(), 2);
    let ModuleSource::Endpoint { url, networks, .. } = &invoices.source else {
        panic!("{invoices:?}")
    };
    assert_eq!((url.host(), networks.len()), ("billing.example", 1));
}

#[test]
fn everything_that_is_wrong_is_said() {
    let table = "[[modules]]\nname = \"a\"\ndatabase = \"a.db\"\ntable = \"t\"\nowner = \"o\"\n";
    for (text, wrong) in [
        ("modules = 1".to_owned(), "no list of sections"),
        (table.to_owned(), "has no `owner_is`"),
        (format!("{table}owner_is = \"name\""), "is none of its words"),
        (format!("{table}owner_is = \"login\"\nsecret_file = \"x\""), "no key `secret_file`"),
        (format!("{table}owner_is = \"login\"\nfields = [\"a\"]"), "`modules.fields`"),
        (format!("{table}owner_is = \"login\"\nfields = {{ a = 1 }}"), "`fields.a` is no text"),
        (format!("{table}owner_is = \"login\"\n{table}owner_is = \"login\""), "two modules a"),
        ("[[modules]]\nname = \"A b\"\nurl = \"https://a.example/\"".to_owned(), "not the name"),
        ("[[modules]]\nname = \"a\"\nurl = \"https://a.example/\"".to_owned(), "either"),
        (
            "[[modules]]\nname = \"a\"\nurl = \"http://a.example/\"\nsecret_file = \"x\""
                .to_owned(),
            "only https leaves",
        ),
        (
            "[[modules]]\nname = \"a\"\nurl = \"https://a.example/\"\nsecret_variable = \"HOME\""
                .to_owned(),
            "PORTCULLIS_",
        ),
    ] {
        let (_, problems) = parse(&text);
        assert!(problems.iter().any(|what| what.contains(wrong)), "{text}: {problems:?}");
    }
}

#[test]
fn relative_paths_begin_at_the_files_folder() {
    let text = "[[modules]]\nname = \"a\"\ndatabase = \"a.db\"\ntable = \"t\"\nowner = \"o\"\n\
                owner_is = \"email\"";
    let (mut modules, problems) = parse(text);
    assert_eq!(problems, [""; 0]);
    let module = modules.remove(0).in_folder(Path::new("/etc/portcullis"));
    let ModuleSource::Table(table) = module.source else { panic!("a table") };
    assert_eq!(table.database, Path::new("/etc/portcullis/a.db"));
    assert_eq!((module.label.as_str(), table.id.as_str()), ("a", "id"));
}
