//! What the tape says about a tree: structure, text, tags, aliases, spans; and what is refused.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::format_push_string,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use asdfits_core::ErrorKind;
use asdfits_core::asdf::{Kind, NodeId, Scalar, Style, Tape};

fn tape(text: &str) -> Tape {
    Tape::parse(text.as_bytes(), 0).unwrap()
}

/// The value under `v` of a document.
fn value(text: &str) -> (Tape, NodeId) {
    let tape = tape(text);
    let id = tape.get(text.as_bytes(), 0, "v").unwrap();
    (tape, id)
}

fn text_of(yaml: &str) -> String {
    let (tape, id) = value(yaml);
    assert_eq!(Tape::parse_strict(yaml.as_bytes(), 0), Ok(tape.clone()));
    tape.text(id, yaml.as_bytes()).into_owned()
}

#[test]
fn structure_is_a_walk_along_the_tape() {
    let text = "---\na: [1, {b: 2}]\nc:\n- x\n- - y\n";
    let tape = tape(text);
    assert_eq!(tape.len(), 12);
    let root = tape.root().unwrap();
    assert_eq!(
        (tape.kind(root), tape.count(root), tape.next(root)),
        (Kind::Mapping, 2, 12)
    );
    let pairs: Vec<_> = tape.pairs(root).collect();
    assert_eq!(pairs, [(1, 2), (7, 8)]);
    assert_eq!(tape.children(2).collect::<Vec<_>>(), [3, 4]);
    assert_eq!((tape.style(2), tape.style(8)), (Style::Flow, Style::Block));
    assert_eq!(tape.children(3).count(), 0);
    // A number beyond the tape is an empty scalar, not a panic.
    assert_eq!(
        (tape.kind(99), tape.count(99), tape.span(99)),
        (Kind::Scalar, 0, 0..0)
    );
}

#[test]
fn spans_cover_properties_and_content() {
    let text = "---\na: &x !t [1,\n  2] # c\nb: !u\n  c: 'd'  \n  e: |\n    f\n\ng: *x\nh:\ni: &y !<tag:z>\nj: \"k\"\n";
    let tape = tape(text);
    let span = |key: &str| &text[tape.span(tape.get(text.as_bytes(), 0, key).unwrap())];
    assert_eq!(span("a"), "&x !t [1,\n  2]");
    assert_eq!(span("b"), "!u\n  c: 'd'  \n  e: |\n    f");
    assert_eq!(span("g"), "*x");
    assert_eq!(span("h"), "");
    assert_eq!(span("i"), "&y !<tag:z>");
    assert_eq!(span("j"), "\"k\"");
    assert_eq!(&text[tape.span(0)], text[4..].trim_end());
    let anchor = |key: &str| {
        let id = tape.get(text.as_bytes(), 0, key).unwrap();
        tape.anchor(id, text.as_bytes()).map(|range| &text[range])
    };
    assert_eq!(
        (anchor("a"), anchor("g"), anchor("b")),
        (Some("x"), Some("x"), None)
    );
}

#[test]
fn kept_breaks_belong_to_the_span() {
    let text = "---\nv: |+\n  a\n\nw: 1\n";
    let (tape, id) = value(text);
    assert_eq!(&text[tape.span(id)], "|+\n  a\n\n");
}

#[test]
fn scalars_are_folded_and_unescaped() {
    assert_eq!(text_of("---\nv: a\n  b\n\n  c  \n"), "a b\nc");
    assert_eq!(text_of("---\nv: 'it''s\n\n  \n  x '\n"), "it's\n\nx ");
    assert_eq!(text_of("---\nv: 'a\\n'\n"), "a\\n");
    assert_eq!(
        text_of("---\nv: \"a \\\n   \\ b\\x41\\u263a\\U0001F600\\0\\_\\N\\L\\P\\/\\e\"\n"),
        "a  bA\u{263a}\u{1f600}\0\u{a0}\u{85}\u{2028}\u{2029}/\x1b"
    );
    assert_eq!(
        text_of("---\nv: |\n\n  a\n   b\n\n  c\n\n\nw: 1\n"),
        "\na\n b\n\nc\n"
    );
    assert_eq!(
        text_of("---\nv: >\n  a\n  b\n\n   c\n  d\n"),
        "a b\n\n c\nd\n"
    );
    assert_eq!(text_of("---\nv: >-\n  a\n\n\n  b\n"), "a\n\nb");
    assert_eq!(text_of("---\nv: |1-\n  a\n"), " a");
    assert_eq!(text_of("---\nv: a#b:c\n"), "a#b:c");
    assert_eq!(text_of("---\r\nv: a\r\n  b\r\n"), "a b");
    assert_eq!(text_of("---\nv:\t1\n"), "1");
    assert_eq!(text_of("---\nv: a\u{2028}  b\n"), "a\u{2028}b");
}

#[test]
fn tags_are_expanded_and_numbered() {
    let text = "%YAML 1.1\n%TAG ! tag:x/\n%TAG !e! tag:e,2000:\n---\n\
                - !a 1\n- !<tag:x/a> 2\n- !!int 3\n- !e!b%20c 4\n- ! 5\n- 6\n";
    let tape = tape(text);
    let tags: Vec<_> = tape.children(0).map(|id| tape.tag(id)).collect();
    let expected = [
        "tag:x/a",
        "tag:x/a",
        "tag:yaml.org,2002:int",
        "tag:e,2000:b c",
        "!",
    ];
    assert_eq!(tags[..5], expected.map(Some));
    assert_eq!(tags[5], None);
    assert_eq!(tape.tags()[0], "");
    assert_eq!(tape.tag_id(1), tape.tag_id(2));
    let kept: Vec<_> = tape
        .children(0)
        .map(|id| tape.kept_tag(id).is_some())
        .collect();
    assert_eq!(kept, [true, true, false, true, false, false]);
    assert_eq!(tape.handles().len(), 2);
}

#[test]
fn aliases_are_numbers_and_may_be_recursive() {
    let text = "---\na: &x [*x]\nb: *x\n";
    let tape = tape(text);
    let a = tape.get(text.as_bytes(), 0, "a").unwrap();
    let b = tape.get(text.as_bytes(), 0, "b").unwrap();
    assert_eq!(tape.alias(b), Some(a));
    assert_eq!(tape.alias(a + 1), Some(a));
    assert_eq!(tape.resolve(b), a);
    assert!(tape.is_shared(a) && tape.is_anchored(a) && !tape.is_shared(b));
}

#[test]
fn look_ups_follow_the_reference() {
    let text = "---\nbase: &b {x: 1, y: 2}\nv:\n  <<: *b\n  x: 3\n  x: 4\n  1: one\n  '1': text\n\
                w:\n  <<: [{z: 1}, {z: 2, q: 3}]\n  '<<': no\nloop: &l\n  <<: *l\n  a: 1\n";
    let source = text.as_bytes();
    let (tape, v) = value(text);
    let show = |id: NodeId, key: &str| tape.get(source, id, key).map(|id| tape.text(id, source));
    assert_eq!(show(v, "x").as_deref(), Some("4"));
    assert_eq!(show(v, "y").as_deref(), Some("2"));
    assert_eq!(show(v, "1").as_deref(), Some("text"));
    assert_eq!(show(v, "none"), None);
    let w = tape.get(source, 0, "w").unwrap();
    assert_eq!(
        (show(w, "z").as_deref(), show(w, "q").as_deref()),
        (Some("1"), Some("3"))
    );
    assert!(tape.has_merge(w));
    let merges: Vec<_> = tape.pairs(w).map(|(key, _)| tape.is_merge(key)).collect();
    assert_eq!(merges, [true, false]);
    // A mapping that merges itself ends, too.
    let looped = tape.get(source, 0, "loop").unwrap();
    assert_eq!(show(looped, "none"), None);
}

#[test]
fn merging_along_many_ways_is_no_explosion() {
    let mut text = "---\nm0: &m0 {x: 1}\n".to_owned();
    for n in 1..200 {
        let to = n - 1;
        text += &format!("m{n}: &m{n}\n  <<: [*m{to}, *m{to}]\n  <<: [*m{to}, *m{to}]\n");
    }
    let tape = tape(&text);
    let last = tape.get(text.as_bytes(), 0, "m199").unwrap();
    assert!(tape.get(text.as_bytes(), last, "x").is_some());
    assert_eq!(tape.get(text.as_bytes(), last, "y"), None);
}

#[test]
fn keys_that_the_reference_cannot_hash_are_known() {
    let text =
        "---\n? [a]\n: 1\n? {b: 1}\n: 2\n!t c: 3\n&k d: 4\n!!str 5: 5\nl: &l [1]\n*l : 6\n*k : 7\n";
    let tape = tape(text);
    let hashable: Vec<_> = tape
        .pairs(0)
        .map(|(key, _)| tape.is_hashable(key))
        .collect();
    assert_eq!(
        hashable,
        [false, false, false, true, true, true, false, true]
    );
}

#[test]
fn a_text_may_hold_no_document() {
    assert!(tape("").is_empty());
    assert_eq!(tape("# nothing\n").root(), None);
    let text = "---\n...\n";
    assert_eq!(tape(text).scalar(0, text.as_bytes()), Ok(Scalar::Null));
}

/// What libyaml accepts although the standard does not, or the reverse.
#[test]
fn libyaml_decides_what_is_valid() {
    let valid = [
        "{x:1}",
        "{\"x\":1}",
        "[a, b, ]",
        "{a: 1, }",
        "a:\t1",
        "\"a\"#c",
        "- - 1\n  - 2",
        "? a\n: b",
        "[a: b]",
        "[? a]",
        "!t",
        "&a",
        "a: &b 1\n*b : v",
        "a: |1\n  x",
        "a\u{85}b",
        "x: \"\\\t\"",
        "a: [\nb\n]",
        "{a, b: }",
        "<<: {a: 1}",
        "a:\n- 1\n-\nb:",
        "- !t\n- &a",
        "!<!> a",
        "&a !t b",
        "!t &a b",
        "a: \u{feff}b",
        "-\n  - a",
        "? - a\n: - b",
    ];
    for text in valid {
        let whole = format!("---\n{text}\n");
        let result = Tape::parse(whole.as_bytes(), 0);
        assert!(result.is_ok(), "{text:?}: {result:?}");
    }
    let invalid = [
        "a: b: c",
        "a:\n\t- b",
        "-\ta: 1\n\tb: 2",
        "@a",
        "`a",
        "%a: b",
        "{x, y: , z:}}",
        "\"\\ud83d\\ude00\"",
        "\"\\q\"",
        "a: 'b",
        "a: \"b",
        "[a",
        "{a: b",
        "a\n---\nb",
        "&é a",
        "&a x\n--- y",
        "*a",
        "[&a 1, &a 2]",
        "!e!x y",
        "!<a#b> y",
        "a: b\n c: d",
        "- a\n b: c",
        "a: |\n   x\n  y",
        "a: |0\n  x",
        "'a' b",
        "a: !t\n- !t x y: z: 1",
        "\u{7f}",
        "\u{0}",
        "a: - b",
        "key that\n goes on: x",
        "%YAML 1.1\n---",
        "? a\n  - b: c\n d",
    ];
    for text in invalid {
        let whole = format!("---\n{text}\n");
        assert!(Tape::parse(whole.as_bytes(), 0).is_err(), "{text:?}");
    }
    for head in [
        "%YAML 2.0\n",
        "%YAML 1.3\n",
        "%FOO x\n",
        "%YAML 1.1\n%YAML 1.1\n",
        "%TAG ! a\n%TAG ! b\n",
        "%TAG !a b\n",
    ] {
        assert!(
            Tape::parse(format!("{head}---\na\n").as_bytes(), 0).is_err(),
            "{head:?}"
        );
    }
    assert!(Tape::parse(b"---\na: \xff\n", 0).is_err());
    let long = format!("---\n{}: 1\n", "k".repeat(1025));
    assert!(Tape::parse(long.as_bytes(), 0).is_err());
    let short = format!("---\n{}: 1\n", "k".repeat(1024));
    assert!(Tape::parse(short.as_bytes(), 0).is_ok());
}

#[test]
fn errors_name_place_and_expectation() {
    let error = Tape::parse("---\na: 1\nb: [é, 'x' y]\n".as_bytes(), 100).unwrap_err();
    assert_eq!(error.at, Some(100 + 21));
    assert_eq!(
        error.message,
        "line 3, column 12: found a scalar, expected `,` or `]`"
    );
    let error = Tape::parse(b"---\na: *nope\n", 0).unwrap_err();
    assert_eq!(
        error.message,
        "line 2, column 4: found an alias that no earlier anchor names"
    );
    let error = Tape::parse(b"---\na: \x01\n", 0).unwrap_err();
    assert_eq!((error.at, error.kind), (Some(7), ErrorKind::Format));
}

#[test]
fn nesting_is_capped() {
    for open in ["[", "- ", "{a: ", "[a: ", "? "] {
        let text = format!("---\n{}", open.repeat(5000));
        let error = Tape::parse(text.as_bytes(), 0).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Limit, "{open:?}: {error}");
    }
    let deep = |n: usize| format!("---\n{}1{}\n", "[".repeat(n), "]".repeat(n));
    assert!(Tape::parse(deep(512).as_bytes(), 0).is_ok());
    assert_eq!(
        Tape::parse(deep(513).as_bytes(), 0).unwrap_err().kind,
        ErrorKind::Limit
    );
}
