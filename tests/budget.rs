//! Round trips are a budget: each statement costs one, and a change of their number is a decision.
//! What sqlx does not log is not counted: BEGIN, COMMIT, and the handshake of a connection.

use std::{
    collections::BTreeMap,
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::support::{Bin, Engine, TestDb, postgres as server};

on_both_engines!(statements_are_counted);

async fn statements_are_counted(db: TestDb) {
    let mut counts = BTreeMap::new();
    let steps: [(&str, &str, &[&str]); 9] = [
        ("1 status, empty", "migration", &["status"]),
        ("2 up, all", "migration", &["up"]),
        ("3 up, none", "migration", &["up"]),
        ("4 status", "migration", &["status"]),
        ("5 seed", "seeder", &[]),
        ("6 seed again", "seeder", &[]),
        ("7 validate", "tenantry", &["validate"]),
        ("8 clean", "seeder", &["clean"]),
        ("9 reset", "migration", &["reset"]),
    ];
    db.open().await.close().await;
    for (step, name, args) in steps {
        let ran = db.bin(name).env("RUST_LOG", "sqlx::query=debug").args(args).run().ok();
        // One line for each statement that was sent, by whichever way.
        counts.insert(step, ran.stderr.matches("db.statement=").count());
    }
    insta::assert_debug_snapshot!(format!("statements__{}", db.engine), counts);
}

/// What most deployments do: find nothing to apply. Plain sea-orm-migration sends seven statements over
/// two connections for it.
#[tokio::test]
async fn nothing_to_do_takes_three_statements_on_one_connection() {
    let db = TestDb::new(Engine::Postgres);
    db.migration(&["up"]).ok();
    let connections = Arc::new(AtomicUsize::new(0));
    let port = counting_proxy(Arc::clone(&connections));
    let url = db.url.replace(&format!(":{}/", server::port()), &format!(":{port}/"));
    let bin = Bin::new("migration", db.folder()).env("DATABASE_URL", &url);
    let ran = bin.env("RUST_LOG", "sqlx::query=debug").args(&["up"]).run().ok();
    assert_eq!(ran.last_line(), "nothing to apply");
    assert_eq!(ran.stderr.matches("db.statement=").count(), 3, "{ran:#?}");
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

/// Passes everything on to the server, and counts the connections. Gives the port.
fn counting_proxy(connections: Arc<AtomicUsize>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            connections.fetch_add(1, Ordering::SeqCst);
            let client = client.unwrap();
            let server = TcpStream::connect(("127.0.0.1", server::port())).unwrap();
            for (mut from, mut to) in
                [(client.try_clone().unwrap(), server.try_clone().unwrap()), (server, client)]
            {
                std::thread::spawn(move || {
                    // Either side may have gone.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    port
}
