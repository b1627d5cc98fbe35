//! The words that names and texts of data set v1 are made of. They name nobody and no company that we
//! know of. Lists of a data set never change.

pub(crate) const AGENCY_FIRST: [&str; 40] = [
    "Brightwater",
    "Fernhill",
    "Kestrel",
    "Quarry",
    "Larkspur",
    "Northgate",
    "Tidemark",
    "Ashgrove",
    "Bluepeak",
    "Cinder",
    "Driftwood",
    "Eastlight",
    "Foxglove",
    "Goldcrest",
    "Hollow",
    "Ironbridge",
    "Juniper",
    "Kingsway",
    "Lantern",
    "Millpond",
    "Nightjar",
    "Oakline",
    "Palisade",
    "Quillon",
    "Redfern",
    "Saltmarsh",
    "Thornbury",
    "Umber",
    "Valewood",
    "Wayfarer",
    "Yarrow",
    "Zephyrine",
    "Copperline",
    "Harbourne",
    "Silverbirch",
    "Stonecrop",
    "Windrush",
    "Marlowe",
    "Pinehurst",
    "Rookwood",
];

pub(crate) const AGENCY_SECOND: [&str; 20] = [
    "Outreach",
    "Studio",
    "Media",
    "Growth",
    "Partners",
    "Works",
    "Collective",
    "Digital",
    "Consulting",
    "Labs",
    "Agency",
    "Group",
    "Revenue",
    "Pipeline",
    "Advisory",
    "Communications",
    "Sales",
    "Bureau",
    "& Daughters",
    "Associates",
];

pub(crate) const GIVEN: [&str; 64] = [
    "Mira", "Tomas", "Aisha", "Jonas", "Lucia", "Kenji", "Nadia", "Oskar", "Priya", "Rafael",
    "Sofia", "Tariq", "Una", "Viktor", "Wanda", "Yusuf", "Amara", "Bastian", "Carmen", "Dmitri",
    "Elena", "Farid", "Greta", "Hugo", "Ines", "Jamal", "Katya", "Leon", "Maya", "Nils", "Olive",
    "Pablo", "Quinn", "Rosa", "Samir", "Tessa", "Umar", "Vera", "Wim", "Xenia", "Yara", "Zoltan",
    "Anouk", "Bruno", "Clara", "Dario", "Esther", "Felix", "Gemma", "Hamid", "Iris", "Jakob",
    "Keiko", "Lars", "Marta", "Noor", "Owen", "Petra", "Ravi", "Selma", "Theo", "Ursula", "Vanya",
    "Zadie",
];

pub(crate) const FAMILY: [&str; 64] = [
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
    "Rossi",
    "Sandoval",
    "Takeda",
    "Ulrich",
    "Vance",
    "Whitlock",
    "Xu",
    "Yilmaz",
    "Zeller",
    "Abbott",
    "Bianchi",
    "Cardoso",
    "Delgado",
    "Esposito",
    "Farrell",
    "Galvin",
    "Hartmann",
    "Iversen",
    "Joshi",
    "Keller",
    "Laurent",
    "Mbeki",
    "Nyberg",
    "Osei",
    "Pereira",
    "Qureshi",
    "Rahman",
    "Schaefer",
    "Tanaka",
    "Urbina",
    "Varga",
    "Wolanski",
    "Yamada",
    "Zimmer",
    "Almeida",
    "Berger",
    "Chowdhury",
    "Duarte",
    "Emery",
    "Fischer",
    "Gallo",
    "Hossain",
    "Ivanova",
    "Jimenez",
    "Kaplan",
    "Lopes",
    "Maier",
];

pub(crate) const COMPANY_FIRST: [&str; 48] = [
    "Harbor",
    "Copper",
    "Maple",
    "Summit",
    "Willow",
    "Granite",
    "Ember",
    "Orchard",
    "Silver",
    "Meadow",
    "Juniper",
    "Cobalt",
    "Prairie",
    "Lakeside",
    "Aurora",
    "Beacon",
    "Cascade",
    "Delta",
    "Evergreen",
    "Falcon",
    "Glacier",
    "Horizon",
    "Indigo",
    "Keystone",
    "Lighthouse",
    "Monarch",
    "Nova",
    "Onyx",
    "Pioneer",
    "Quartz",
    "Ridgeline",
    "Sable",
    "Timber",
    "Union",
    "Vantage",
    "Westwind",
    "Amber",
    "Birch",
    "Canyon",
    "Dune",
    "Elm",
    "Foundry",
    "Grove",
    "Heron",
    "Ivory",
    "Jetty",
    "Kite",
    "Loom",
];

pub(crate) const COMPANY_SECOND: [&str; 24] = [
    "Robotics",
    "Logistics",
    "Analytics",
    "Foods",
    "Health",
    "Textiles",
    "Energy",
    "Software",
    "Systems",
    "Packaging",
    "Dental",
    "Insurance",
    "Freight",
    "Interiors",
    "Security",
    "Printing",
    "Optics",
    "Materials",
    "Learning",
    "Travel",
    "Finance",
    "Pharma",
    "Tools",
    "Networks",
];

pub(crate) const TOPICS: [&str; 16] = [
    "Spring introduction",
    "Webinar follow-up",
    "Trade fair contacts",
    "Product update",
    "Win-back",
    "Referral thank-you",
    "Year-end review",
    "Pilot offer",
    "New region",
    "Pricing change",
    "Case study",
    "Event invitation",
    "Renewal reminder",
    "Founders' list",
    "Partner programme",
    "Free audit",
];

pub(crate) const SUBJECTS: [&str; 16] = [
    "A quick question about {{company}}",
    "{{first_name}}, is this still on your list?",
    "An idea for your next quarter",
    "How teams like yours save an hour a day",
    "Following up on my last note",
    "Should I close your file?",
    "{{company}} and the new rules",
    "Two minutes on your onboarding",
    "Who looks after this at {{company}}?",
    "The report that you asked for",
    "A thought after your announcement",
    "Worth a look before Friday?",
    "{{first_name}}, a short introduction",
    "Fewer tools, the same result",
    "Your competitors are hiring for this",
    "Last try from my side",
];

pub(crate) const OPENINGS: [&str; 8] = [
    "I came across {{company}} while looking at how firms of your size plan their next quarter.",
    "Your team seems to be growing, which is usually when the manual part begins to hurt.",
    "We met briefly at the trade fair, and you asked me to write once the season is over.",
    "I will keep this short, since your inbox is surely as full as mine.",
    "Several of your neighbours have asked us the same question this month.",
    "Congratulations on the new location: I read about it this morning.",
    "Last time we spoke, the timing was not right, so I am trying once more.",
    "I am writing because {{company}} was recommended to us by a customer of yours.",
];

pub(crate) const MIDDLES: [&str; 8] = [
    "We take the follow-up off your hands: who has answered, who has not, and who should be called. \
     Most teams save about an hour a day.",
    "Our customers see their replies in one place, whichever mailbox they came to, and nobody is \
     written to twice.",
    "It takes an afternoon to set up, needs nobody from your IT, and can be undone on the same day.",
    "A short audit would show what is left lying around today; it costs nothing, and the list is yours.",
    "We have put together three examples from firms like yours, with figures, and what it took them.",
    "The new version does what you missed last year: it plans around holidays, time zones and \
     out-of-office notes.",
    "You would keep your own domains and your own words; we only make sure that they arrive.",
    "There is a pilot for ten firms a quarter, and two places are still free.",
];

pub(crate) const CLOSINGS: [&str; 8] = [
    "Would a short call next week be of use?",
    "Shall I send you the examples?",
    "If somebody else looks after this, I would be glad to know whom to ask.",
    "Is Tuesday or Thursday better for a quarter of an hour?",
    "If not, a single word is enough and I will not write again.",
    "May I reserve a place for you?",
    "What would have to be true for you to try it?",
    "I am happy to adapt to your calendar.",
];

pub(crate) const REPLIES: [&str; 16] = [
    "Thanks for reaching out. Could you send a short summary that I can pass on?",
    "We are happy with what we have, but do ask again in autumn.",
    "This sounds useful. Tuesday at ten would work for a call.",
    "Please take me off your list.",
    "I have forwarded this to the person who looks after it.",
    "What does it cost for a team of twelve?",
    "Not now: our budget is fixed until the new year.",
    "Do you have a customer in our field whom I could ask?",
    "Who gave you my address?",
    "Interesting timing, we were talking about this yesterday. Send me two dates.",
    "We have a contract until March. Write to me in February.",
    "No, thank you.",
    "Can it be connected to what we use already?",
    "I like the idea, my colleague does not. Could you explain it to her?",
    "Yes, please send the examples.",
    "We decided for another one last week, sorry.",
];

pub(crate) const AUTOMATIC: [&str; 4] = [
    "I am out of the office until Monday and will answer then.",
    "I am on parental leave. In urgent matters, please write to the team's address.",
    "Thank you for your message. We answer within two working days.",
    "I no longer work here. Please write to the office instead.",
];

pub(crate) const SUBDOMAINS: [&str; 8] =
    ["mail", "hello", "team", "try", "get", "meet", "go", "reach"];

pub(crate) const PROVIDERS: [&str; 8] =
    ["google", "google", "google", "google", "microsoft", "microsoft", "imap", "api"];

pub(crate) const SERVICES: [&str; 4] =
    ["smtp-relay", "transactional-api", "mailbox-sync", "warm-up"];

/// Given and family name number `n` of 4,096.
pub(crate) fn person(n: u32) -> (&'static str, &'static str) {
    (GIVEN[(n & 63) as usize], FAMILY[(n >> 6 & 63) as usize])
}

/// `mira.holt`; with a number behind it if that is not 0.
pub(crate) fn local_part((given, family): (&str, &str), number: u32) -> String {
    let mut local = String::with_capacity(24);
    push_plain(&mut local, given);
    local.push('.');
    push_plain(&mut local, family);
    if number > 0 {
        local.push_str(&number.to_string());
    }
    local
}

/// Appends a name in the letters of addresses.
pub(crate) fn push_plain(out: &mut String, name: &str) {
    out.extend(
        name.bytes().filter(u8::is_ascii_alphanumeric).map(|b| char::from(b.to_ascii_lowercase())),
    );
}
