//! A database of one test on a real Citus cluster, where there is one; and a stand-in that only takes
//! down what would be sent to it.
//!
//! `TENANTRY_TEST_CITUS_URL` names a database on the coordinator in which the nodes are known, as a
//! superuser, who has to be let in on every node by the same means. Nodes let each other in as any role.

use std::{
    io::Write as _,
    str::FromStr as _,
    sync::{Arc, Mutex, PoisonError},
};

use migration::cluster::Node;
use sea_orm::sqlx::postgres::PgConnectOptions;

use super::{
    Engine, TestDb,
    nile::{Log, record},
    postgres::{self, SECRET, run_as},
};

/// A node that is added gets all roles of the cluster, and fails where others make some meanwhile.
static TURN: Mutex<()> = Mutex::new(());

/// Where the cluster is.
const URL: &str = "TENANTRY_TEST_CITUS_URL";

/// A database on every node, and the roles that a test has made.
pub struct OwnDatabase {
    name: String,
    base: String,
    /// The coordinator first.
    nodes: Vec<Node>,
}

impl OwnDatabase {
    /// Creates it; without a cluster, says so.
    pub fn create(test: &str) -> Option<Self> {
        let Ok(base) = std::env::var(URL) else {
            // Past what the harness keeps to itself of a test that passes.
            let said = format!("NOT RUN, since {URL} names no Citus cluster: {test}\n");
            std::io::stderr().write_all(said.as_bytes()).unwrap();
            return None;
        };
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = run_as(
            &PgConnectOptions::from_str(&base).unwrap(),
            &["SELECT nodename, nodeport FROM pg_dist_node ORDER BY groupid"],
        );
        let nodes: Vec<Node> = found
            .iter()
            .map(|row| Node { host: row[0].clone(), port: row[1].parse().unwrap() })
            .collect();
        assert!(nodes.len() >= 3, "{URL}: a coordinator and two workers at least, not {nodes:?}");
        let own = Self {
            name: format!("tenantry_{}_{}", std::process::id(), super::unique()),
            base,
            nodes,
        };
        for node in &own.nodes {
            own.run_in(
                "postgres",
                node,
                &[
                    "SET citus.enable_create_database_propagation = off",
                    &format!("CREATE DATABASE {}", own.name),
                ],
            );
            own.run_on(node, &["CREATE EXTENSION citus"]);
        }
        let [coordinator, workers @ ..] = &own.nodes[..] else { return None };
        own.run(&format!(
            "SELECT citus_set_coordinator_host('{}', {})",
            coordinator.host, coordinator.port
        ));
        for worker in workers {
            own.run(&format!("SELECT citus_add_node('{}', {})", worker.host, worker.port));
        }
        Some(own)
    }

    /// The URL for its superuser, on the coordinator.
    pub fn url(&self) -> String {
        self.url_at(self.coordinator(), None)
    }

    /// The URL on a node, for another role of the test's perhaps.
    pub fn url_at(&self, node: &Node, role: Option<&str>) -> String {
        let (_, rest) = self.base.split_once("://").unwrap();
        let secret = rest.split_once('@').map_or("", |(login, _)| login);
        let login = role.map_or(secret.to_owned(), |role| format!("{role}:{SECRET}"));
        let query = rest.split_once('?').map_or(String::new(), |(_, query)| format!("?{query}"));
        format!("postgres://{login}@{node}/{}{query}", self.name)
    }

    /// The node that everything goes through.
    pub fn coordinator(&self) -> &Node {
        &self.nodes[0]
    }

    /// The nodes but the coordinator.
    pub fn workers(&self) -> &[Node] {
        &self.nodes[1..]
    }

    /// Runs a statement on the coordinator; gives its rows.
    pub fn run(&self, sql: &str) -> Vec<Vec<String>> {
        self.run_on(self.coordinator(), &[sql])
    }

    /// Runs statements on a node; gives the rows of the last one.
    pub fn run_on(&self, node: &Node, statements: &[&str]) -> Vec<Vec<String>> {
        self.run_in(&self.name, node, statements)
    }

    fn run_in(&self, database: &str, node: &Node, statements: &[&str]) -> Vec<Vec<String>> {
        let port = u16::try_from(node.port).unwrap();
        let options = PgConnectOptions::from_str(&self.base).unwrap();
        run_as(&options.host(&node.host).port(port).database(database), statements)
    }

    /// Creates a role that may log in on every node. It goes with the database.
    pub fn role(&self, options: &str) -> String {
        let role = format!("{}_{}", self.name, super::unique());
        self.run(&format!("CREATE ROLE {role} LOGIN PASSWORD '{SECRET}' {options}"));
        role
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let name = &self.name;
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        // Without it, workers keep connections to each other that are in the way.
        for node in self.nodes.iter().rev() {
            self.run_in(
                "postgres",
                node,
                &[
                    &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
                    &format!(
                        "DO $$ DECLARE r text; BEGIN FOR r IN SELECT rolname FROM pg_roles \
                         WHERE rolname LIKE '{name}\\_%' LOOP \
                         EXECUTE format('DROP ROLE %I', r); END LOOP; END $$"
                    ),
                ],
            );
        }
    }
}

/// A PostgreSQL with as much of Citus's catalogue and functions as is asked of it, so that what would be
/// sent to Citus can be taken down. It proves nothing about Citus.
pub struct StandIn {
    /// Its URL leads through the recorder.
    pub db: TestDb,
    log: Arc<Mutex<Log>>,
}

/// Functions that note what they are called with, and do nothing else.
const FURNITURE: &str = "
CREATE TABLE pg_dist_local_group (groupid int); INSERT INTO pg_dist_local_group VALUES (0);
CREATE TABLE pg_dist_node (nodeid serial, groupid int, nodename text, nodeport int,
    isactive bool DEFAULT true, noderole text DEFAULT 'primary', shouldhaveshards bool DEFAULT true);
INSERT INTO pg_dist_node (groupid, nodename, nodeport) VALUES (1, 'one', 5432), (2, 'two', 5432);
CREATE TABLE pg_dist_partition (logicalrelid regclass, partmethod \"char\", partkey text,
    colocationid int, repmodel \"char\");
CREATE TABLE pg_dist_shard (logicalrelid regclass, shardid bigint, shardminvalue text,
    shardmaxvalue text);
CREATE TABLE pg_dist_placement (shardid bigint, groupid int);
CREATE FUNCTION column_to_column_name(regclass, text) RETURNS text LANGUAGE sql AS 'SELECT $2';
CREATE FUNCTION create_distributed_table(t regclass, c text, colocate_with text) RETURNS void
    LANGUAGE sql AS $$
    INSERT INTO pg_dist_partition VALUES (t, 'h', c, 1, 's');
    INSERT INTO pg_dist_shard VALUES (t, 102008, '0', '9');
    INSERT INTO pg_dist_placement SELECT 102008, 1
    WHERE NOT EXISTS (SELECT FROM pg_dist_placement) $$;
CREATE FUNCTION create_distributed_table_concurrently(t regclass, c text, colocate_with text)
    RETURNS void LANGUAGE sql AS 'SELECT create_distributed_table(t, c, colocate_with)';
CREATE FUNCTION create_reference_table(t regclass) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_partition VALUES (t, 'n', NULL, 2, 't') $$;
CREATE FUNCTION truncate_local_data_after_distributing_table(regclass) RETURNS void
    LANGUAGE sql AS 'SELECT';
CREATE FUNCTION get_shard_id_for_distribution_column(t regclass, v uuid) RETURNS bigint
    LANGUAGE sql AS 'SELECT shardid FROM pg_dist_shard WHERE logicalrelid = t';
CREATE FUNCTION citus_shard_sizes(OUT shard_id bigint, OUT size bigint) RETURNS SETOF record
    LANGUAGE sql AS 'SELECT shardid, 8192::bigint FROM pg_dist_shard';
CREATE FUNCTION isolate_tenant_to_new_shard(t regclass, v uuid, cascade_option text,
    shard_transfer_mode text) RETURNS bigint LANGUAGE sql AS $$
    UPDATE pg_dist_shard SET shardminvalue = '5', shardmaxvalue = '5'; SELECT 1::bigint $$;
CREATE FUNCTION citus_move_shard_placement(s bigint, text, int, text, int,
    shard_transfer_mode text) RETURNS void LANGUAGE sql AS
    'UPDATE pg_dist_placement SET groupid = 2';
CREATE FUNCTION master_run_on_worker(text[], int[], commands text[], bool,
    OUT success bool, OUT result text) LANGUAGE sql AS $$ SELECT true, 'logical' $$;
";

impl StandIn {
    /// An empty database.
    pub fn new() -> Self {
        let mut db = TestDb::new(Engine::Postgres);
        let owner = db.server().name.clone();
        db.server().execute_as_superuser(&format!(
            "CREATE SCHEMA citus; SET search_path = citus; {FURNITURE}; \
             GRANT ALL ON SCHEMA citus TO {owner}; \
             GRANT ALL ON ALL TABLES IN SCHEMA citus TO {owner}; \
             ALTER DATABASE {owner} SET search_path = public, citus"
        ));
        let log = Arc::default();
        let port = record(postgres::port(), &log, false);
        let behind = format!(":{}/", postgres::port());
        db.url = db.url.replace(&behind, &format!(":{port}/")) + "?sslmode=disable";
        db.engine = Engine::Citus;
        Self { db, log }
    }

    /// Runs a binary, and gives what it sends that it would not send to plain PostgreSQL, or in another
    /// order.
    pub fn sent_by(&self, program: &str, args: &[&str]) -> String {
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.statements.clear();
        drop(log);
        self.db.bin(program).env("TENANTRY_ENGINE", "citus").args(args).run().ok();
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let marks = [
            "BEGIN",
            "COMMIT",
            "ROLLBACK",
            "ROLE",
            "citus",
            "distribut",
            "reference_table",
            "pg_dist",
            "shard",
            "_on_worker",
            "CREATE TABLE",
            "CREATE INDEX \"tenants",
            "CONSTRAINT",
            "LOCK",
            "advisory",
        ];
        let kept = log.statements.iter().filter(|sql| marks.iter().any(|mark| sql.contains(mark)));
        let cut = |sql: &String| match sql.split_once(" ( ") {
            Some((table, _)) if sql.starts_with("CREATE TABLE") => format!("{table} (…)"),
            _ => sql.clone(),
        };
        let lines: Vec<String> = kept.map(cut).collect();
        lines.join(";\n") + ";\n"
    }
}
