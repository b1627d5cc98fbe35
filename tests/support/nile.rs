//! A stand-in for Nile: a PostgreSQL with what Nile brings along, and between it and the program a
//! recorder that refuses what Nile is known, or may be expected, to refuse. It is no Nile: what it
//! takes, Nile may still refuse. Its rules are written here once more, apart from those of
//! `migration lint`, so that each is a check of the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, MutexGuard},
};

use entity::Scope;

use super::{Engine, TestDb, postgres};

/// The database behind the recorder, and what was sent to it.
pub struct StandIn {
    /// Its URL leads through the recorder.
    pub db: TestDb,
    log: Arc<Mutex<Log>>,
}

/// What was sent.
#[derive(Clone, Debug, Default)]
pub struct Log {
    /// Every statement, in the order in which they came.
    pub statements: Vec<String>,
    /// What was refused, and why.
    pub refused: Vec<String>,
}

/// What Nile brings along, as its documentation has it, and isolation that is open as long as no
/// tenant is named.
const FURNITURE: &str = "
CREATE SCHEMA users; CREATE SCHEMA auth; CREATE SCHEMA _nile_shared; CREATE SCHEMA extensions;
CREATE FUNCTION public.uuid_generate_v7() RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()';
CREATE TABLE public.tenants (
    id uuid PRIMARY KEY DEFAULT public.uuid_generate_v7(), name text,
    created timestamp(6) NOT NULL DEFAULT LOCALTIMESTAMP,
    updated timestamp(6) NOT NULL DEFAULT LOCALTIMESTAMP, deleted timestamp(6), compute_id uuid);
CREATE TABLE users.users (
    id uuid PRIMARY KEY DEFAULT public.uuid_generate_v7(),
    created timestamp(6) NOT NULL DEFAULT LOCALTIMESTAMP,
    updated timestamp(6) NOT NULL DEFAULT LOCALTIMESTAMP, deleted timestamp(6),
    name text, family_name text, given_name text, email text, picture text,
    email_verified timestamp(6));
CREATE UNIQUE INDEX users_email_key ON users.users (email) WHERE deleted IS NULL;
CREATE TABLE users.tenant_users (
    tenant_id uuid NOT NULL REFERENCES public.tenants (id), user_id uuid NOT NULL, roles text[],
    email text, PRIMARY KEY (tenant_id, user_id));
CREATE FUNCTION _nile_shared.isolate() RETURNS event_trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE made record;
BEGIN
    FOR made IN SELECT * FROM pg_event_trigger_ddl_commands() WHERE command_tag = 'CREATE TABLE' LOOP
        IF EXISTS (SELECT 1 FROM pg_attribute
                   WHERE attrelid = made.objid AND attname = 'tenant_id') THEN
            EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', made.object_identity);
            EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', made.object_identity);
            EXECUTE format('CREATE POLICY nile ON %s USING (coalesce(current_setting(
                ''nile.tenant_id'', true), '''') = '''' OR tenant_id::text
                = current_setting(''nile.tenant_id'', true))', made.object_identity);
        END IF;
    END LOOP;
END $$;
";

impl StandIn {
    /// A database as Nile hands one out.
    pub fn new() -> Self {
        let mut db = TestDb::new(Engine::Postgres);
        let owner = db.server().name.clone();
        let rights = format!(
            "ALTER SCHEMA users OWNER TO {owner}; ALTER TABLE tenants OWNER TO {owner}; \
             ALTER TABLE users.users OWNER TO {owner}; GRANT USAGE ON SCHEMA auth TO {owner}; \
             GRANT SELECT ON users.tenant_users TO {owner}; \
             ALTER DATABASE {owner} SET search_path = public, users, _nile_shared, extensions; \
             CREATE EVENT TRIGGER isolate ON ddl_command_end WHEN TAG IN ('CREATE TABLE') \
             EXECUTE FUNCTION _nile_shared.isolate()"
        );
        db.server().execute_as_superuser(&format!("{FURNITURE}{rights}"));
        let log = Arc::default();
        let port = record(postgres::port(), &log, true);
        let behind = format!(":{}/", postgres::port());
        db.url = db.url.replace(&behind, &format!(":{port}/")) + "?sslmode=disable";
        db.engine = Engine::Nile;
        Self { db, log }
    }

    /// What was sent so far.
    pub fn log(&self) -> Log {
        lock(&self.log).clone()
    }

    /// Forgets what was sent so far.
    pub fn forget(&self) {
        *lock(&self.log) = Log::default();
    }

    /// Fails if something was refused, or nothing was sent at all.
    #[track_caller]
    pub fn assert_nothing_refused(&self) {
        let log = self.log();
        assert!(!log.statements.is_empty());
        assert!(log.refused.is_empty(), "{:#?}", log.refused);
    }

    /// Runs statements behind the recorder's back, as Nile itself does.
    pub fn behind_its_back(&self, sql: &str) {
        self.db.server().execute_as_superuser(sql);
    }
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Listens on a port of its own, and passes on what comes to `server`; if it is `strict`, not what Nile
/// would refuse.
pub fn record(server: u16, log: &Arc<Mutex<Log>>, strict: bool) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let log = Arc::clone(log);
    // Ends with the process, like the server behind it.
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
            let log = Arc::clone(&log);
            std::thread::spawn(move || {
                // A connection that breaks is the clients' own affair.
                let _ = pass_on(client, server, &log, strict);
            });
        }
    });
    port
}

/// Passes on what a client says, with what is refused made unusable, so that the server refuses it
/// in its own words and its transaction ends as it would on Nile.
fn pass_on(
    mut client: TcpStream,
    mut server: TcpStream,
    log: &Mutex<Log>,
    strict: bool,
) -> std::io::Result<()> {
    // Whoever waits for more to send along waits for an answer that waits for it.
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut answers, mut to_client) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut answers, &mut to_client);
        let _ = to_client.shutdown(std::net::Shutdown::Both);
    });
    let mut session = Session { lenient: !strict, ..Session::default() };
    let mut prepared: BTreeMap<String, String> = BTreeMap::new();
    // The first message has no type.
    let first = message(&mut client)?;
    server.write_all(&first)?;
    loop {
        let mut kind = [0];
        if client.read_exact(&mut kind).is_err() {
            return server.shutdown(std::net::Shutdown::Both);
        }
        let mut body = message(&mut client)?.split_off(4);
        match kind[0] {
            b'Q' => {
                let (sql, _) = text(&body);
                if let Err(why) = session.judge_all(&sql, log) {
                    body = unusable(&why);
                    body.push(0);
                }
            }
            b'P' => {
                let (name, rest) = text(&body);
                let (sql, after) = text(&body[rest..]);
                if let Some(why) = refused_anywhere(&sql).filter(|_| strict) {
                    lock(log).refused.push(format!("{why}: {sql}"));
                    let mut new = body[..rest].to_vec();
                    new.extend(unusable(why));
                    new.push(0);
                    new.extend(&body[rest + after..]);
                    body = new;
                }
                prepared.insert(name, sql);
            }
            b'B' => {
                let (_, rest) = text(&body);
                let (name, after) = text(&body[rest..]);
                let sql = prepared.get(&name).cloned().unwrap_or_default();
                if session.judge_all(&sql, log).is_err() {
                    let mut new = body[..rest].to_vec();
                    new.extend(b"refused by the stand-in for Nile\0");
                    new.extend(&body[rest + after..]);
                    body = new;
                }
            }
            _ => {}
        }
        let length = u32::try_from(body.len() + 4).unwrap();
        server.write_all(&[&kind[..], &length.to_be_bytes(), &body].concat())?;
    }
}

/// A message with its length in front.
fn message(from: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut message = vec![0; u32::from_be_bytes(length) as usize];
    message[..4].copy_from_slice(&length);
    from.read_exact(&mut message[4..])?;
    Ok(message)
}

/// The text at the beginning, and how many bytes it takes with its end.
fn text(bytes: &[u8]) -> (String, usize) {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    (String::from_utf8_lossy(&bytes[..end]).into_owned(), end + 1)
}

fn unusable(why: &str) -> Vec<u8> {
    format!("SELECT 1 FROM \"refused by the stand-in for Nile: {why}\"").into_bytes()
}

/// The transaction of a connection.
#[derive(Debug, Default)]
struct Session {
    /// Whether everything is let pass.
    lenient: bool,
    open: bool,
    /// Statements since it began.
    count: usize,
    tenant: Option<String>,
    wrote: BTreeSet<Whose>,
    ddl: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Whose {
    Tenants,
    Tenant,
    Shared,
    Ledger,
}

impl Session {
    /// Judges every statement of a text.
    fn judge_all(&mut self, text: &str, log: &Mutex<Log>) -> Result<(), String> {
        for sql in statements(text) {
            lock(log).statements.push(sql.clone());
            if self.lenient {
                continue;
            }
            let upper = sql.to_uppercase();
            if upper == "BEGIN" {
                *self = Self { open: true, ..Self::default() };
                continue;
            }
            if upper == "COMMIT" || upper == "ROLLBACK" {
                *self = Self::default();
                continue;
            }
            let judged = self.judge(&sql, &upper);
            if self.open {
                self.count += 1;
            } else {
                *self = Self::default();
            }
            if let Err(why) = judged {
                if why == NOT_FOUND {
                    return Err(why.to_owned());
                }
                lock(log).refused.push(format!("{why}: {sql}"));
                return Err(why.to_owned());
            }
        }
        Ok(())
    }

    fn judge(&mut self, sql: &str, upper: &str) -> Result<(), &'static str> {
        if let Some(why) = refused_anywhere(sql) {
            return Err(why);
        }
        if let Some(tenant) = upper.strip_prefix("SET LOCAL NILE.TENANT_ID = ") {
            if self.count > 0 {
                return Err("the tenant is named after another statement");
            }
            if tenant.contains("00000000-0000-0000-0000-000000000000") {
                return Err(NOT_FOUND);
            }
            self.tenant = Some(tenant.to_owned());
            return Ok(());
        }
        self.ddl |= is_ddl(upper);
        let Some((whose, rows)) = written(sql, upper) else {
            return if self.ddl && self.wrote.iter().any(|it| *it != Whose::Ledger) {
                Err("DDL beside rows")
            } else {
                Ok(())
            };
        };
        self.wrote.insert(whose);
        match whose {
            Whose::Tenants if rows > 1 || self.count > 0 => Err("tenants one by one, each first"),
            Whose::Tenant if self.tenant.is_none() => Err("rows of a tenant that is not named"),
            _ if self.ddl && whose != Whose::Ledger => Err("rows beside DDL"),
            _ if self.wrote.len() > 1 => Err("rows of tenants beside shared ones"),
            _ => Ok(()),
        }
    }
}

/// What Nile says of a tenant that it does not know: an answer, and no refusal of the statement.
const NOT_FOUND: &str = "tenant not found";

fn is_ddl(upper: &str) -> bool {
    ["CREATE ", "ALTER ", "DROP "].iter().any(|word| upper.starts_with(word))
}

/// Whose rows are written, and how many at least.
fn written(sql: &str, upper: &str) -> Option<(Whose, usize)> {
    let verbs = ["INSERT INTO ", "UPDATE ", "DELETE FROM ", "TRUNCATE "];
    let verb = verbs.iter().find(|verb| upper.starts_with(*verb))?;
    let name = sql[verb.len()..].trim_start().split([' ', '(']).next().unwrap_or_default();
    let name = name.replace('"', "");
    let rows = upper.matches("), (").count() + 1;
    let scope = entity::all()
        .into_iter()
        .find(|def| def.name == name)
        .map(|def| def.scope(&migration::TENANCY));
    Some(match scope {
        _ if migration::PROJECT.is_bookkeeping(&name) => (Whose::Ledger, rows),
        _ if name == "tenants" => (Whose::Tenants, rows),
        Some(Scope::Tenant) => (Whose::Tenant, rows),
        _ => (Whose::Shared, rows),
    })
}

/// Why a statement is refused wherever it stands.
fn refused_anywhere(sql: &str) -> Option<&'static str> {
    let upper = sql.trim().to_uppercase();
    let begins = |words: &[&str]| words.iter().any(|word| upper.starts_with(word));
    let holds = |words: &[&str]| words.iter().any(|word| upper.contains(word));
    let is_create = upper.starts_with("CREATE ");
    let object = |word: &str| {
        let verbs = ["CREATE ", "CREATE OR REPLACE ", "ALTER ", "DROP "];
        verbs.iter().any(|verb| upper.starts_with(&format!("{verb}{word} ")))
    };
    let objects = [
        "FUNCTION",
        "PROCEDURE",
        "TRIGGER",
        "POLICY",
        "ROLE",
        "USER",
        "DATABASE",
        "EXTENSION",
        "TABLESPACE",
        "MATERIALIZED VIEW",
        "TEMP TABLE",
        "TEMPORARY TABLE",
        "SEQUENCE",
    ];
    if objects.into_iter().any(object) {
        return Some("no such thing is made");
    }
    if begins(&[
        "GRANT ", "REVOKE ", "COMMENT ", "DO ", "COPY ", "EXPLAIN ", "LOCK ", "LISTEN ", "NOTIFY ",
    ]) {
        return Some("no such command");
    }
    if begins(&["SET ", "RESET "]) && !begins(&["SET LOCAL NILE.", "SET NILE.", "SET SEARCH_PATH"])
    {
        return Some("no such setting");
    }
    if begins(&["BEGIN ", "START TRANSACTION"]) || holds(&["SET_CONFIG", "PG_TEMP", "CONCURRENTLY"])
    {
        return Some("it is not known that this works");
    }
    if begins(&["ALTER "]) && holds(&["ROW LEVEL SECURITY", "RENAME", "DROP DEFAULT"]) {
        return Some("no such alteration");
    }
    if begins(&["ALTER "]) && upper.contains("ALTER COLUMN") && upper.contains(" TYPE ") {
        return Some("no such alteration");
    }
    if begins(&["DROP ", "ALTER "])
        && upper.ends_with("CASCADE")
        && !holds(&["ON DELETE", "ON UPDATE"])
    {
        return Some("DROP CASCADE is not supported");
    }
    let built_in = ["\"TENANTS\"", "\"USERS\"", "TENANTS", "USERS"];
    if built_in.iter().any(|name| {
        begins(&[
            &format!("CREATE TABLE {name}"),
            &format!("DROP TABLE {name}"),
            &format!("TRUNCATE {name}"),
        ])
    }) {
        return Some("the table is Nile's own");
    }
    if upper.starts_with("CREATE UNIQUE INDEX") && holds(&["ON \"TENANTS\"", "ON TENANTS"]) {
        return Some("no unique on tenants");
    }
    if is_create && upper.contains("INDEX") && !upper.starts_with("CREATE TABLE") {
        let parts = upper.split_once('(').map_or("", |(_, parts)| parts);
        let parts = parts.split(" WHERE ").next().unwrap_or_default();
        if parts.contains('(') {
            return Some("functions are not supported in index column expression");
        }
    }
    let is_scoped = upper.starts_with("CREATE TABLE") && upper.contains("TENANT_ID");
    if (is_scoped || upper.starts_with("ALTER TABLE"))
        && holds(&["REFERENCES \"USERS\"", "REFERENCES USERS"])
    {
        return Some("no key to a shared table");
    }
    if is_scoped && holds(&["SERIAL", "IDENTITY", "NEXTVAL"]) {
        return Some("no sequence in a tenant-aware table");
    }
    None
}

/// The statements of a text.
fn statements(text: &str) -> Vec<String> {
    let (mut all, mut quote) = (vec![String::new()], None);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(open), _) if open == letter => quote = None,
            (None, '\'' | '"') => quote = Some(letter),
            (None, ';') => {
                all.push(String::new());
                continue;
            }
            _ => {}
        }
        all.last_mut().unwrap().push(letter);
    }
    all.iter().map(|sql| sql.trim().to_owned()).filter(|sql| !sql.is_empty()).collect()
}
