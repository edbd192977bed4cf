//! Lists of numbers in the tree, read straight into memory.

use super::scalar::Scalar;
use super::tape::{Kind, NodeId, Tape};

/// What the numbers of a [`Numbers`] are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NumberKind {
    /// One byte each, 0 or 1.
    Bool,
    /// Eight bytes each, signed.
    Int,
    /// Eight bytes each, IEEE 754.
    Float,
}

/// A rectangular list of numbers, nested to any depth, as memory in native byte order.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    /// Sizes from the outermost list inwards.
    pub shape: Vec<usize>,
    /// The type that holds all of them.
    pub kind: NumberKind,
    /// The numbers, the innermost list varying fastest.
    pub bytes: Vec<u8>,
}

impl Tape {
    /// Reads a sequence as an array of numbers; `None` if it is anything else.
    ///
    /// All lists of one depth must be equally long. Truth values stand alone; whole numbers beside
    /// others become floating point. Text, `null`, tags, aliases and integers beyond 64 bits are "anything
    /// else": they are legal, and rare enough to be built one by one.
    ///
    /// ```
    /// use asdfits_core::asdf::{NumberKind, Tape};
    ///
    /// let text = b"--- [[1, 2], [3, 4.5]]\n";
    /// let numbers = Tape::parse(text, 0)?.numbers(0, text).unwrap();
    /// assert_eq!((numbers.shape, numbers.kind), (vec![2, 2], NumberKind::Float));
    /// assert_eq!(numbers.bytes[24..], 4.5_f64.to_ne_bytes());
    /// # Ok::<(), asdfits_core::Error>(())
    /// ```
    pub fn numbers(&self, id: NodeId, source: &[u8]) -> Option<Numbers> {
        let mut shape = Vec::new();
        let mut first = id;
        while self.kind(first) == Kind::Sequence {
            shape.push(self.count(first));
            if self.count(first) == 0 {
                break;
            }
            first = first.checked_add(1)?;
        }
        let values = usize::try_from(self.next(id).checked_sub(id)?).ok()?;
        let mut reader = Reader {
            tape: self,
            source,
            kind: None,
            bytes: Vec::with_capacity(values.checked_mul(8)?),
        };
        reader.list(id, &shape)?;
        Some(Numbers {
            shape,
            kind: reader.kind.unwrap_or(NumberKind::Float),
            bytes: reader.bytes,
        })
    }
}

struct Reader<'a> {
    tape: &'a Tape,
    source: &'a [u8],
    /// What was met so far.
    kind: Option<NumberKind>,
    bytes: Vec<u8>,
}

impl Reader<'_> {
    /// Reads a list of `shape`; the depth of the text bounds the recursion.
    fn list(&mut self, id: NodeId, shape: &[usize]) -> Option<()> {
        let (&size, inner) = shape.split_first()?;
        let fits = self.tape.kind(id) == Kind::Sequence && self.tape.count(id) == size;
        // The array's own tag stands on its outermost list, and is the caller's business.
        if !fits {
            return None;
        }
        for child in self.tape.children(id) {
            if self.tape.tag_id(child) != 0 {
                return None;
            }
            if inner.is_empty() {
                self.number(child)?;
            } else {
                self.list(child, inner)?;
            }
        }
        Some(())
    }

    fn number(&mut self, id: NodeId) -> Option<()> {
        if self.tape.kind(id) != Kind::Scalar {
            return None;
        }
        match (self.tape.scalar(id, self.source).ok()?, self.kind) {
            (Scalar::Bool(value), None | Some(NumberKind::Bool)) => {
                self.kind = Some(NumberKind::Bool);
                self.bytes.push(u8::from(value));
            }
            (Scalar::Int(value), None | Some(NumberKind::Int)) => {
                self.kind = Some(NumberKind::Int);
                self.bytes.extend(value.to_ne_bytes());
            }
            (Scalar::Int(value), Some(NumberKind::Float)) => self.float(widen(value)),
            (Scalar::Float(value), kind @ (None | Some(NumberKind::Int | NumberKind::Float))) => {
                if kind == Some(NumberKind::Int) {
                    let (whole, _) = self.bytes.as_chunks_mut::<8>();
                    for bytes in whole {
                        *bytes = widen(i64::from_ne_bytes(*bytes)).to_ne_bytes();
                    }
                }
                self.kind = Some(NumberKind::Float);
                self.float(value);
            }
            _ => return None,
        }
        Some(())
    }

    fn float(&mut self, value: f64) {
        self.bytes.extend(value.to_ne_bytes());
    }
}

/// The nearest double, ties to even, as Python's `float(int)`.
#[expect(clippy::cast_precision_loss, reason = "rounding is what is asked for")]
fn widen(value: i64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Numbers> {
        let text = format!("--- {text}\n");
        let tape = Tape::parse(text.as_bytes(), 0).unwrap();
        tape.numbers(0, text.as_bytes())
    }

    fn floats(numbers: &Numbers) -> Vec<f64> {
        let (whole, _) = numbers.bytes.as_chunks::<8>();
        whole
            .iter()
            .map(|bytes| f64::from_ne_bytes(*bytes))
            .collect()
    }

    #[test]
    fn the_first_float_turns_earlier_integers_into_floats() {
        let numbers = read("[1, -2, 0.5, 9007199254740993]").unwrap();
        assert_eq!(numbers.kind, NumberKind::Float);
        assert_eq!(floats(&numbers), [1.0, -2.0, 0.5, 9_007_199_254_740_992.0]);
    }

    #[test]
    fn integers_and_truth_values_keep_their_kind() {
        let integers = read("[[1], [-1]]").unwrap();
        assert_eq!(
            (integers.shape, integers.kind),
            (vec![2, 1], NumberKind::Int)
        );
        let truths = read("[true, no]").unwrap();
        assert_eq!((truths.kind, truths.bytes), (NumberKind::Bool, vec![1, 0]));
    }

    #[test]
    fn empty_lists_have_a_shape() {
        assert_eq!(read("[]").unwrap().shape, [0]);
        assert_eq!(read("[[], []]").unwrap().shape, [2, 0]);
    }

    #[test]
    fn anything_but_a_rectangle_of_plain_numbers_is_declined() {
        for text in [
            "1",
            "{a: 1}",
            "[1, [2]]",
            "[[1], 2]",
            "[[1], [2, 3]]",
            "[[], [1]]",
            "[a]",
            "['1']",
            "[null]",
            "[true, 1]",
            "[1.5, true]",
            "[!t 1]",
            "[!t [1]]",
            "[&a 1, *a]",
            "[[&a 1], [*a]]",
            "[9223372036854775808]",
            "[2020-01-01]",
            "[{}]",
            "[[{}]]",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
