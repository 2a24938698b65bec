//! `sql_schema` and `compare` against real PostgreSQL and MariaDB servers: the same, what is different, and what the
//! source has to do with it. No AWS.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use restore_drill::definition::model::ProbeReason;
use restore_drill::probe::Outcome;
use restore_drill::probe::target::Target;
use restore_drill::sandbox::sql::{Data, Engine, Server, ServerState, Servers, Write};
use restore_drill::words::kind::ProbeKind;
use serde_json::{Value, json};

use crate::mariadb::Maria;
use crate::probes::{CANARY, PATIENCE, attempt, held, missed, target, until, with};

/// What both sides have.
const SHOP: &[&str] = &[
    "CREATE TABLE customers (id bigint PRIMARY KEY, name text NOT NULL)",
    "CREATE TABLE orders (id bigint PRIMARY KEY, customer bigint NOT NULL REFERENCES customers, \
     total_cents integer NOT NULL DEFAULT 0 CHECK (total_cents >= 0), placed_at timestamptz NOT NULL)",
    "CREATE INDEX by_time ON orders (placed_at DESC)",
    "CREATE VIEW totals AS SELECT customer, sum(total_cents) AS total FROM orders GROUP BY customer",
    "INSERT INTO customers VALUES (1, 'one')",
    "INSERT INTO orders SELECT n, 1, n, '2026-01-01'::timestamptz + n * interval '1 minute' \
     FROM generate_series(1, 1000) n",
];

/// What the source was given after the recovery point.
const LATER: &str = "INSERT INTO orders SELECT n, 1, n, '2026-01-01'::timestamptz + n * interval '1 minute' \
                     FROM generate_series(1001, 1005) n";

/// What went wrong with a restored database.
const BROKEN: &[&str] = &[
    "DROP INDEX by_time",
    "ALTER TABLE customers ALTER COLUMN name TYPE varchar(40)",
    "CREATE TABLE notes (id integer)",
];

/// A PostgreSQL server.
struct Shop {
    server: Server,
    port: u16,
    ca: PathBuf,
    folder: tempfile::TempDir,
}

impl Shop {
    async fn open(name: &str, more: &[&str]) -> Self {
        let cache = std::env::temp_dir().join("restore-drill-tests");
        let servers = Servers::find(&cache).expect("PostgreSQL is installed (scripts/setup.sh)");
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().expect("a time");
        let writes = SHOP.iter().chain(more).map(|sql| Write { at, sql: (*sql).to_owned() }).collect();
        let users = vec![("probe".to_owned(), CANARY.to_owned())];
        let server = servers.start(
            name,
            Data {
                engine: Engine::Postgres,
                database: "shop".to_owned(),
                users,
                master: None,
                token_users: Vec::new(),
                writes,
            },
        );
        let port = until("the server is ready", || match server.state() {
            ServerState::Starting => None,
            ServerState::Ready { port } => Some(port),
            ServerState::Failed(why) => panic!("the server did not start: {why}"),
        })
        .await;
        Self { server, port, ca: servers.ca_bundle().to_owned(), folder: tempfile::tempdir().expect("a folder") }
    }

    fn target(&self) -> Target {
        Target { ca_bundle: Some(self.ca.clone()), ..target(Some(("127.0.0.1", self.port)), self.folder.path()) }
    }

    /// This one as the restored side, another as its source.
    fn target_with(&self, source: &Self) -> Target {
        Target { source: Some(Arc::new(source.target())), ..self.target() }
    }
}

fn login() -> Value {
    json!({ "database": "shop", "user": "probe", "password": { "secretsmanager": "drill/orders" } })
}

async fn schema(change: Value, target: &Target) -> Outcome {
    attempt(ProbeKind::SqlSchema, with(login(), change), target, PATIENCE).await
}

fn at(source: &Shop) -> Value {
    json!({ "against": { "source": { "host": "127.0.0.1", "port": source.port } } })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_schema_holds_and_every_difference_is_shown() {
    let (good, broken) = (Shop::open("schema-good", &[LATER]).await, Shop::open("schema-broken", BROKEN).await);

    let seen = held(schema(json!({}), &good.target()).await);
    let lines: Vec<&str> = seen.values["schema"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    for line in [
        "table public.orders",
        "view public.totals",
        "column public.orders.total_cents integer not null default 0",
        "column public.totals.total bigint",
        "index public.orders.by_time btree (placed_at DESC)",
        "index public.orders.orders_pkey unique btree (id)",
        "constraint public.orders.orders_pkey PRIMARY KEY (id)",
        "constraint public.orders.orders_customer_fkey FOREIGN KEY (customer) REFERENCES public.customers(id)",
        "constraint public.orders.orders_total_cents_check CHECK ((total_cents >= 0))",
    ] {
        assert!(lines.contains(&line), "{line}: {lines:#?}");
    }
    assert!(lines.is_sorted(), "{lines:#?}");
    for (name, count) in [("tables", 3), ("columns", 8), ("indexes", 3), ("constraints", 4)] {
        assert_eq!(seen.values[name], json!(count), "{name}");
    }
    assert!(!seen.facts["server_version"].is_empty() && !seen.facts.contains_key("rows"));

    // Other rows are no other schema.
    let same = held(schema(at(&good), &good.target_with(&good)).await);
    assert_eq!((&same.values["same"], &same.values["fingerprint"]), (&json!(true), &seen.values["fingerprint"]));
    assert_eq!(same.facts["compared with"], "the source's");

    let miss = missed(schema(at(&good), &broken.target_with(&good)).await, ProbeReason::Expectation);
    let shown = "the schema is not the same as the source's: 2 missing, 3 added: \
                 - column public.customers.name text not null; \
                 + column public.customers.name character varying(40) not null; + column public.notes.id integer; \
                 - index public.orders.by_time btree (placed_at DESC); + table public.notes";
    assert_eq!(miss.message, shown);
    let different = miss.observed.expect("what it saw");
    assert_eq!(different.values["missing"].as_array().unwrap().len(), 2);
    assert_eq!(different.values["same"], json!(false));
    assert_ne!(different.values["fingerprint"], seen.values["fingerprint"]);

    let ignore = json!({ "ignore": ["public.notes", "*.by_time", "public.customers.name"] });
    held(schema(with(at(&good), ignore), &broken.target_with(&good)).await);
    let schemas = json!({ "schemas": ["nobodys"] });
    assert!(missed(schema(schemas, &good.target()).await, ProbeReason::Query).missing_data);
    good.server.stop().await;
    broken.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schema_is_compared_with_what_was_recorded() {
    let broken = Shop::open("schema-recorded", BROKEN).await;
    let seen = held(schema(json!({}), &broken.target()).await);
    let recorded = BTreeMap::from([("schema".to_owned(), seen.values["schema"].clone())]);
    let last_pass = json!({ "against": { "last_pass": true } });

    let first = held(schema(last_pass.clone(), &broken.target()).await);
    assert_eq!(first.facts["compared with"], "nothing: no passed run to compare with");
    let given = Target { last_pass: recorded.clone(), ..broken.target() };
    assert_eq!(held(schema(last_pass.clone(), &given).await).values["same"], json!(true));

    let mut lines: Vec<String> = serde_json::from_value(recorded["schema"].clone()).unwrap();
    lines.push("table public.gone".to_owned());
    let more = BTreeMap::from([("schema".to_owned(), json!(lines))]);
    let given = Target { last_pass: more, ..broken.target() };
    let miss = missed(schema(last_pass, &given).await, ProbeReason::Expectation);
    assert!(
        miss.message.ends_with("the last passed run's: 1 missing, 0 added: - table public.gone"),
        "{}",
        miss.message
    );

    let texts: Vec<String> = lines.iter().map(|line| json!(line).to_string()).collect();
    std::fs::write(broken.folder.path().join("agreed.jsonl"), texts.join("\n")).unwrap();
    let file = json!({ "against": { "file": "agreed.jsonl" } });
    let miss = missed(schema(file, &broken.target()).await, ProbeReason::Expectation);
    assert!(miss.message.contains("that of `agreed.jsonl`: 1 missing"), "{}", miss.message);
    broken.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_are_measured_alike_within_what_may_differ() {
    let (restored, source) = (Shop::open("compare-restored", &[]).await, Shop::open("compare-source", &[LATER]).await);
    let compare = async |change: Value| {
        let sql = with(login(), json!({ "query": "SELECT count(*) AS orders, max(placed_at) AS newest FROM orders" }));
        let usual = json!({ "sql": sql, "source": { "host": "127.0.0.1", "port": source.port } });
        attempt(ProbeKind::Compare, with(usual, change), &restored.target_with(&source), PATIENCE).await
    };
    let seen = held(compare(json!({ "within": "1%", "not_older_than": "PT10M" })).await);
    for (name, value) in [
        ("orders", json!(1000)),
        ("orders.source", json!(1005)),
        ("orders.difference", json!(-5)),
        ("newest", json!("2026-01-01T16:40:00Z")),
        ("newest.source", json!("2026-01-01T16:45:00Z")),
    ] {
        assert_eq!(seen.values[name], value, "{name}");
    }
    assert_eq!(seen.facts["restored: tls"], "certificate verified for 127.0.0.1");

    let miss = missed(compare(json!({ "within": "0.1%", "not_older_than": "PT2M" })).await, ProbeReason::Expectation);
    for part in [
        "orders: expected within 0.1%, the source has 1,005, what was restored 1,000 (5 less, -0.50%)",
        "which is 5m older (3m more than 2m)",
    ] {
        assert!(miss.message.contains(part), "{part}: {}", miss.message);
    }
    held(compare(json!({ "within": 5, "values": ["orders"] })).await);
    missed(compare(json!({ "within": 4, "values": ["orders"] })).await, ProbeReason::Expectation);
    missed(compare(json!({ "values": ["order"] })).await, ProbeReason::Expectation);

    // What is wrong with the source is no fault of what was restored, and what is wrong with that counts first.
    let nowhere = json!({ "source": { "host": "127.0.0.1", "port": source.port, "database": "none" } });
    let miss = missed(compare(nowhere).await, ProbeReason::Setup);
    assert!(miss.message.contains("the source cannot be measured"), "{}", miss.message);
    let wrong = json!({ "secretsmanager": "drill/orders", "key": "wrong" });
    let wrong = json!({ "source": { "host": "127.0.0.1", "port": source.port, "password": wrong } });
    missed(compare(wrong).await, ProbeReason::Authentication);
    let gone = with(login(), json!({ "query": "SELECT count(*) AS orders FROM invoices" }));
    assert!(missed(compare(json!({ "sql": gone })).await, ProbeReason::Query).missing_data);

    let both = json!({ "sql_schema": login(), "source": { "host": "127.0.0.1", "port": source.port } });
    let seen = held(attempt(ProbeKind::Compare, both, &restored.target_with(&source), PATIENCE).await);
    assert_eq!(seen.values["fingerprint"], seen.values["fingerprint.source"]);
    restored.server.stop().await;
    source.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_source_is_on_this_machine_only_where_the_definition_says_so() {
    let shop = Shop::open("schema-local", &[]).await;
    // Nobody asked where the source answers: it has no endpoint.
    let source = Target { endpoint: None, ..shop.target() };
    let given = Target { source: Some(Arc::new(source)), ..shop.target() };
    let miss = missed(schema(at(&shop), &given).await, ProbeReason::Setup);
    assert!(miss.message.contains("this machine itself"), "{}", miss.message);
    // It has the restored one's port unless something else is said.
    let local = json!({ "against": { "source": { "host": "127.0.0.1", "allow_local": true } } });
    assert_eq!(held(schema(local, &given).await).values["same"], json!(true));
    shop.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mariadb_has_a_schema_too() {
    let maria = Maria::open().await;
    // What defines the schema commits by itself: it stays, whatever the probe's transaction.
    let define = async |statement: &str| {
        held(maria.ask(json!({ "query": statement, "read_only": false })).await);
    };
    define(
        "CREATE TABLE items (id bigint PRIMARY KEY, number bigint NOT NULL, note varchar(20) DEFAULT '', \
         amount int, CONSTRAINT of_order FOREIGN KEY (number) REFERENCES orders (id) ON DELETE CASCADE, \
         CONSTRAINT positive CHECK (amount > 0), UNIQUE KEY twice (note(5), number))",
    )
    .await;
    let engine = json!({ "engine": "mysql", "schemas": ["shop"] });
    let seen = held(schema(engine.clone(), &maria.target()).await);
    let lines: Vec<String> = serde_json::from_value(seen.values["schema"].clone()).unwrap();
    for line in [
        "table shop.items",
        "column shop.items.number bigint(20) not null",
        "column shop.items.note varchar(20) default ''",
        "index shop.items.PRIMARY unique btree (id)",
        "index shop.items.twice unique btree (note(5), number)",
        "constraint shop.items.PRIMARY primary key (id)",
        "constraint shop.items.twice unique (note, number)",
        "constraint shop.items.positive check (`amount` > 0)",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line}: {lines:#?}");
    }
    let key = "constraint shop.items.of_order foreign key (number) references shop.orders (id) on update ";
    assert!(lines.iter().any(|line| line.starts_with(key) && line.ends_with("on delete cascade")), "{lines:#?}");

    define("DROP INDEX twice ON items").await;
    define("ALTER TABLE items DROP CONSTRAINT positive").await;
    let recorded = BTreeMap::from([("schema".to_owned(), seen.values["schema"].clone())]);
    let given = Target { last_pass: recorded, ..maria.target() };
    let miss = schema(with(engine, json!({ "against": { "last_pass": true } })), &given).await;
    let miss = missed(miss, ProbeReason::Expectation);
    for line in ["- constraint shop.items.positive check", "- index shop.items.twice unique btree"] {
        assert!(miss.message.contains(line), "{line}: {}", miss.message);
    }
}
