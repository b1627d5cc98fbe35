//! The words that names and texts are made of. They name nobody and no company that we know of.

pub(super) const GIVEN: [&str; 16] = [
    "Mira", "Tomas", "Aisha", "Jonas", "Lucia", "Kenji", "Nadia", "Oskar", "Priya", "Rafael",
    "Sofia", "Tariq", "Una", "Viktor", "Wanda", "Yusuf",
];

pub(super) const FAMILY: [&str; 17] = [
    "Holt",
    "Brenner",
    "Castell",
    "Dahl",
    "Eriksen",
    "Fontaine",
    "Grewal",
    "Hadley",
    "Ishii",
    "Jansen",
    "Kowal",
    "Lindqvist",
    "Moreau",
    "Novak",
    "Okafor",
    "Petrov",
    "Quill",
];

pub(super) const COMPANY_FIRST: [&str; 11] = [
    "Harbor", "Copper", "Maple", "Summit", "Willow", "Granite", "Ember", "Orchard", "Silver",
    "Meadow", "Juniper",
];

pub(super) const COMPANY_SECOND: [&str; 7] =
    ["Robotics", "Logistics", "Analytics", "Foods", "Health", "Textiles", "Energy"];

pub(super) const TOPICS: [&str; 8] = [
    "Spring introduction",
    "Webinar follow-up",
    "Trade fair contacts",
    "Product update",
    "Win-back",
    "Referral thank-you",
    "Year-end review",
    "Pilot offer",
];

pub(super) const SUBJECTS: [&str; 6] = [
    "A quick question about {{company}}",
    "{{first_name}}, is this still on your list?",
    "An idea for your next quarter",
    "How teams like yours save an hour a day",
    "Following up on my last note",
    "Should I close your file?",
];

pub(super) const REPLIES: [&str; 5] = [
    "Thanks for reaching out. Could you send a short summary that I can pass on?",
    "We are happy with what we have, but do ask again in autumn.",
    "This sounds useful. Tuesday at ten would work for a call.",
    "I am out of the office until Monday and will answer then.",
    "Please take me off your list.",
];

/// Given and family name of person `n`. The list lengths have no common divisor, so 272 people
/// pass before a pair comes again.
pub(super) fn person(n: u32) -> (&'static str, &'static str) {
    (super::pick(&GIVEN, n), super::pick(&FAMILY, n))
}

/// The name of company `n`; 77 pass before one comes again.
pub(super) fn company(n: u32) -> String {
    format!("{} {}", super::pick(&COMPANY_FIRST, n), super::pick(&COMPANY_SECOND, n))
}

/// `Harbor Robotics` as `harbor-robotics`
pub(super) fn slug(name: &str) -> String {
    name.to_lowercase().replace(' ', "-")
}

/// `mira.holt@…`, at a domain that RFC 2606 or RFC 6761 reserves.
pub(super) fn address((given, family): (&str, &str), domain: &str) -> String {
    format!("{}.{}@{domain}", given.to_lowercase(), family.to_lowercase())
}
