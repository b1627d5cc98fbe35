//! Another application: `examples/shop`, copied to a place outside of this workspace, does the whole job
//! with the engine as it is here, on both engines, and goes through a change of its schema.

use std::path::PathBuf;

use sea_orm::ConnectionTrait as _;

use crate::{
    adoption,
    support::{Bin, Engine, Ran, TestDb, workspace::Workspace},
};

/// What the copy builds.
const BINARIES: [&str; 6] =
    ["migration", "seeder", "shop", "wholesale", "wholesale-migration", "wholesale-seeder"];

struct Programs(Vec<PathBuf>);

impl Programs {
    fn build(copy: &Workspace) -> Self {
        copy.cargo(&["build", "--quiet", "--offline", "--workspace", "--bins"]);
        Self(BINARIES.iter().map(|name| copy.keep(name)).collect())
    }

    fn run(&self, db: &TestDb, name: &str, args: &[&str]) -> Ran {
        let at = BINARIES.iter().position(|it| *it == name).unwrap();
        Bin::at(&self.0[at], db.folder()).env("DATABASE_URL", &db.url).args(args).run()
    }
}

#[tokio::test]
async fn another_application_does_the_whole_job() {
    let copy = Workspace::shop("shop");
    adoption::add_blank_project(&copy);
    let programs = Programs::build(&copy);
    let databases = [Engine::Sqlite, Engine::Postgres].map(TestDb::new);
    for db in &databases {
        let run = programs.run(db, "shop", &["run"]).ok();
        assert!(run.stdout.contains("no findings in 5 tables"), "{run:#?}");
        programs.run(db, "shop", &["validate", "--deep"]).ok();
        programs.run(db, "seeder", &["verify"]).ok();
        let again = programs.run(db, "seeder", &[]).ok();
        assert!(again.stdout.contains("nothing to insert"), "{again:#?}");
        let status = programs.run(db, "migration", &["status"]).ok();
        assert!(status.stdout.contains("1 applied, 0 pending"), "{status:#?}");
        // Each order has its lines, and a product may be a variant of another.
        assert!(db.number("SELECT count(*) FROM products WHERE variant_of IS NOT NULL").await > 0);
        let joined = "SELECT count(*) FROM order_lines l JOIN orders o ON o.id = l.order_id \
                      JOIN products p ON p.id = l.product_id WHERE p.tenant_id = o.tenant_id";
        let orders = db.number("SELECT count(*) FROM orders").await;
        assert_eq!(db.number(joined).await, 3 * orders);
    }

    in_another_shape(&programs).await;
    adoption::comes_home(&copy).await;

    // The entity gets a column, and the factory, which does not compile without.
    copy.replace(
        "entity/src/product.rs",
        "    /// How many are there.\n",
        "    /// Value added tax, in hundredths of a percent.\n    pub vat: Option<i32>,\n    /// How \
         many are there.\n",
    );
    copy.replace(
        "seeder/src/factory.rs",
        "        stock: Set(",
        "        vat: Set(None),\n        stock: Set(",
    );
    copy.cargo(&["build", "--quiet", "--offline", "--package", "migration"]);
    let generate = |args: &[&str]| {
        Bin::at(&copy.keep("migration"), copy.root()).args(&["generate"]).args(args).run()
    };
    generate(&["--check"]).expect_code(1);
    let written = generate(&["add_vat_to_products"]).ok();
    assert!(written.stdout.contains("safe: the column products.vat is added"), "{written:#?}");
    let programs = Programs::build(&copy);
    generate(&["--check"]).ok();

    for db in &databases {
        let up = programs.run(db, "migration", &["up"]).ok();
        assert_eq!(up.last_line(), "1 migration applied");
        programs.run(db, "shop", &["validate", "--deep"]).ok();
        let down = programs.run(db, "migration", &["down"]).ok();
        assert_eq!(down.last_line(), "1 migration rolled back");
        let difference = programs.run(db, "migration", &["diff"]).expect_code(1);
        assert!(difference.stdout.contains("products"), "{difference:#?}");
        programs.run(db, "migration", &["up"]).ok();
        programs.run(db, "shop", &["rollback"]).ok();
        assert!(db.tables().await.is_empty());
    }
    forgotten_parts_are_named(&copy, &databases[0]);

    // What the README says of an application, in a crate of its own.
    let application = copy.application(include_str!("../examples/quickstart.rs"));
    let said = application.cargo(&["run", "--quiet", "--offline"]);
    assert!(said.contains("Spring introduction"), "{said}");
}

/// Keys that count, organizations, primary keys of one column, an enum of the database, a view and a trigger.
async fn in_another_shape(programs: &Programs) {
    let mut digests = Vec::new();
    for db in [Engine::Sqlite, Engine::Postgres].map(TestDb::new) {
        let program = |name: &str| {
            let at = BINARIES.iter().position(|it| *it == name).unwrap();
            let bin = Bin::at(&programs.0[at], db.folder()).env("DATABASE_URL", &db.url);
            // The one that the tests' cluster has.
            bin.env("TENANTRY_APP_ROLE", "tenantry_app").env("SEED_PRESET", "corner-shops")
        };
        let said = program("wholesale").args(&["run", "--help"]).run().ok();
        assert!(said.stdout.contains("chains"), "{said:#?}");
        program("wholesale").args(&["run", "--preset", "tiny"]).run().expect_code(2);
        let run = program("wholesale").args(&["run"]).run().ok();
        assert!(run.stdout.contains("no findings in 6 tables"), "{run:#?}");
        program("wholesale").args(&["validate", "--deep"]).run().ok();
        // What is accepted in one place is known in others.
        let lint = ["lint", "--engine", "postgres", "--allow", "reference-can-cross"];
        program("wholesale-migration").args(&lint).run().ok();
        digests.push(program("wholesale-seeder").args(&["verify"]).run().ok().stdout);
        let again = program("wholesale-seeder").run().ok();
        assert!(again.stdout.contains("nothing to insert"), "{again:#?}");
        assert_eq!(db.number("SELECT count(*) FROM organizations WHERE id >= 0").await, 0);
        db.damage(
            "INSERT INTO organizations (id, name) VALUES (1, 'a'), (2, 'b'); \
             INSERT INTO customers (id, organization_id, name) VALUES (1, 1, 'c'); \
             INSERT INTO orders (id, organization_id, customer_id) VALUES (1, 1, 1)",
        )
        .await;
        let open_orders = "SELECT count(*) FROM open_orders WHERE organization_id > 0";
        assert_eq!(db.number(open_orders).await, 1);
        let open = db.open().await;
        let paid = "UPDATE orders SET state = 'paid' WHERE organization_id > 0";
        open.connection.execute_unprepared(paid).await.unwrap();
        open.close().await;
        assert_eq!(db.number(open_orders).await, 0);
        assert_eq!(db.number("SELECT count(*) FROM orders WHERE changed_at IS NOT NULL").await, 1);
        let listed = program("wholesale").args(&["tenant", "list"]).run().ok();
        assert!(listed.stdout.contains("Organization "), "{listed:#?}");
        db.damage("DROP VIEW open_orders").await;
        let found = program("wholesale").args(&["validate"]).run().expect_code(1);
        assert!(found.stdout.contains("object-missing"), "{found:#?}");
        let script = program("wholesale-migration").args(&["diff", "--sql"]).run().stdout;
        db.damage(&script).await;
        program("wholesale").args(&["validate"]).run().ok();
        // Rows of an organization that is real stay.
        let cleaned = program("wholesale-seeder").args(&["clean"]).run().ok();
        assert!(cleaned.stdout.contains("sample rows removed"), "{cleaned:#?}");
        assert_eq!(db.number("SELECT count(*) FROM orders").await, 1);
        let refused = program("wholesale").args(&["rollback"]).run().expect_code(1);
        assert!(refused.stderr.contains("rows would be lost"), "{refused:#?}");
        db.damage("DELETE FROM orders; DELETE FROM customers; DELETE FROM organizations").await;
        program("wholesale").args(&["rollback"]).run().ok();
        assert!(db.tables().await.is_empty());
    }
    assert_eq!(digests[0], digests[1], "both engines have the same rows");
}

/// What an application forgets is one sentence at the start.
fn forgotten_parts_are_named(copy: &Workspace, db: &TestDb) {
    // A factory that is not in the list.
    let factory = "            Table::of::<order::Entity>(|shop| shop.orders, factory::order),\n";
    copy.replace("seeder/src/lib.rs", factory, "");
    let programs = Programs::build(copy);
    let said = programs.run(db, "seeder", &[]).expect_code(2).clean_output();
    assert!(said.error().contains("the entity of orders has no factory"), "{said:#?}");
    let said = programs.run(db, "shop", &["run"]).clean_output();
    assert!(
        format!("{}{}", said.stdout, said.stderr).contains("the entity of orders has no factory")
    );
    copy.replace(
        "seeder/src/lib.rs",
        "            Table::of::<order_line::Entity>",
        &format!("{factory}            Table::of::<order_line::Entity>"),
    );

    // A file of a migration that is not in the list.
    let lib = copy.read("migration/src/lib.rs");
    let last = lib.lines().rfind(|line| line.ends_with("_add_vat_to_products,")).unwrap();
    copy.replace("migration/src/lib.rs", &format!("{last}\n"), "");
    let said = Bin::at(&copy.keep("migration"), copy.root()).args(&["generate", "other"]).run();
    let said = said.expect_code(2).clean_output();
    assert!(said.error().contains("is not in the list of migrations"), "{said:#?}");
    copy.write("migration/src/lib.rs", &lib);

    // A table listed before one that it refers to, whose factory is in the old place.
    let (first, second) =
        ("    1 => customer,\n    2 => product,\n    3 => order,\n", "entity/src/lib.rs");
    copy.replace(second, first, "    3 => order,\n    1 => customer,\n    2 => product,\n");
    let programs = Programs::build(copy);
    let said = programs.run(db, "seeder", &["plan"]).expect_code(2).clean_output();
    assert!(said.error().contains("in another order than the entities"), "{said:#?}");
    let said = programs.run(db, "migration", &["diff"]).expect_code(2).clean_output();
    let wanted = "orders is listed before customers, which it refers to";
    assert!(said.error().contains(wanted), "{said:#?}");

    // One code twice does not compile.
    copy.replace(second, "    3 => order,\n", "    1 => order,\n");
    let said = copy.refused(&["build", "--quiet", "--offline", "--package", "entity"]);
    assert!(said.contains("two tables have the same code within sample ids"), "{said}");
}
