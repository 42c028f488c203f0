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
    let [contacts, tickets, invoices] = &modules[..] else { panic!("{modules:?}") };
    let ModuleSource::Table { table, .. } = &contacts.source else { panic!("{contacts:?}") };
    assert_eq!((table.table.as_str(), table.holds), ("contacts", OwnerKey::Account));
    assert_eq!(table.fields.len(), 2);
    let ModuleSource::Table { database, table } = &tickets.source else { panic!("{tickets:?}") };
    assert_eq!((table.table.as_str(), table.holds), ("support.tickets", OwnerKey::Login));
    let DatabaseSource::Postgres { address, secret } = database else { panic!("{database:?}") };
    assert_eq!(address.to_string(), "postgres://portcullis@db.example:5432/helpdesk");
    assert_eq!(*secret, Some(SecretSource::File("/run/secrets/helpdesk".into())));
    let ModuleSource::Endpoint { url, networks, .. } = &invoices.source else {
        panic!("{invoices:?}")
    };
    assert_eq!((url.host(), networks.len()), ("billing.example", 1));
}

const GOOD: &str = "postgres://a@h/x";

fn on_server(address: &str) -> String {
    format!(
        "[[modules]]\nname = \"a\"\ndatabase = {address:?}\ntable = \"t\"\nowner = \"o\"\n\
         owner_is = \"login\"\n"
    )
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
        (on_server("postgres://a:b@h/x"), "it holds a password"),
        (on_server("postgres://a@h/x?password=b"), "it holds a password"),
        (on_server("postgres://a@h/x?sslmode=allow"), "`sslmode` is disable"),
        (on_server("mysql://a@h/x"), "it is written postgres://USER@HOST"),
        (
            format!("{}secret_file = \"x\"\nsecret_variable = \"PORTCULLIS_X\"", on_server(GOOD)),
            "either",
        ),
        (format!("{}secret_variable = \"PGPASSWORD\"", on_server(GOOD)), "PORTCULLIS_"),
        (format!("{}networks = []", on_server(GOOD)), "no key `networks`"),
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
    let ModuleSource::Table { database, table } = module.source else { panic!("a table") };
    assert_eq!(database, DatabaseSource::File("/etc/portcullis/a.db".into()));
    assert_eq!((module.label.as_str(), table.id.as_str()), ("a", "id"));
}

#[test]
fn a_password_is_where_a_key_says() {
    for (key, secret) in [
        ("", None),
        ("secret_file = \"p\"", Some(SecretSource::File("/etc/portcullis/p".into()))),
        (
            "secret_variable = \"PORTCULLIS_P\"",
            Some(SecretSource::Variable("PORTCULLIS_P".to_owned())),
        ),
    ] {
        let (mut modules, problems) = parse(&format!("{}{key}", on_server(GOOD)));
        assert_eq!(problems, [""; 0]);
        let module = modules.remove(0).in_folder(Path::new("/etc/portcullis"));
        let ModuleSource::Table { database, .. } = module.source else { panic!("a table") };
        let address = PostgresAddress::parse(GOOD).expect("an address");
        assert_eq!(database, DatabaseSource::Postgres { address, secret });
    }
}
