//! The options that say which rows are meant.

use chrono::{DateTime, Datelike as _, Utc};
use clap::{
    Args, Command,
    builder::{PossibleValue, PossibleValuesParser},
};
use tenantry_migration::{Error, Result, cli::given_once, config::env};

use crate::{
    Seeder, Skew, Spec, Vocabulary,
    spec::{WHOLE, thousandths},
};

/// Which rows.
#[derive(Clone, Debug, Args)]
pub struct SpecArgs {
    /// How many rows; without it, those that are there already, or else the usual ones
    #[arg(long, env = env::SEED_PRESET, hide_env_values = true)]
    preset: Option<String>,
    /// How many tenants, instead of the preset's
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    tenants: Option<u32>,
    /// Multiply the preset's size of each tenant by this factor
    #[arg(long, value_name = "FACTOR", value_parser = thousandths)]
    scale: Option<u32>,
    /// How unequal the tenants are
    #[arg(long, value_enum)]
    skew: Option<Skew>,
    /// Multiply the rows of one table by this factor; may be given several times
    #[arg(long = "factor", value_name = "TABLE=FACTOR", value_parser = factor)]
    factors: Vec<(String, u32)>,
    /// Start of the generator: another number makes other rows
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The version of names and texts
    #[arg(long, value_enum)]
    dataset: Option<Vocabulary>,
    /// Newest moment in the data, instead of the data set's own: as in RFC 3339, or `now`
    #[arg(long, value_name = "TIME", value_parser = moment)]
    as_of: Option<DateTime<Utc>>,
    /// Add tenants with the data that breaks programs: no rows, very many rows, the longest texts, other
    /// scripts, NULL wherever it is allowed, and another tenant's addresses
    #[arg(long)]
    edge: bool,
}

/// Lets `--preset` take the names of the application's own sizes.
#[must_use]
pub fn with_presets(command: Command, seeder: &Seeder) -> Command {
    let usual = seeder.usual();
    let names = seeder.samples.sizes().iter().map(|size| {
        let usual = if Spec::sized(*size) == usual { "; the usual size" } else { "" };
        PossibleValue::new(size.name).help(format!("{}{usual}", size.about))
    });
    let names = PossibleValuesParser::new(names);
    command.mut_arg("preset", |arg| arg.value_parser(names))
}

impl SpecArgs {
    /// What they say; `None` if they say nothing. Without a preset, they say how it differs from what is
    /// there, or else from the usual rows.
    pub(super) fn given(&self, seeder: &Seeder, there: Option<&Spec>) -> Option<Spec> {
        let named = self.preset.as_deref().and_then(|name| seeder.sized(name));
        let base = named.or_else(|| there.cloned()).unwrap_or_else(|| seeder.usual());
        let spec = self.over(base.clone());
        (self.preset.is_some() || spec != base).then_some(spec)
    }

    /// What they make of a data set.
    fn over(&self, base: Spec) -> Spec {
        let mut spec = match self.scale {
            Some(scale) => base.scaled(scale),
            None => base,
        };
        for (table, factor) in &self.factors {
            spec.factors.insert(table.clone(), *factor);
        }
        spec.factors.retain(|_, factor| *factor != WHOLE);
        Spec {
            dataset: self.dataset.unwrap_or(spec.dataset),
            seed: self.seed.unwrap_or(spec.seed),
            tenants: self.tenants.unwrap_or(spec.tenants),
            skew: self.skew.unwrap_or(spec.skew),
            as_of: self.as_of.unwrap_or(spec.as_of),
            edge: self.edge || spec.edge,
            ..spec
        }
    }
}

/// `orders=1.5`
fn factor(text: &str) -> std::result::Result<(String, u32), String> {
    let Some((table, factor)) = text.split_once('=') else {
        return Err("it should be a table, `=` and a number, such as orders=1.5".to_owned());
    };
    Ok((table.to_owned(), thousandths(factor)?))
}

/// Fails where a factor is for a table that there is not.
pub(super) fn check_factors<'s>(
    seeder: &Seeder,
    specs: impl Iterator<Item = &'s SpecArgs>,
) -> Result<()> {
    let tables = seeder.samples.tables().iter().filter(|info| info.takes_factor);
    let tables: Vec<&str> = tables.map(|info| info.name).collect();
    for spec in specs {
        given_once("--factor", spec.factors.iter().map(|(table, _)| table.clone()))?;
        check_tables(&tables, spec)?;
    }
    Ok(())
}

fn check_tables(tables: &[&str], spec: &SpecArgs) -> Result<()> {
    for (table, _) in &spec.factors {
        if !tables.contains(&table.as_str()) {
            return Err(Error::config(
                "no-such-table",
                format!("there is no table {table:?}; there are {}", tables.join(", ")),
            ));
        }
    }
    Ok(())
}

/// To the second, which is as exact as sample rows are.
fn moment(text: &str) -> std::result::Result<DateTime<Utc>, String> {
    let moment = match text {
        "now" => Ok(Utc::now()),
        _ => DateTime::parse_from_rfc3339(text).map(|moment| moment.to_utc()),
    };
    let moment =
        moment.map_err(|error| format!("{error}; it should be as 2026-06-30T18:00:00Z"))?;
    let years = 1990..=2200;
    if !years.contains(&moment.year()) {
        return Err("it should be between 1990 and 2200".to_owned());
    }
    DateTime::from_timestamp(moment.timestamp(), 0).ok_or_else(|| "out of range".to_owned())
}
