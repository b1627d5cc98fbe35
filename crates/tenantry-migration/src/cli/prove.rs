//! `migration prove`

use std::path::PathBuf;

use serde::Serialize;

use super::{Printer, counted, write_over::write_over};
use crate::{
    Project,
    config::DatabaseArgs,
    error::{Error, Result},
    prove::{Proof, prove},
    report::Envelope,
};

#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Where to write the report
    #[arg(long, value_name = "FILE", default_value = "tenantry-proof.json")]
    report: PathBuf,
}

#[derive(Serialize)]
struct Body {
    proof: Proof,
    /// SHA-256 over `proof` as compact JSON with sorted keys.
    sha256: String,
}

pub(super) async fn run(
    args: &Args,
    project: &'static Project,
    database: &DatabaseArgs,
    out: &mut Printer,
) -> Result<u8> {
    project.tenants()?;
    let proof = prove(project, &database.target(project)?).await?;
    for check in &proof.checks {
        let mark = if check.passed { "ok    " } else { "FAILED" };
        out.line(&format!("{mark}  {:<15} {}", check.name, check.shows))?;
        for detail in &check.details {
            out.line(&format!("        {detail}"))?;
        }
    }
    let (passed, sha256, findings) = (proof.passed, proof.digest()?, proof.findings());
    let attacks = proof
        .isolation
        .as_ref()
        .map(|matrix| format!(", {} held off", counted(matrix.attacks(), "attack", "attacks")));
    let report = Envelope::offline("prove", Body { proof, sha256 }, findings);
    let json = serde_json::to_string_pretty(&report)
        .map_err(|error| Error::config("json", error.to_string()))?;
    let shown = args.report.display();
    write_over(&args.report, &(json + "\n"), "{\n  \"version\": ", "report")?;
    out.line(&if passed {
        format!("proved{}; the report is {shown}", attacks.unwrap_or_default())
    } else {
        format!("not proved; the report is {shown}")
    })?;
    Ok(u8::from(!passed))
}
