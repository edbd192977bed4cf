//! The fast tier gives the tape of the strict tier or gives up: shown on trees that are changed at random.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test may panic"
)]

use asdfits_core::asdf::Tape;

/// A small generator (xorshift64*): the same bytes in every run and on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

const HEAD: &str = "%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n";

/// Trees in the manner of the reference writer, and some by hand.
const TREES: &[&str] = &[
    "asdf_library: !core/software-1.0.0 {author: The ASDF Developers, homepage: 'http://github.com/asdf-format/asdf',\n  name: asdf, version: 6.0.0}\nhistory:\n  extensions:\n  - !core/extension_metadata-1.0.0\n    extension_class: asdf.extension._manifest.ManifestExtension\n    extension_uri: asdf://asdf-format.org/core/extensions/core-1.6.0\n    software: !core/software-1.0.0 {name: asdf, version: 6.0.0}\ndata: !core/ndarray-1.1.0\n  source: 0\n  datatype: float64\n  byteorder: little\n  shape: [2, 3]\n",
    "wcs: !<tag:stsci.edu:gwcs/wcs-1.4.0>\n  name: ''\n  pixel_shape: null\n  steps:\n  - !<tag:stsci.edu:gwcs/step-1.3.0>\n    frame: !<tag:stsci.edu:gwcs/frame2d-1.2.0>\n      axes_names: [x, y]\n      axes_order: &id001 [0, 1]\n      unit: [!unit/unit-1.0.0 pixel, !unit/unit-1.0.0 pixel]\n    transform: !transform/compose-1.4.0\n      bounding_box: !transform/property/bounding_box-1.2.0\n        ignore: []\n        intervals:\n          x0: [-0.5, 2047.5]\n          x1: &id002 [-5.0e-1, 1.0e+16]\n        order: C\n      forward:\n      - !transform/shift-1.4.0 {offset: -1023.5, outputs: [y], inputs: *id001}\n      - !transform/scale-1.3.0\n        domain: *id002\n        factor: .nan\n",
    "text: a long line that is folded here\n  and goes on here\n\n  and after an empty line\nsingle: 'it''s folded\n\n  too'\ndouble: \"with \\\"escapes\\\" \\x41\\u00e9 and a \\\n  \\ break\\n\"\nliteral: |\n  one\n    two\n\n  three\nfolded: >-\n  one\n  two\n\n   more\n\n  three\n\nkept: |+\n  x\n\nend: !!binary |\n  AAEC\n  AwQ=\n",
    "- - 1\n  - {a: 1, b: [x, y z, 'q'], 'c d': \"e\"}\n- \n  k: v\n-\n- &a !!omap\n  - !!omap\n    x: 1\n- *a\n- - - deep\n- k: [1, 2,\n    3, # comment\n    4]\n  z: ~\n# comment\n- ! 12\n- plain text # comment\n",
    "a: {b: {c: {}}, d: [], e: [[1, 2], [3, 4]]}\n<<: &m {x: 1}\n? complex\n: value\n\"k\": 'v'\nlist:\n- x\n-   y: 1\n    z: 2\nempty:\nlast: 2020-01-01 02:00:00\n",
    "one: &x [*y]\n",
    "scalar",
    "\"quoted\n  root\"",
    "|\n literal\n root\n",
    "[a, {b: c}, 'd',\n\n e f\n g]\n",
    "é: \u{1f600}\nß: [ü, 'ö', \"ä\\xe4\"]\nk: naïve\n  façade\n",
];

const BITS: &[&str] = &[
    "\n",
    "\n\n",
    " ",
    "  ",
    "    ",
    ": ",
    ":",
    "- ",
    "-",
    "? ",
    "?",
    ", ",
    ",",
    "[",
    "]",
    "{",
    "}",
    "#",
    " # c",
    "&a ",
    "*a",
    "!",
    "! ",
    "!t ",
    "!!int ",
    "'",
    "''",
    "\"",
    "\\",
    "\\n",
    "|",
    "|\n",
    ">-\n",
    "|2\n",
    "---\n",
    "...\n",
    "--- ",
    "%",
    "\t",
    "\r\n",
    "\r",
    "\u{85}",
    "\u{2028}",
    "\u{feff}",
    "é",
    "\u{0}",
    "\u{7f}",
    "a",
    "a: b\n",
    "- x\n",
    "<<: ",
    "\n  ",
    "\n- ",
    "\n# c\n",
    "@",
    "`",
    "=",
    "~",
    "null",
    "\"\\\n  \"",
];

fn change(text: &str, random: &mut Random) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        match random.below(5) {
            0 => drop(bytes.splice(at..at, random.pick(BITS).bytes())),
            1 => {
                let end = (at + 1 + random.below(3)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 if at < bytes.len() => bytes[at] = random.pick(b"\n :-#[]{},'\"&*!|>\\ax1\xc3"),
            3 => {
                let from = random.below(bytes.len().max(1));
                let piece = bytes[from..(from + random.below(20)).min(bytes.len())].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => bytes.truncate(at),
        }
    }
    bytes
}

fn agree(text: &[u8]) -> bool {
    let Some(fast) = Tape::parse_fast(text, 7) else {
        return false;
    };
    let strict = Tape::parse_strict(text, 7);
    assert_eq!(Ok(fast), strict, "on {:?}", String::from_utf8_lossy(text));
    true
}

#[test]
fn trees_of_the_reference_writer_need_no_strict_tier() {
    for tree in &TREES[..3] {
        assert!(
            agree(format!("{HEAD}{tree}...\n").as_bytes()),
            "declined {tree}"
        );
    }
}

#[test]
fn changed_trees_give_the_same_tape_or_none() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let mut read = 0;
    for round in 0..12_000 {
        let tree = TREES[round % TREES.len()];
        let whole = format!("{}{tree}...\n", if round % 2 == 0 { HEAD } else { "---\n" });
        read += usize::from(agree(&change(&whole, &mut random)));
    }
    // The comparison means nothing if the fast tier gives up everywhere.
    assert!(read > 1500, "only {read} texts were read by the fast tier");
}

#[test]
fn random_bits_give_the_same_tape_or_none() {
    let mut random = Random(42);
    for _ in 0..20_000 {
        let mut text = "---\n".to_owned();
        for _ in 0..random.below(14) {
            text.push_str(random.pick(BITS));
        }
        agree(text.as_bytes());
    }
}

#[test]
fn every_cut_of_a_tree_is_the_same_or_none() {
    for tree in TREES {
        let whole = format!("{HEAD}{tree}...\n");
        for end in 0..whole.len() {
            agree(&whole.as_bytes()[..end]);
        }
    }
}

#[test]
fn any_error_lies_within_the_text() {
    let mut random = Random(7);
    for round in 0..6000 {
        let whole = format!("{HEAD}{}...\n", TREES[round % TREES.len()]);
        let text = change(&whole, &mut random);
        if let Err(error) = Tape::parse(&text, 1000) {
            let at = error.at.unwrap();
            assert!((1000..=1000 + text.len() as u64).contains(&at), "{error}");
            assert!(error.message.starts_with("line "), "{error}");
        }
    }
}

#[test]
fn a_shallow_tape_has_what_no_tagged_collection_holds() {
    let text = b"%YAML 1.1\n%TAG ! tag:stsci.edu:asdf/\n--- !core/asdf-1.1.0\n_fits_hash: abc\n\
        data: !core/ndarray-1.0.0\n  source: fits:SCI,1\n\
        meta:\n  wcs: !<tag:stsci.edu:gwcs/wcs-1.0.0>\n    steps:\n    - {a: '1'}\n\n    name: x\n  last: 7\n\
        list: !core/x-1.0.0\n- 1\n- 2\n...\n";
    let (whole, shallow) = (
        Tape::parse(text, 0).unwrap(),
        Tape::parse_shallow(text, 0).unwrap(),
    );
    assert!(shallow.len() < whole.len());
    let root = shallow.root().unwrap();
    for tape in [&whole, &shallow] {
        let meta = tape.get(text, root, "meta").unwrap();
        let last = tape.get(text, meta, "last").unwrap();
        assert_eq!(tape.text(last, text), "7");
        let wcs = tape.get(text, meta, "wcs").unwrap();
        assert_eq!(tape.tag(wcs), Some("tag:stsci.edu:gwcs/wcs-1.0.0"));
        let items = tape.get(text, root, "list").unwrap();
        assert_eq!(tape.count(items), 2);
        assert_eq!(tape.tag(root), Some("tag:stsci.edu:asdf/core/asdf-1.1.0"));
    }
    let wcs = shallow.get(text, shallow.get(text, root, "meta").unwrap(), "wcs");
    assert_eq!(shallow.count(wcs.unwrap()), 0);
}

#[test]
fn a_shallow_tape_is_a_whole_one_where_lines_do_not_tell_where_a_collection_ends() {
    for body in [
        "a: !t\n  b: \"x\nc: y\"\n  d: 1\n",
        "a: !t\n  b: [1,\n2]\n  d: 1\n",
        "a: !t\n  b: &id 1\nc: *id\n",
    ] {
        let text = format!("%YAML 1.1\n---\n{body}...\n");
        let shallow = Tape::parse_shallow(text.as_bytes(), 0);
        let whole = Tape::parse(text.as_bytes(), 0);
        if let Ok(whole) = whole {
            let shallow = shallow.unwrap();
            assert_eq!(shallow.len(), whole.len(), "{body}");
        }
    }
}
