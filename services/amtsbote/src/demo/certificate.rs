//! The certificate that a simulated residents' register answers with: one page of PDF, made by
//! hand, which every reader opens.

use std::fmt::Write as _;

/// Lines of the page, in PDF's own text encoding: umlauts are octal.
const LINES: [&str; 4] = [
    "Meldebescheinigung \\(Muster\\)",
    "Diese Bescheinigung stammt aus der Vorf\\374hrung von Amtsbote.",
    "Sie enth\\344lt keine Angaben zu einer Person und gilt nicht als Nachweis.",
    "Aktenzeichen:",
];

/// The certificate with this file number, which is of letters, digits and hyphens.
pub(super) fn pdf(file_number: &str) -> Vec<u8> {
    let mut page = String::from("BT /F1 18 Tf 72 760 Td 26 TL");
    for (number, line) in LINES.iter().enumerate() {
        if number == 1 {
            page.push_str(" /F1 11 Tf");
        }
        let last = if number + 1 == LINES.len() { file_number } else { "" };
        // Writing to a string cannot fail.
        _ = write!(page, " ({line} {last}) Tj T*");
    }
    page.push_str(" ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R \
         /Resources << /Font << /F1 4 0 R >> >> >>"
            .to_owned(),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{page}\nendstream", page.len()),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut places = String::from("0000000000 65535 f \n");
    for (number, object) in objects.iter().enumerate() {
        _ = writeln!(places, "{:010} 00000 n ", file.len());
        _ = write!(file, "{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let (count, start) = (objects.len() + 1, file.len());
    _ = write!(
        file,
        "xref\n0 {count}\n{places}trailer\n<< /Size {count} /Root 1 0 R >>\n\
         startxref\n{start}\n%%EOF\n"
    );
    file.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_is_where_the_table_says() {
        let file = String::from_utf8(pdf("MEL-1f0c2a9b")).unwrap();
        assert!(file.starts_with("%PDF-1.4\n") && file.ends_with("%%EOF\n"));
        assert!(file.contains("(Aktenzeichen: MEL-1f0c2a9b) Tj"), "{file}");
        let (_, table) = file.split_once("xref\n0 6\n").unwrap();
        for (number, line) in table.lines().skip(1).take(5).enumerate() {
            assert_eq!(line.len(), 19, "an entry of the table has 20 bytes with its line end");
            let at: usize = line.get(..10).unwrap().parse().unwrap();
            let object = file.get(at..).unwrap();
            assert!(object.starts_with(&format!("{} 0 obj\n", number + 1)), "{number}");
        }
        let (_, start) = file.rsplit_once("startxref\n").unwrap();
        let start: usize = start.lines().next().unwrap().parse().unwrap();
        assert!(file.get(start..).unwrap().starts_with("xref\n"));
    }
}
