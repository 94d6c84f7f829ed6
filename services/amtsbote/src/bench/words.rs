//! What applicants are called and where they live: all invented, with letters and sequences of
//! DIN 91379 that real registers hold.

/// A county that takes applications.
#[derive(Debug)]
pub(super) struct County {
    /// How its official keys begin.
    pub(super) key: &'static str,
    /// Its registration authority.
    pub(super) authority: &'static str,
    /// On its plates.
    pub(super) plate: &'static str,
    /// Streets, postal codes, places and their official keys.
    pub(super) addresses: &'static [(&'static str, &'static str, &'static str, &'static str)],
}

/// Known ones; applications to others live in the first.
pub(super) const COUNTIES: &[County] = &[
    County {
        key: "14730",
        authority: "Landratsamt Nordsachsen, Straßenverkehrsamt",
        plate: "TDO",
        addresses: &[
            ("Straße der Jugend", "04860", "Torgau", "14730310"),
            ("Döbelner Straße", "04758", "Oschatz", "14730230"),
            ("Große Mühlgasse", "04509", "Delitzsch", "14730070"),
        ],
    },
    County {
        key: "14626",
        authority: "Landratsamt Görlitz/Krajnoradny zarjad Zhorjelc, Straßenverkehrsamt",
        plate: "GR",
        addresses: &[
            ("Brüderstraße", "02826", "Görlitz/Zhorjelc", "14626110"),
            ("Obere Königstraße", "02763", "Zittau", "14626610"),
            ("Muskauer Straße/Mužakowska dróha", "02943", "Weißwasser/O.L.", "14626600"),
        ],
    },
    County {
        key: "15085",
        authority: "Landkreis Harz, Straßenverkehrsamt",
        plate: "HZ",
        addresses: &[
            ("Lüttgenröder Weg", "38820", "Halberstadt", "15085135"),
            ("Breite Straße", "38855", "Wernigerode", "15085370"),
            ("Stieg", "06484", "Quedlinburg", "15085235"),
        ],
    },
    County {
        key: "12071",
        authority: "Landkreis Spree-Neiße/Wokrejs Sprjewja-Nysa, Straßenverkehrsamt",
        plate: "SPN",
        addresses: &[
            (
                "Cottbuser Straße/Chóśebuska droga",
                "03149",
                "Forst (Lausitz)/Baršć (Łužyca)",
                "12071076",
            ),
            ("Gubener Straße/Gubinska droga", "03185", "Peitz/Picnjo", "12071304"),
            ("Mühlenweg/Młyńska droga", "03130", "Spremberg/Grodk", "12071372"),
        ],
    },
];

/// Family names.
pub(super) const FAMILY: &[&str] = &[
    "Müller-Großmann",
    "Weißgerber",
    "Häußler",
    "Strößner-Öhme",
    "Kśěžarjowa-Nowakojc",
    "Šćěpán",
    "Łužičan",
    "Nguyễn",
    "Trần Thị",
    "Çelik-Yıldız",
    "Ğülşen",
    "Þórsdóttir",
    "Øvergård",
    "Ștefănescu",
    "Žukauskaitė",
    "Bērziņš",
    "Őrsi",
    "Ďurišová",
    "O’Connor",
    "D'Ávila",
    "El-Ḥusaynī",
    "Schmidt",
    // Letters that exist as sequences only.
    "K\u{304}ırımlı",
    "S\u{331}alām",
    "M\u{302}bele",
    "C\u{306}ernyšëva",
];

/// Given names.
pub(super) const GIVEN: &[&str] = &[
    "Jörg Sören",
    "Käthe",
    "Měrćin",
    "Źiwa",
    "Zoë Änne",
    "Þóra",
    "Ngọc Ánh",
    "Şükrü",
    "André-François",
    "Łucja",
    "Ēriks",
    "Małgorzata",
    "Hans-Jürgen",
    "Ṣāliḥ",
    "J\u{30c}ovanna",
];

/// Where people are born.
pub(super) const BIRTH_PLACES: &[&str] = &[
    "Döbeln",
    "Błobošojce",
    "Đà Nẵng",
    "İzmir",
    "Reykjavík",
    "Kraków",
    "Iași",
    "Århus",
    "Bad Düben",
    "Saint-Étienne",
];

/// Organisations.
pub(super) const ORGANISATIONS: &[&str] = &[
    "Müller & Söhne Spedition GmbH",
    "Bäckerei Großmann e. K.",
    "Pflegedienst Łužyca gGmbH",
    "Tischlerei Kśěžar GbR",
    "Autohaus Ğülşen GmbH & Co. KG",
];

/// Makes of vehicles with the beginning of their numbers and the manufacturer's key.
pub(super) const MAKES: &[(&str, &str, &str)] = &[
    ("Volkswagen", "WVW", "0603"),
    ("Škoda", "TMB", "8004"),
    ("Renault", "VF1", "3333"),
    ("Citroën", "VF7", "3001"),
    ("Mercedes-Benz", "WDD", "1313"),
    ("Tesla", "LRW", "1480"),
];

/// Codes and names of fuels.
pub(super) const FUELS: &[(&str, &str)] =
    &[("0001", "Benzin"), ("0002", "Diesel"), ("0004", "Elektro"), ("0005", "Flüssiggas")];
