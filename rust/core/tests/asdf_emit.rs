//! Text from trees: parts of other documents keep theirs, wherever they go, and read as what they were.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::format_push_string,
    reason = "a test may panic"
)]

use std::collections::HashMap;

use asdfits_core::Error;
use asdfits_core::asdf::{Document, Host, Kind, Link, NodeId, Style, Tape};

const HANDLES: [(&str, &str); 1] = [("!", "tag:stsci.edu:asdf/")];
const HEAD: &str = "%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n---";

/// A host that moves blocks by a table and makes nothing.
#[derive(Default)]
struct Files {
    blocks: HashMap<i64, i64>,
    made: HashMap<NodeId, &'static str>,
}

impl Host for Files {
    type Error = Error;

    fn link(&mut self, link: Link) -> Result<Link, Error> {
        Ok(match link {
            Link::Block(number) => Link::Block(self.blocks.get(&number).copied().unwrap_or(number)),
            Link::Name(name) if name == "fits:OLD,1" => Link::Name("fits:NEW, it's,1".to_owned()),
            name @ Link::Name(_) => name,
        })
    }

    fn is_made(&mut self, node: NodeId) -> Result<bool, Error> {
        Ok(self.made.contains_key(&node))
    }

    fn write_made(&mut self, document: &mut Document, node: NodeId) -> Result<(), Error> {
        document.string(self.made[&node]);
        Ok(())
    }
}

/// A node with all that is in it, as comparable text: aliases by where their target stands in it.
fn shape(tape: &Tape, text: &str, root: NodeId) -> String {
    fn walk(
        tape: &Tape,
        text: &str,
        node: NodeId,
        seen: &mut HashMap<NodeId, usize>,
        out: &mut String,
    ) {
        let node = tape.resolve(node);
        if let Some(known) = seen.get(&node) {
            out.push_str(&format!("*{known} "));
            return;
        }
        if tape.is_shared(node) {
            seen.insert(node, out.len());
        }
        let tag = tape.tag(node).filter(|&tag| tag != "!").unwrap_or_default();
        match tape.kind(node) {
            Kind::Scalar => {
                // A tag that the value has anyway may be left out.
                let tag = tape.kept_tag(node).unwrap_or_default();
                out.push_str(&format!("<{tag}>{:?} ", tape.scalar(node, text.as_bytes())));
            }
            kind => {
                out.push_str(&format!("<{tag}>{kind:?}( "));
                for child in tape.children(node) {
                    walk(tape, text, child, seen, out);
                }
                out.push_str(") ");
            }
        }
    }
    let mut out = String::new();
    walk(tape, text, root, &mut HashMap::new(), &mut out);
    out
}

fn parse(text: &str) -> Tape {
    Tape::parse(text.as_bytes(), 0).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Begins collections around a part: `v` a value, `i` an item, each after an item or value of its own, `k`
/// the value of a key that is a list.
fn surround(document: &mut Document, place: &str) {
    for step in place.chars() {
        if step == 'i' {
            document.sequence(0, None, Some(Style::Block)).unwrap();
            document.int(0);
        } else if step == 'k' {
            document.mapping(0, None, Some(Style::Block)).unwrap();
            document.sequence(0, None, Some(Style::Block)).unwrap();
            document.int(0);
            document.end();
        } else {
            document.mapping(0, None, Some(Style::Block)).unwrap();
            document.string("first");
            document.int(0);
            document.string("part");
        }
    }
}

/// The part in a document that [`surround`] began.
fn inside(tape: &Tape, place: &str) -> NodeId {
    place
        .chars()
        .fold(0, |node, _| tape.children(node).last().unwrap())
}

/// Where a part of the source may go.
const PLACES: [&str; 12] = [
    "", "v", "i", "k", "vv", "iv", "vi", "ii", "iki", "iii", "vvv", "vivi",
];

/// What other hands write: comments, odd indents, every style.
const SOURCES: [&str; 28] = [
    "\na:\n  b: 'x\n  --- y'\n",
    "\na:\n  - \"x\n  ...\"\n",
    "\na:\n  - \"x\n  %\"\n",
    "\na:\u{85}  b: 1\u{85}  c:\u{2028}  - 2\u{2029}  - d: 3\n",
    "\na:\n  b: |\n    x\n      \n    y\n",
    "\na:\n  ---b: ...c\n  d: e%\n",
    " {a: 1, b: [x, 'y', \"z\"], c: }\n",
    "\na: 1\nb:\n- x\n- - y\n  - {p: q}\n- z: 1\n  w: 2\n",
    "\na:\n    b:\n        - 1\n        -   c: 2\n            d: 3\n    e: 4\n",
    "\n# head\na: # of a\n  b: 1 # one\n# lower\n  c: 2\n\n  # own\n  d: [1, # in\n    2]\n",
    "\na: |\n  x\n   y\n\n  z\nb: |2\n    four\n  two\nc: >-\n  p\n  q\n\n  r\nd: |+\n  end\n\n\n",
    "\na:\n- |+\n  end\n\n- x\n",
    "\na: 'one\n\n  two\nthree'\nb: \"x\\\n  y\n --- z\"\nc: plain\n  more\n\n  and\n",
    "\na: 'x\n\n    --- y'\nb: \"p\n   ... q\"\nc: [x,\n   --- ]\n",
    "\na: [1, [2,\n3], {x: 1,\n    y: 2}]\nb: {p: [\n], q: {\n}}\n",
    "\n? a\n: b\n? [x, y]\n: - 1\n  - 2\n? |\n  key\n: value\n",
    "\na: &x [1, *x]\nb: &y\n  c: *x\n  d: *y\ne: &z 1\nf: *z\n",
    "\na: &x\n- 1\n- &y\n  p: 1\n  q: *x\n- &z\n  - *y\n  - 2\n- *z\n- &free\n  r: 1\n- &lone\n  - s\n",
    "\na: !core/x-1\n  b: !<tag:x:y-1>\n  - 1\n  - !unit m\nc: !core/z &p\n  d: 1\ne: &q !core/z\n- 1\nf: [*p, *q]\n",
    "\na: &b !t # why\n  # more\n  c: 1\nd: *b\n",
    "\n&k a: 1\n!t b: 2\n*k : 3\n? &m c\n: *m\n",
    "\na:\n  &k b: 1\n  c: *k\n",
    "\n- \n- a:\n  b: ~\n-\n  - x\n- - - - deep\n      - er\n",
    "\na: {x: 1}\nb:\n  - &i {y: 1}\n  - <<: *i\n    z: 2\nc: !!omap\n- !!omap\n  k: v\nd: !!set {p, q}\ne: !!binary |\n  YWJj\n",
    "\na: yes\nb: 2020-01-01\nc: 2020-01-01 02:03:04\nd: [1e5, 1.5, 010, ! 12, ! '13', !!str 1, !!int '3', '1']\n",
    "\r\na:\r\n  b: 1\r\n  c:\r\n  - 2\r\n",
    "\na:\tb\nc:\n  d: e\t# f\n  g: [1,\n\t2]\n  h: 'x\n\ty'\n",
    "\né: 'ü\u{2028}  ö'\nñ:\n  - \"\\u2028 \\x85\"\n  - a\u{a0}b\n",
];

#[test]
fn any_part_goes_anywhere_and_reads_as_what_it_was() {
    let mut copies = 0;
    for (body, head) in SOURCES.iter().flat_map(|body| {
        // With other handles, each tag has to be spelled anew.
        [(body, HEAD), (body, "%YAML 1.1\n%TAG !x! tag:x\n---")]
    }) {
        let text = format!("{head}{body}...\n");
        let tape = parse(&text);
        for node in 0..u32::try_from(tape.len()).unwrap() {
            for place in PLACES {
                let mut document = Document::new(&HANDLES);
                surround(&mut document, place);
                let done = document.copy(0, &tape, text.as_bytes(), node, &mut Files::default());
                done.unwrap();
                let out = document.finish().unwrap();
                let again = parse(&out);
                assert_eq!(
                    shape(&again, &out, inside(&again, place)),
                    shape(&tape, &text, node),
                    "node {node} at {place:?} of\n{text}\nas\n{out}"
                );
                copies += 1;
            }
        }
    }
    assert!(copies > 5000, "{copies}");
}

#[test]
fn a_part_keeps_its_text() {
    let body = "\na:\n    # why\n    b:   1 # one\n    c: 'x'   \n    d: [1,2 ,\n        3]\n    e: |\n      keep\n\n      it\n";
    let text = format!("{HEAD}{body}...\n");
    let tape = parse(&text);
    let node = tape.get(text.as_bytes(), 0, "a").unwrap();
    let copy = |place: &str| {
        let mut document = Document::new(&HANDLES);
        surround(&mut document, place);
        document
            .copy(0, &tape, text.as_bytes(), node, &mut Files::default())
            .unwrap();
        document.finish().unwrap()
    };
    let part = "b:   1 # one\nc: 'x'   \nd: [1,2 ,\n    3]\ne: |\n  keep\n\n  it\n";
    assert_eq!(copy(""), format!("{HEAD}\n{part}...\n"));
    let indented = part.replace('\n', "\n  ").replace("\n  \n", "\n\n");
    assert_eq!(
        copy("v"),
        format!(
            "{HEAD}\nfirst: 0\npart:\n  {}...\n",
            indented.trim_end_matches(' ')
        )
    );
    assert_eq!(
        copy("i"),
        format!("{HEAD}\n- 0\n- {}...\n", indented.trim_end_matches(' '))
    );
}

/// The whole of a document as asdf writes it.
const WRITTEN: &str = "%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\na: &id001\n- 1\n- {b: 2}\nc: !<tag:x:y-1>\n  d: *id001\n  e: &id002 !core/ndarray-1.1.0\n    source: 3\n    datatype: int8\n  f: *id002\n  g: !core/ndarray-1.1.0 {source: 'fits:OLD,1', shape: [1]}\n...\n";

#[test]
fn an_untouched_document_goes_out_as_it_came_in() {
    let tape = parse(WRITTEN);
    let mut document = Document::new(&HANDLES);
    let text = WRITTEN.replace("fits:OLD", "fits:SCI");
    document
        .copy(0, &tape, text.as_bytes(), 0, &mut Files::default())
        .unwrap();
    assert_eq!(document.finish().unwrap(), text);
}

#[test]
fn blocks_and_links_get_their_new_names() {
    let tape = parse(WRITTEN);
    let mut document = Document::new(&HANDLES);
    let mut files = Files {
        blocks: HashMap::from([(3, 11)]),
        ..Files::default()
    };
    document
        .copy(0, &tape, WRITTEN.as_bytes(), 0, &mut files)
        .unwrap();
    let expected = WRITTEN
        .replace("source: 3", "source: 11")
        .replace("'fits:OLD,1'", "'fits:NEW, it''s,1'");
    assert_eq!(document.finish().unwrap(), expected);
}

/// Copies parts of [`WRITTEN`], named by their keys, as values of these keys.
fn parts(keys: &[&str], files: &mut Files) -> String {
    let tape = parse(WRITTEN);
    let mut document = Document::new(&HANDLES);
    document.mapping(0, None, Some(Style::Block)).unwrap();
    for key in keys {
        let node = key.split('.').fold(0, |node, step| {
            tape.get(WRITTEN.as_bytes(), node, step).unwrap()
        });
        document.string(key);
        document
            .copy(0, &tape, WRITTEN.as_bytes(), node, files)
            .unwrap();
    }
    document.finish().unwrap()
}

#[test]
fn a_target_outside_the_part_is_written_at_its_first_alias() {
    let out = parts(&["c"], &mut Files::default());
    assert!(out.contains("  d:\n  - 1\n  - {b: 2}\n"), "{out}");
    // Named in the order of the aliases: here the first is that to the array.
    assert!(
        out.contains("e: &id001 !core/ndarray-1.1.0") && out.contains("f: *id001\n"),
        "{out}"
    );
    // The part that has the target comes later: it is an alias now.
    let out = parts(&["c", "a"], &mut Files::default());
    assert!(
        out.contains("  d: &id002\n  - 1\n") && out.ends_with("a: *id002\n...\n"),
        "{out}"
    );
    // And a part of a part.
    let out = parts(&["c.e", "c"], &mut Files::default());
    assert!(
        out.contains("c.e: &id001 !core/ndarray-1.1.0\n") && out.contains("  e: *id001\n"),
        "{out}"
    );
}

#[test]
fn a_target_that_comes_first_keeps_both_texts() {
    let out = parts(&["a", "c"], &mut Files::default());
    assert_eq!(
        out,
        WRITTEN
            .replace(" !core/asdf-1.1.0", "")
            .replace("OLD,1'", "NEW, it''s,1'")
    );
}

#[test]
fn an_anchor_without_aliases_goes() {
    let out = parts(&["a"], &mut Files::default());
    assert_eq!(out, format!("{HEAD}\na:\n- 1\n- {{b: 2}}\n...\n"));
}

#[test]
fn a_node_that_was_made_into_an_object_is_written_as_this_everywhere() {
    let tape = parse(WRITTEN);
    let list = tape.get(WRITTEN.as_bytes(), 0, "a").unwrap();
    let mut files = Files {
        made: HashMap::from([(list, "made")]),
        ..Files::default()
    };
    let out = parts(&["a", "c"], &mut files);
    assert!(
        out.contains("\na: made\n") && out.contains("\n  d: made\n"),
        "{out}"
    );
    // All else is as it was.
    assert!(
        out.contains("e: &id001 !core/ndarray-1.1.0\n    source: 3\n    datatype: int8\n"),
        "{out}"
    );
}

#[test]
fn equal_numbers_of_two_sources_are_two_nodes() {
    let tape = parse(WRITTEN);
    let mut document = Document::new(&HANDLES);
    document.sequence(0, None, Some(Style::Block)).unwrap();
    for source in 0..2 {
        document
            .copy(source, &tape, WRITTEN.as_bytes(), 0, &mut Files::default())
            .unwrap();
    }
    let out = document.finish().unwrap();
    assert!(!out.contains("- *id") && out.contains("&id004"), "{out}");
}

#[test]
fn a_part_in_brackets_is_written_in_brackets() {
    let text = format!("{HEAD}\na:\n- 1 # one\n- {{b: |-\n");
    assert!(Tape::parse(text.as_bytes(), 0).is_err());
    let text = format!("{HEAD}\na:\n- 1 # one\n- b: |\n    x\n...\n");
    let tape = parse(&text);
    let mut document = Document::new(&HANDLES);
    document.sequence(0, None, Some(Style::Flow)).unwrap();
    document
        .copy(0, &tape, text.as_bytes(), 2, &mut Files::default())
        .unwrap();
    assert_eq!(
        document.finish().unwrap(),
        format!("{HEAD} [[1, {{b: \"x\\n\"}}]]\n...\n")
    );
}

#[test]
fn nesting_is_limited_as_it_is_for_reading() {
    let mut document = Document::new(&HANDLES);
    let deepest = (0..1000)
        .take_while(|_| document.sequence(0, None, None).is_ok())
        .count();
    assert_eq!(deepest, asdfits_core::asdf::MAX_DEPTH);
    parse(&document.finish().unwrap());
}

#[test]
fn what_was_begun_is_ended() {
    let mut document = Document::new(&[]);
    document.mapping(0, None, None).unwrap();
    document.string("a");
    document.sequence(0, None, None).unwrap();
    assert_eq!(document.finish().unwrap(), "%YAML 1.1\n---\na: []\n...\n");
    // Even a key without its value: libyaml would refuse, here the text simply ends.
    assert_eq!(
        Document::new(&[]).finish().unwrap(),
        "%YAML 1.1\n---\n...\n"
    );
}
