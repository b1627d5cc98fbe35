//! `migration lint`: our own migrations pass, and a sample breaks each rule once.

use std::{collections::BTreeMap, fs, path::PathBuf};

use migration::lint::{ALL, LAST, RuleSet};

use crate::support::{Bin, Ran};

fn lint(args: &[&str]) -> Ran {
    let folder = tempfile::tempdir().unwrap();
    let ran = Bin::new("migration", folder.path()).args(&["lint"]).args(args).run();
    // It needs no database, and makes none.
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    ran.clean_output()
}

fn sample() -> String {
    in_samples("not_ready.sql")
}

/// What weakens isolation on PostgreSQL, a rule each.
fn weakening() -> String {
    in_samples("weakens_isolation.sql")
}

fn in_samples(file: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.join("tests/samples").join(file).display().to_string()
}

#[test]
fn our_migrations_pass() {
    for target in RuleSet::ALL {
        let ran = lint(&["--engine", target.name()]).ok();
        assert!(ran.last_line().starts_with("no findings"), "{ran:?}");
    }
    assert_eq!(lint(&["--json"]).ok().json()["engine"], "nile");
}

/// How often each rule is broken by a sample, and where.
fn findings(target: RuleSet, sample: &str) -> BTreeMap<String, Vec<u64>> {
    let report = lint(&["--json", "--engine", target.name(), sample]).expect_code(1).json();
    assert_eq!((&report["version"], &report["command"]), (&1.into(), &"lint".into()));
    let mut found: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for finding in report["findings"].as_array().unwrap() {
        for key in ["code", "table", "message", "help", "script", "level", "known", "source"] {
            assert!(!finding[key].as_str().unwrap().is_empty(), "{key} of {finding}");
        }
        let code = finding["code"].as_str().unwrap().to_owned();
        found.entry(code).or_default().push(finding["line"].as_u64().unwrap());
    }
    found
}

/// The rules that the comment behind each line of a sample names.
fn announced(sample: &str) -> BTreeMap<String, Vec<u64>> {
    let mut announced: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for (line, text) in (1..).zip(fs::read_to_string(sample).unwrap().lines()) {
        let Some((_, rules)) = text.split_once("; -- ") else { continue };
        for rule in rules.split(", ") {
            announced.entry(rule.to_owned()).or_default().push(line);
        }
    }
    announced
}

#[test]
fn the_sample_breaks_each_rule_of_nile_once() {
    let found = findings(RuleSet::Nile, &sample());
    assert_eq!(found, announced(&sample()));
    let rules: Vec<&str> = ALL
        .iter()
        .chain([&LAST])
        .filter(|rule| rule.targets.contains(&RuleSet::Nile))
        .map(|rule| rule.code)
        .collect();
    for rule in &rules {
        assert_eq!(found.get(*rule).map(Vec::len), Some(1), "{rule}");
    }
    assert_eq!(found.len(), rules.len());
}

#[test]
fn other_engines_are_told_what_is_about_them() {
    let on_citus = findings(RuleSet::Citus, &sample());
    let weakening = announced(&weakening());
    for rule in ALL.iter().filter(|rule| rule.targets.contains(&RuleSet::Citus)) {
        let known = on_citus.contains_key(rule.code) || weakening.contains_key(rule.code);
        // The sample has no such policy.
        assert_eq!(known, rule.code != "policy-subquery", "{}", rule.code);
    }
    assert!(!on_citus.contains_key("foreign-key-to-shared"), "Citus has reference tables");
    assert!(findings(RuleSet::Postgres, &sample()).contains_key("foreign-key-set-null"));
}

/// And what does not weaken it is no finding.
#[test]
fn what_weakens_isolation_is_told_on_postgres_and_citus() {
    for target in [RuleSet::Postgres, RuleSet::Citus] {
        let mut found = findings(target, &weakening());
        // Rules about locks and rewrites come with a feature.
        found.retain(|code, _| ALL.iter().any(|rule| rule.code == code.as_str()));
        // Citus takes none at all.
        found.remove("trigger");
        assert_eq!(found, announced(&weakening()), "{}", target.name());
    }
}

#[test]
fn a_rule_may_be_allowed_and_a_file_has_to_be_there() {
    let all = findings(RuleSet::Nile, &sample()).len();
    let ran = lint(&[&sample(), "--allow", "copy", "--allow", "comment"]).expect_code(1);
    assert_eq!(ran.last_line(), format!("{} findings for nile in 72 statements", all - 2));
    lint(&["--allow", "no-such-rule"]).expect_code(2);
    let ran = lint(&["nowhere.sql"]).expect_code(2);
    assert!(ran.error().contains("nowhere.sql"), "{ran:?}");
}
