//! Who has locked a file, as Linux tells in `/proc`.

use std::{
    fs::{metadata, read_to_string},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use chrono::{DateTime, Utc};

use super::Holder;

/// The bytes that SQLite's writers lock, in the database file and in the index of a write-ahead
/// log: <https://www.sqlite.org/src/file/src/os.h>, <https://www.sqlite.org/walformat.html>.
const WRITER_BYTES: [(&str, &str); 3] = [("", "1073741825"), ("", "1073741824"), ("-shm", "120")];

/// Who writes to the database in this file.
pub(super) fn writer(database: &Path) -> Option<Holder> {
    let locks = read_to_string("/proc/locks").ok()?;
    let pid = WRITER_BYTES.iter().find_map(|(suffix, byte)| {
        let mut file = database.as_os_str().to_owned();
        file.push(suffix);
        let inode = format!(":{}", metadata(PathBuf::from(file)).ok()?.ino());
        locks.lines().find_map(|line| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [_, _, _, "WRITE", pid, place, start, ..] = words[..] else { return None };
            (place.ends_with(&inode) && start == *byte).then(|| pid.parse().ok()).flatten()
        })
    });
    let pid: i32 = pid.filter(|pid| *pid > 0)?;
    let process = PathBuf::from(format!("/proc/{pid}"));
    let name = read_to_string(process.join("comm")).ok();
    Some(Holder {
        pid: Some(pid),
        host: whoami::hostname().ok(),
        user: metadata(&process).ok().and_then(|it| user_name(it.uid())),
        application: name.map(|name| name.trim().to_owned()),
        since: started(&process),
    })
}

fn user_name(uid: u32) -> Option<String> {
    let users = read_to_string("/etc/passwd").ok()?;
    let uid = uid.to_string();
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id == uid).then(|| name.to_owned())
    })
}

/// When a process began: ticks of a hundredth second since the machine started, the 22nd field of
/// `stat`, and when that was: <https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html>.
fn started(process: &Path) -> Option<DateTime<Utc>> {
    let stat = read_to_string(process.join("stat")).ok()?;
    // The name before may have blanks in it.
    let (_, rest) = stat.rsplit_once(')')?;
    let ticks: i64 = rest.split_whitespace().nth(19)?.parse().ok()?;
    let all = read_to_string("/proc/stat").ok()?;
    let boot = all.lines().find_map(|line| line.strip_prefix("btime "))?;
    DateTime::from_timestamp(boot.trim().parse::<i64>().ok()? + ticks / 100, 0)
}
