//! Where tenants are, and how some of them write. What a data set has never changes.

/// Time zones, with the hours by which their standard time is ahead of UTC, and the currency there.
/// Those in which more tenants live are there more often.
pub(crate) const ZONES: [(&str, i64, &str); 16] = [
    ("America/New_York", -5, "USD"),
    ("America/New_York", -5, "USD"),
    ("America/Chicago", -6, "USD"),
    ("America/Los_Angeles", -8, "USD"),
    ("America/Los_Angeles", -8, "USD"),
    ("America/Denver", -7, "USD"),
    ("Europe/London", 0, "GBP"),
    ("Europe/London", 0, "GBP"),
    ("Europe/Berlin", 1, "EUR"),
    ("Europe/Berlin", 1, "EUR"),
    ("Europe/Paris", 1, "EUR"),
    ("Europe/Madrid", 1, "EUR"),
    ("America/Toronto", -5, "CAD"),
    ("Australia/Sydney", 10, "AUD"),
    ("Asia/Tokyo", 9, "JPY"),
    ("Asia/Singapore", 8, "SGD"),
];

/// Hebrew and Arabic, which run from right to left; letters and a face beyond the basic plane; a letter
/// with a combining mark; and what an SQL or HTML without care falls over.
pub(crate) const SCRIPTS: &str = "\u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{645}\u{631}\u{62d}\u{628}\u{627} \u{1d54f}\u{1f642} e\u{301} '\"\\<b>%_";
