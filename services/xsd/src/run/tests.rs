//! Documents, one construct each: what is proven, and why the rest is not.

use std::sync::Arc;

use crate::{Acceptor, CompileLimits, Limits, Node, Reason, Scalar, Tables, Verdict, compile_file};

fn tables() -> Arc<Tables> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/proof/schemas/everything.xsd");
    Arc::new(compile_file(path, CompileLimits::default()).unwrap())
}

fn document(content: &str) -> String {
    format!(
        "<r xmlns='urn:everything' xmlns:e='urn:everything' xmlns:o='urn:other' \
         xmlns:i='http://www.w3.org/2001/XMLSchema-instance'>{content}</r>"
    )
}

/// Content of `r`, and why it is not proven.
const ROWS: &[(&str, Option<Reason>)] = &[
    ("", None),
    (" <!-- c --><?p i?>\n", None),
    ("<empty/><empty></empty><empty><!-- c --></empty>", None),
    ("x", Some(Reason::Text)),
    ("<empty> </empty>", Some(Reason::Text)),
    ("<nobody/>", Some(Reason::Element)),
    ("<empty></empt>", Some(Reason::EndTag)),
    ("<empty></empty", Some(Reason::EndTag)),
    ("<empty a='1'/>", Some(Reason::Attribute)),
    ("<empty a/>", Some(Reason::Syntax)),
    ("<empty a=1/>", Some(Reason::Syntax)),
    ("<empty a='<'/>", Some(Reason::Syntax)),
    ("<e:empty/>", None),
    ("<q:empty/>", Some(Reason::Namespace)),
    ("<empty xmlns:q=''/>", Some(Reason::Namespace)),
    ("<empty xmlns:xml='urn:x'/>", Some(Reason::Namespace)),
    ("<empty xmlns:q='urn:x' xmlns:q='urn:y'/>", Some(Reason::AttributeTwice)),
    ("<nested><nested xmlns='urn:other'/></nested>", None),
    ("<nested><nested xmlns='urn:nobody'/></nested>", Some(Reason::Element)),
    ("<nested xmlns=''/>", None),
    ("<values><int>1</int><int> 2 </int></values>", None),
    ("<values><int>x</int></values>", Some(Reason::Value)),
    ("<values><int>2147483648</int></values>", Some(Reason::Value)),
    ("<values><int>1<!-- c -->2</int><int><![CDATA[3]]></int><int>&#x34;</int></values>", None),
    ("<values><int>1<int/></int></values>", Some(Reason::Element)),
    ("<values><string>]]></string></values>", Some(Reason::Syntax)),
    ("<values><string>&foo;</string></values>", Some(Reason::Entity)),
    ("<values><string>\u{1}</string></values>", Some(Reason::Characters)),
    ("<values><string>\u{fffe}</string></values>", Some(Reason::Characters)),
    ("<values><date>12024-01-01</date></values>", Some(Reason::ValueUnsure)),
    ("<values><qname>o:x</qname></values>", None),
    ("<values><qname>q:x</qname></values>", Some(Reason::ValueUnsure)),
    ("<values/>", Some(Reason::Incomplete)),
    ("<all><z>1</z><y>1</y><x>1</x></all>", None),
    ("<all><z>1</z><z>1</z></all>", Some(Reason::Element)),
    ("<mixed>a<b>b</b>c<i/>&lt;</mixed>", None),
    ("<mixed>&q;</mixed>", Some(Reason::Entity)),
    ("<skip a='1' o:number='x'><x y='2'><z/></x></skip>", None),
    ("<skip><x y='&q;'/></skip>", Some(Reason::Entity)),
    ("<skip><q:x/></skip>", Some(Reason::Namespace)),
    ("<skip a='1' a='2'/>", Some(Reason::AttributeTwice)),
    ("<skip xmlns:p='urn:x' xmlns:q='urn:x' p:a='1' q:a='2'/>", Some(Reason::AttributeTwice)),
    ("<skip xmlns:p='urn:x' xmlns:q='urn:y' p:a='1' q:a='2'/>", None),
    ("<lax o:number='x'/>", Some(Reason::AttributeValue)),
    ("<lax><o:number>x</o:number></lax>", Some(Reason::Value)),
    ("<lax><o:unclear/></lax>", Some(Reason::Abstract)),
    ("<lax><x:y xmlns:x='urn:x'><o:number>x</o:number></x:y></lax>", Some(Reason::Value)),
    ("<lax><x:y xmlns:x='urn:x' i:type='Person'/></lax>", Some(Reason::TypeOverride)),
    ("<lax><empty/></lax>", Some(Reason::Element)),
    ("<strict><o:number>1</o:number></strict>", None),
    ("<strict><o:nobody/></strict>", Some(Reason::Element)),
    ("<strict o:nobody='1'><o:number>1</o:number></strict>", Some(Reason::Attribute)),
    ("<anything a='1'>text<b/><o:number>1</o:number></anything>", None),
    ("<anything><o:number>x</o:number></anything>", Some(Reason::Value)),
    ("<subject><name/></subject>", Some(Reason::Abstract)),
    ("<subject i:type=' Person '><name/></subject>", None),
    ("<subject i:type='o:Person'><name/></subject>", Some(Reason::TypeOverride)),
    ("<sealed i:type='Official'><name/><rank>1</rank></sealed>", Some(Reason::TypeOverride)),
    ("<step at='2024-05-28T09:00:00'/>", Some(Reason::Element)),
    ("<nil i:nil='true'/>", None),
    ("<nil i:nil='true'>1</nil>", Some(Reason::Text)),
    ("<nil i:nil='maybe'/>", Some(Reason::Nil)),
    ("<empty i:nil='true'/>", Some(Reason::Nil)),
    ("<empty i:other='true'/>", Some(Reason::Attribute)),
    ("<empty i:schemaLocation='urn:x x.xsd'/>", Some(Reason::SchemaLocation)),
    ("<presets><default/><fixed/></presets>", None),
    ("<presets fixed='a  b'/>", None),
    ("<presets fixed='ab'/>", Some(Reason::Fixed)),
    ("<presets default='x'/>", Some(Reason::AttributeValue)),
    ("<shortStep/>", Some(Reason::AttributeMissing)),
    ("<ids><to>a</to><thingId>a</thingId></ids>", None),
    ("<ids><to>a</to></ids>", Some(Reason::ReferenceDangling)),
    ("<ids><thingId>a</thingId><thing id='a'/></ids>", Some(Reason::IdTwice)),
    ("<index><part/></index>", Some(Reason::Key)),
    ("<index><part number='1'/><use/></index>", None),
    ("<index><part number='1'/><use of='2'/></index>", Some(Reason::KeyReference)),
    ("<index><label>a</label><part number='1'><label>a</label></part></index>", Some(Reason::Key)),
    ("<index><label>a</label></index><index><label>a</label></index>", None),
    ("<größe>1.8</größe>", None),
    ("<gr\u{f6}\u{df}e>1.8</gr\u{f6}\u{df}e >", None),
];

#[test]
fn each_construct_is_proven_or_not_for_its_reason() {
    let tables = tables();
    let mut fast = Acceptor::new(Arc::clone(&tables), Limits::default());
    let mut scalar: Acceptor<Scalar> = Acceptor::with_lanes(tables, Limits::default());
    let mut wrong = String::new();
    for (content, expected) in ROWS {
        let document = document(content);
        let expected = expected.map_or(Verdict::Valid, Verdict::DontKnow);
        let found = [fast.judge(document.as_bytes()), scalar.judge(document.as_bytes())];
        if found != [expected; 2] {
            wrong.push_str(&format!("{content}: {found:?}, not {expected:?}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn around_the_root_there_is_little() {
    let mut acceptor = Acceptor::new(tables(), Limits::default());
    let root = "<nil xmlns='urn:everything'>1</nil>";
    let declared = "<?xml version=\"1.0\"";
    let rows = [
        ("<o:number xmlns:o='urn:other'>1</o:number>".to_owned(), None),
        (root.to_owned(), Some(Reason::Element)),
        (format!("{root}{root}"), Some(Reason::Element)),
        (String::new(), Some(Reason::End)),
        ("  ".to_owned(), Some(Reason::End)),
    ];
    for (document, expected) in rows {
        let expected = expected.map_or(Verdict::Valid, Verdict::DontKnow);
        assert_eq!(acceptor.judge(document.as_bytes()), expected, "{document}");
    }
    let number = "<o:number xmlns:o='urn:other'>1</o:number>";
    let rows = [
        (
            format!(
                "\u{feff}{declared} encoding='utf-8' standalone='yes' ?>\n{number}\n<!-- c -->"
            ),
            None,
        ),
        (format!("{declared} encoding='ISO-8859-1'?>{number}"), Some(Reason::Encoding)),
        (format!("<?xml version='1.1'?>{number}"), Some(Reason::Encoding)),
        (format!("<?xml encoding='UTF-8'?>{number}"), Some(Reason::Encoding)),
        (format!("{declared} standalone='maybe'?>{number}"), Some(Reason::Syntax)),
        (format!("<!DOCTYPE a>{number}"), Some(Reason::Doctype)),
        (format!("{number}x"), Some(Reason::Text)),
        (format!("{number}{number}"), Some(Reason::Element)),
        (format!("{number}<![CDATA[]]>"), Some(Reason::Text)),
        (format!(" {declared}?>{number}"), Some(Reason::Syntax)),
    ];
    for (document, expected) in rows {
        let expected = expected.map_or(Verdict::Valid, Verdict::DontKnow);
        assert_eq!(acceptor.judge(document.as_bytes()), expected, "{document}");
    }
}

#[test]
fn what_a_document_holds_is_given_away_of_proven_ones_only() {
    let mut acceptor = Acceptor::new(tables(), Limits::default());
    let content = "<presets fixed='a\tb'><default/><fixed> so be it</fixed></presets>\
        <values><string>a&amp;b</string><string>c<!-- - -->d<![CDATA[&]]></string></values>";
    let text = document(content).replace("<r ", "<r version='1.0' ");
    // Twice, as names are guessed the second time.
    for _ in 0..2 {
        let record = acceptor.judge_and_record(&text).unwrap();
        let nodes = (0..record.len()).map(Node::of);
        let found: Vec<_> =
            nodes.map(|node| (record.qualified_name(node), record.text_of(node))).collect();
        let expected = [
            ("r", ""),
            ("presets", ""),
            ("default", ""),
            ("fixed", " so be it"),
            ("values", ""),
            ("string", "a&b"),
            ("string", "cd&"),
        ];
        assert_eq!(found, expected);
        let attributes: Vec<_> = record.attributes_of(Node::of(1)).collect();
        assert_eq!(attributes, [("fixed", "fixed", "a b")]);
        assert_eq!(record.offset(Node::of(1)), text.find("<presets").unwrap());
        assert_eq!(record.namespace(Node::of(6)), "urn:everything");
    }
    let wrong = text.replace("</r>", "<nobody/></r>");
    assert_eq!(acceptor.judge_and_record(&wrong).map(|_| ()), Err(Reason::Element));
}

#[test]
fn names_are_kept_for_the_next_document_and_no_record_changes_by_it() {
    let (mut acceptor, kept) =
        (Acceptor::new(tables(), Limits::default()), |acceptor: &Acceptor| {
            format!("{:?}", acceptor.memory.names)
        });
    let invented = |from: usize, to: usize| {
        let names: String =
            (from..to).map(|number| format!("<n{number} xmlns='urn:x'/>")).collect();
        document(&format!("<lax>{names}</lax>"))
    };
    let (few, others, many) = (invented(0, 10), invented(10, 20), invented(20, 6_000));
    let before = acceptor.judge_and_record(&few).unwrap();
    assert!(kept(&acceptor).contains("count: 12,"), "{}", kept(&acceptor));
    let after = acceptor.judge_and_record(&others).unwrap();
    assert!(kept(&acceptor).contains("count: 22,"), "{}", kept(&acceptor));
    for (record, first) in [(&before, 0), (&after, 10)] {
        let names: Vec<_> = (2..12).map(|node| record.local_name(Node::of(node))).collect();
        let expected: Vec<_> = (first..first + 10).map(|number| format!("n{number}")).collect();
        assert_eq!(names, expected);
    }
    // Senders can invent names without end: too many of them are not kept.
    let most = acceptor.judge_and_record(&many).unwrap();
    assert!(kept(&acceptor).contains("count: 0,"), "{}", kept(&acceptor));
    assert_eq!(most.local_name(Node::of(5_981)), "n5999");
    assert!(acceptor.judge_and_record(&few).is_ok());
    assert!(kept(&acceptor).contains("count: 12,"), "{}", kept(&acceptor));
}
