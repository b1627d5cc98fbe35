//! What keeps a server from taking the SQL that mends.

use sea_orm::ConnectionTrait;
use tenantry_entity::Engine;

use crate::{
    diff::Change,
    error::Result,
    runner::{Dependent, dependents},
};

/// Views that read a column that is dropped or retyped, views of these, and tables that inherit it: the
/// server refuses to change it.
pub(super) async fn in_the_way<C: ConnectionTrait>(
    db: &C,
    engine: Engine,
    changes: &[Change],
) -> Result<Vec<String>> {
    let held = changes
        .iter()
        .filter(|change| matches!(change, Change::AlterType { .. } | Change::DropColumn { .. }));
    let held: Vec<(&str, &str)> =
        held.filter_map(|change| Some((change.table(), change.column()?))).collect();
    let mut tables: Vec<String> = held.iter().map(|(table, _)| (*table).to_owned()).collect();
    tables.sort();
    tables.dedup();
    // SQLite's rebuild leaves views alone.
    if engine == Engine::Sqlite {
        return Ok(Vec::new());
    }
    let dependents = dependents(db, engine, &tables).await?;
    let (mut found, mut views) = (Vec::new(), Vec::new());
    for it in &dependents {
        match it {
            Dependent::Heir { .. } => found.push(it.sentence()),
            Dependent::View { name, target, columns, .. } if tables.contains(target) => {
                let is_held = |column: &&String| held.contains(&(target.as_str(), column.as_str()));
                let columns: Vec<&str> =
                    columns.iter().filter(is_held).map(String::as_str).collect();
                if !columns.is_empty() {
                    found.push(format!(
                        "the view {name}, which reads {target}.{}",
                        columns.join(", ")
                    ));
                    views.push(name);
                }
            }
            _ => {}
        }
    }
    // A view of such a view goes before it.
    loop {
        let next = dependents.iter().find_map(|it| match it {
            Dependent::View { name, target, .. } => {
                let bare = |name: &String| name.rsplit('.').next() == Some(target);
                let reads_one = views.iter().any(|view| bare(view));
                (reads_one && !views.contains(&name)).then_some((name, it.sentence()))
            }
            _ => None,
        });
        let Some((name, sentence)) = next else { return Ok(found) };
        views.push(name);
        found.insert(0, sentence);
    }
}
