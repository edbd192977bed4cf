//! Prints the trees of YAML files as events, one a line, for comparison with another parser.
//!
//! `cargo run --example events -- [--fast | --strict | --both] FILE…`
//!
//! `--both` prints one word for each file: whether the tiers agree.
//!
//! | line | meaning |
//! |---|---|
//! | `S` style anchor tag text | a scalar; the style is `p`, `'`, `"`, a bar or `>`; anchors are numbered |
//! | `[` style anchor tag, `]` | a sequence; the style is `b` (block) or `f` (flow) |
//! | `{` style anchor tag, `}` | a mapping |
//! | `*` anchor | an alias |
//! | `E` message | an error |
//! | `D` | declined by the fast tier |

use std::collections::HashMap;
use std::io::Write;

use asdfits_core::Error;
use asdfits_core::asdf::{Kind, NodeId, Style, Tape};

fn main() -> std::io::Result<()> {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let mut tier = String::new();
    for argument in std::env::args().skip(1) {
        if argument.starts_with("--") {
            tier = argument;
            continue;
        }
        let text = std::fs::read(&argument)?;
        writeln!(out, "FILE {argument}")?;
        if tier == "--both" {
            let verdict = match (Tape::parse_fast(&text, 0), Tape::parse_strict(&text, 0)) {
                (None, _) => "declined",
                (Some(fast), Ok(strict)) if fast == strict => "same",
                _ => "DIFFERENT",
            };
            writeln!(out, "{verdict}")?;
            continue;
        }
        let tape = match tier.as_str() {
            "--fast" => Tape::parse_fast(&text, 0).map(Ok),
            "--strict" => Some(Tape::parse_strict(&text, 0)),
            _ => Some(Tape::parse(&text, 0)),
        };
        match tape {
            None => writeln!(out, "D")?,
            Some(Err(Error { message, at, .. })) => {
                writeln!(out, "E {} {message:?}", at.unwrap_or(0))?;
            }
            Some(Ok(tape)) => Events {
                tape: &tape,
                source: &text,
                anchors: HashMap::new(),
            }
            .write(&mut out)?,
        }
    }
    Ok(())
}

struct Events<'a> {
    tape: &'a Tape,
    source: &'a [u8],
    anchors: HashMap<NodeId, usize>,
}

impl Events<'_> {
    fn write(&mut self, out: &mut impl Write) -> std::io::Result<()> {
        match self.tape.root() {
            Some(root) => self.node(root, out),
            None => Ok(()),
        }
    }

    fn node(&mut self, id: NodeId, out: &mut impl Write) -> std::io::Result<()> {
        let tape = self.tape;
        if let Some(target) = tape.alias(id) {
            return writeln!(out, "* {}", self.anchors.get(&target).copied().unwrap_or(0));
        }
        let mut anchor = "-".to_owned();
        if tape.is_anchored(id) {
            let number = self.anchors.len();
            self.anchors.insert(id, number);
            anchor = number.to_string();
        }
        let style = match tape.style(id) {
            Style::Plain => 'p',
            Style::Single => '\'',
            Style::Double => '"',
            Style::Literal => '|',
            Style::Folded => '>',
            Style::Block => 'b',
            Style::Flow => 'f',
        };
        let tag = tape.tag(id).unwrap_or("-");
        let (open, close) = match tape.kind(id) {
            Kind::Sequence => ('[', ']'),
            Kind::Mapping => ('{', '}'),
            Kind::Scalar | Kind::Alias => {
                write!(out, "S {style} {anchor} {tag}")?;
                for c in tape.text(id, self.source).chars() {
                    write!(out, " {:x}", u32::from(c))?;
                }
                return writeln!(out);
            }
        };
        writeln!(out, "{open} {style} {anchor} {tag}")?;
        for child in tape.children(id) {
            self.node(child, out)?;
        }
        writeln!(out, "{close}")
    }
}
