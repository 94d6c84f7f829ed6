//! Applications of the built-in family Kfz-Zulassung: schema-valid, about 3 KB, no two alike. The
//! message's id and the case's key are places of a template.

use super::{
    chance::Chance,
    template::Template,
    words::{BIRTH_PLACES, COUNTIES, County, FAMILY, FUELS, GIVEN, MAKES, ORGANISATIONS},
};

const CAPITALS: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ";
const VEHICLE: &[u8] = b"ABCDEFGHJKLMNPRSTUVWXYZ0123456789";
const DIGITS: &[u8] = b"0123456789";

/// One kind of application: its name, its number, and what is special in it.
#[derive(Clone, Copy)]
enum Kind {
    Registration,
    Transfer,
    ChangeOfAddress,
    Decommissioning,
}

const KINDS: [Kind; 4] =
    [Kind::Registration, Kind::Transfer, Kind::ChangeOfAddress, Kind::Decommissioning];

impl Kind {
    fn root(self) -> &'static str {
        match self {
            Self::Registration => "kfz.neuzulassung.0101",
            Self::Transfer => "kfz.umschreibung.0102",
            Self::ChangeOfAddress => "kfz.adressaenderung.0103",
            Self::Decommissioning => "kfz.ausserbetriebsetzung.0104",
        }
    }

    fn code(self) -> &'static str {
        match self {
            Self::Registration => "0101",
            Self::Transfer => "0102",
            Self::ChangeOfAddress => "0103",
            Self::Decommissioning => "0104",
        }
    }
}

/// The application that `seed` gives, to `authority` (`prefix:key`); a test message if `is_test`.
pub(super) fn application(seed: u64, authority: &str, is_test: bool) -> Template {
    let mut chance = Chance::new(seed);
    let key = authority.split_once(':').map_or(authority, |(_, key)| key);
    let county = COUNTIES.iter().find(|county| key.starts_with(county.key));
    let county = county.or(COUNTIES.first()).expect("there is a county");
    let kind = *chance.one(&KINDS);
    let root = kind.root();
    let test = if is_test { " test=\"Lastmessung\"" } else { "" };
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <kfz:{root} xmlns:kfz=\"urn:de:amtsbote:kfz:1.0\" produkt=\"Amtsbote Lastmessung\" \
         produkthersteller=\"Amtsbote\" standard=\"Amtsbote-Kfz\" version=\"1.0\"{test}>\n"
    );
    text.push_str(&head(&mut chance, kind, county, authority));
    text.push_str("  <kfz:identifikationVorgang>\n");
    text.push_str("    <kfz:vorgangsID>LAST-@@KEY@@</kfz:vorgangsID>\n");
    text.push_str("  </kfz:identifikationVorgang>\n");
    let holder = party(&mut chance, &mut text, county);
    if matches!(kind, Kind::ChangeOfAddress) {
        address(&mut chance, &mut text, "  ", "anschriftBisher", county);
    }
    vehicle(&mut chance, &mut text);
    plate(&mut chance, &mut text, "kennzeichen", county);
    match kind {
        Kind::Registration => insurance(&mut chance, &mut text),
        Kind::Transfer => {
            plate(&mut chance, &mut text, "kennzeichenBisher", county);
            insurance(&mut chance, &mut text);
        }
        Kind::ChangeOfAddress => {}
        Kind::Decommissioning => {
            let is_scrapped = chance.happens(30);
            text.push_str(&format!(
                "  <kfz:verwertungsnachweis>{is_scrapped}</kfz:verwertungsnachweis>\n"
            ));
        }
    }
    let day = 1 + chance.below(28);
    text.push_str(&format!("  <kfz:wirksamAb>2026-11-{day:02}</kfz:wirksamAb>\n"));
    payment(&mut chance, &mut text, &holder);
    text.push_str(&format!("</kfz:{root}>\n"));
    // As programs write it: nobody indents for them.
    let lines: Vec<_> = text.lines().map(str::trim_start).collect();
    Template::new(lines.join("\n").as_bytes()).expect("it names only places that are filled")
}

fn head(chance: &mut Chance, kind: Kind, county: &County, authority: &str) -> String {
    let (hour, minute, second) = (chance.below(24), chance.below(60), chance.below(60));
    let millis = chance.below(1_000);
    let (code, name) = (kind.code(), county.authority);
    format!(
        "  <nachrichtenkopf.g2g>
    <identifikation.nachricht>
      <nachrichtenUUID>@@ID@@</nachrichtenUUID>
      <nachrichtentyp listURI=\"urn:de:amtsbote:codeliste:kfz-nachrichtentyp\" listVersionID=\"1\">
        <code>{code}</code>
      </nachrichtentyp>
      <erstellungszeitpunkt>2026-11-02T{hour:02}:{minute:02}:{second:02}.{millis:03}+01:00</erstellungszeitpunkt>
    </identifikation.nachricht>
    <leser>
      <kennung>{authority}</kennung>
      <name>{name}</name>
    </leser>
    <autor>
      <kennung>lap:14000001</kennung>
      <name>Landesportal (Lastmessung)</name>
    </autor>
  </nachrichtenkopf.g2g>
"
    )
}

/// Writes the applicant; gives the name that stands on the account.
fn party(chance: &mut Chance, text: &mut String, county: &County) -> String {
    text.push_str("  <kfz:antragsteller>\n");
    let name = match chance.happens(10) {
        true => organisation(chance, text),
        false => person(chance, text),
    };
    address(chance, text, "    ", "anschrift", county);
    let (number, mailbox) = (chance.word(DIGITS, 7), chance.word(DIGITS, 5));
    text.push_str(&format!(
        "    <kfz:kontakt>
      <kfz:mail>antrag.{mailbox}@example.org</kfz:mail>
      <kfz:telefon>+49 3421 {number}</kfz:telefon>
    </kfz:kontakt>
  </kfz:antragsteller>
"
    ));
    name
}

fn organisation(chance: &mut Chance, text: &mut String) -> String {
    let name = chance.one(ORGANISATIONS).replace('&', "&amp;");
    let (number, head) = (chance.word(DIGITS, 5), *chance.one(FAMILY));
    text.push_str(&format!(
        "    <kfz:organisation>
      <kfz:name>{name}</kfz:name>
      <kfz:registereintrag>HRB {number}, Amtsgericht Leipzig</kfz:registereintrag>
      <kfz:vertretung>{head}, Geschäftsführung</kfz:vertretung>
    </kfz:organisation>
"
    ));
    name
}

fn person(chance: &mut Chance, text: &mut String) -> String {
    let (family, given) = (*chance.one(FAMILY), *chance.one(GIVEN));
    let (birth_name, place) = (*chance.one(FAMILY), *chance.one(BIRTH_PLACES));
    let (year, month, day) = (1940 + chance.below(66), 1 + chance.below(12), 1 + chance.below(28));
    let sex = *chance.one(&["m", "w", "d", "x"]);
    text.push_str(&format!(
        "    <kfz:natuerlichePerson>
      <kfz:familienname>{family}</kfz:familienname>
      <kfz:geburtsname>{birth_name}</kfz:geburtsname>
      <kfz:vorname>{given}</kfz:vorname>
      <kfz:geburtsdatum>{year}-{month:02}-{day:02}</kfz:geburtsdatum>
      <kfz:geburtsort>{place}</kfz:geburtsort>
      <kfz:geschlecht listURI=\"urn:de:amtsbote:codeliste:geschlecht\" listVersionID=\"1\">
        <code>{sex}</code>
      </kfz:geschlecht>
      <kfz:staatsangehoerigkeit listURI=\"urn:de:bund:destatis:bevoelkerungsstatistik:schluessel:staat\" listVersionID=\"2024-08-01\">
        <code>000</code>
      </kfz:staatsangehoerigkeit>
    </kfz:natuerlichePerson>
"
    ));
    format!("{given} {family}")
}

fn address(chance: &mut Chance, text: &mut String, indent: &str, element: &str, county: &County) {
    let (street, postal_code, city, key) = *chance.one(county.addresses);
    let (number, letter) = (1 + chance.below(180), *chance.one(&["", " a", " b", "-3"]));
    text.push_str(&format!(
        "{indent}<kfz:{element}>
{indent}  <kfz:strasse>{street}</kfz:strasse>
{indent}  <kfz:hausnummer>{number}{letter}</kfz:hausnummer>
{indent}  <kfz:postleitzahl>{postal_code}</kfz:postleitzahl>
{indent}  <kfz:ort>{city}</kfz:ort>
{indent}  <kfz:gemeindeschluessel>{key}</kfz:gemeindeschluessel>
{indent}</kfz:{element}>
"
    ));
}

fn vehicle(chance: &mut Chance, text: &mut String) {
    let (make, begin, manufacturer) = *chance.one(MAKES);
    let (fuel, fuel_name) = *chance.one(FUELS);
    let (number, kind) = (chance.word(VEHICLE, 14), chance.word(CAPITALS, 3));
    let (year, month, mileage) =
        (2027 + chance.below(3), 1 + chance.below(12), chance.below(300_000));
    let (first_year, check) = (2005 + chance.below(21), chance.below(10));
    let (code1, code2) = (chance.word(VEHICLE, 7), chance.word(VEHICLE, 12));
    text.push_str(&format!(
        "  <kfz:fahrzeug>
    <kfz:fahrzeugIdentifizierungsnummer>{begin}{number}</kfz:fahrzeugIdentifizierungsnummer>
    <kfz:pruefziffer>{check}</kfz:pruefziffer>
    <kfz:schluesselHersteller>{manufacturer}</kfz:schluesselHersteller>
    <kfz:schluesselTyp>{kind}</kfz:schluesselTyp>
    <kfz:marke>{make}</kfz:marke>
    <kfz:datumErstzulassung>{first_year}-{month:02}-14</kfz:datumErstzulassung>
    <kfz:datumNaechsteHauptuntersuchung>{year}-{month:02}</kfz:datumNaechsteHauptuntersuchung>
    <kfz:kraftstoff listURI=\"urn:de:amtsbote:codeliste:kraftstoff\" listVersionID=\"1\">
      <code>{fuel}</code>
      <name>{fuel_name}</name>
    </kfz:kraftstoff>
    <kfz:kilometerstand>{mileage}</kfz:kilometerstand>
    <kfz:sicherheitscodeZB1>{code1}</kfz:sicherheitscodeZB1>
    <kfz:sicherheitscodeZB2>{code2}</kfz:sicherheitscodeZB2>
  </kfz:fahrzeug>
"
    ));
}

fn plate(chance: &mut Chance, text: &mut String, element: &str, county: &County) {
    let (letters, number) = (chance.word(CAPITALS, 2), 1 + chance.below(9_998));
    let (district, code) = (county.plate, chance.word(VEHICLE, 3));
    text.push_str(&format!(
        "  <kfz:{element}>
    <kfz:unterscheidungszeichen>{district}</kfz:unterscheidungszeichen>
    <kfz:erkennungszeichen>{letters}</kfz:erkennungszeichen>
    <kfz:erkennungsnummer>{number}</kfz:erkennungsnummer>
    <kfz:sicherheitscode>{code}</kfz:sicherheitscode>
  </kfz:{element}>
"
    ));
}

fn insurance(chance: &mut Chance, text: &mut String) {
    let number = chance.word(VEHICLE, 7);
    text.push_str(&format!(
        "  <kfz:versicherungsbestaetigungsnummer>{number}</kfz:versicherungsbestaetigungsnummer>\n"
    ));
}

fn payment(chance: &mut Chance, text: &mut String, holder: &str) {
    let (account, cents) = (chance.word(DIGITS, 20), 1_500 + chance.below(9_000));
    let (euros, cents) = (cents / 100, cents % 100);
    text.push_str(&format!(
        "  <kfz:zahlung>
    <kfz:sepaMandat>
      <kfz:kontoinhaber>{holder}</kfz:kontoinhaber>
      <kfz:iban>DE{account}</kfz:iban>
      <kfz:bic>BYLADEM1001</kfz:bic>
      <kfz:erteiltAm>2026-11-02</kfz:erteiltAm>
    </kfz:sepaMandat>
    <kfz:betrag>{euros}.{cents:02}</kfz:betrag>
  </kfz:zahlung>
"
    ));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use bytes::Bytes;
    use messaging::Timestamp;
    use standards::{Document, Options, Standards};
    use uuid::Uuid;

    use super::*;
    use crate::bench::names::Names;

    const SEEDS: u64 = 1_000;

    #[test]
    fn whatever_the_seed_the_application_is_accepted_without_a_warning() {
        let standards = Standards::load(Options { workers: 1, ..Options::default() }).unwrap();
        let names = Names::new(Uuid::new_v4());
        let authorities = ["svb:14730000", "svb:14626000", "svb:15085000", "svb:12071000"];
        let (mut bytes, mut different, mut kinds) = (0, BTreeSet::new(), BTreeSet::new());
        for seed in 0..SEEDS {
            let authority = authorities[usize::try_from(seed % 4).unwrap()];
            let is_test = seed % 10 == 0;
            let case = u32::try_from(seed % 7).unwrap();
            let template = application(seed, authority, is_test);
            let id = names.id(u32::try_from(seed).unwrap());
            let document = Bytes::from(template.fill(&id, &names.key(case)));
            let text = String::from_utf8(document.to_vec()).unwrap();
            let verdict = standards.check_blocking(Document {
                bytes: document,
                media_type: None,
                now: Timestamp(0),
            });
            assert!(verdict.is_acceptable(), "seed {seed}: {:?}\n{text}", verdict.violations);
            assert!(verdict.violations.is_empty(), "seed {seed}: {:?}", verdict.violations);
            assert_eq!(verdict.header.is_test, is_test, "seed {seed}");
            let own_id = verdict.header.own_id.clone().unwrap();
            assert_eq!(own_id.as_bytes(), id, "seed {seed}");
            assert!(!text.is_ascii(), "seed {seed}: umlauts");
            kinds.insert(verdict.recognised.unwrap().procedure.message_type);
            bytes += text.len();
            different.insert(text.replace(&own_id, ""));
        }
        let mean = bytes / usize::try_from(SEEDS).unwrap();
        assert!((2_800..3_500).contains(&mean), "{mean} bytes on average");
        assert_eq!(different.len(), usize::try_from(SEEDS).unwrap());
        assert_eq!(kinds.len(), KINDS.len(), "{kinds:?}");
    }

    #[test]
    fn a_seed_gives_the_same_again() {
        let make = |seed| application(seed, "svb:14730000", false).fill(&[b'0'; 36], &[b'0'; 8]);
        assert_eq!(make(7), make(7));
        assert_ne!(make(7), make(8));
    }
}
