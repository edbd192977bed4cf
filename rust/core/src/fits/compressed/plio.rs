//! `PLIO_1`: the pixel lists of IRAF, runs of equal pixels in 16-bit words (FITS 4.0 §10.4.3).
//!
//! ```text
//! header   version words, then the length of the list, in one word or in two of 15 bits
//! list     instructions: four bits of code, twelve of data
//! ```
//!
//! The list works on a current high value, 1 at first. Pixels after its end are 0.

use super::Fault;

/// The most pixels that `length` bytes can hold: a word makes 4095 of them at most.
pub fn capacity(length: usize) -> usize {
    (length >> 1).saturating_mul(4095)
}

/// Decodes a tile of big-endian words to `out`.
pub fn decode(bytes: &[u8], out: &mut [i32]) -> Result<(), Fault> {
    let (words, _) = bytes.as_chunks::<2>();
    let (start, length) = extent(words)?;
    let list = words.get(start..length).ok_or_else(|| {
        let message = format!(
            "the pixel list takes {length} words by its header, {} are there",
            words.len()
        );
        Fault::truncated(bytes.len(), message)
    })?;
    let total = out.len();
    let mut rest = out;
    let mut high = 1_i32;
    let mut list = list.iter().enumerate();
    while let Some((place, word)) = list.next() {
        let at = start.saturating_add(place).saturating_mul(2);
        let word = u16::from_be_bytes(*word);
        let data = word & 0xfff;
        let step = i32::from(data);
        let (zeros, ones) = match word >> 12 {
            0 => (data, 0),
            1 => {
                let next = list.next().map_or([0; 2], |(_, word)| *word);
                high = (i32::from(i16::from_be_bytes(next)) << 12).wrapping_add(step);
                (0, 0)
            }
            2 => {
                high = high.wrapping_add(step);
                (0, 0)
            }
            3 => {
                high = high.wrapping_sub(step);
                (0, 0)
            }
            4 => (0, data),
            5 => (data.saturating_sub(1), data.min(1)),
            6 => {
                high = high.wrapping_add(step);
                (0, 1)
            }
            7 => {
                high = high.wrapping_sub(step);
                (0, 1)
            }
            code => {
                let message =
                    format!("found the instruction {code} in a pixel list, expected 0 to 7");
                return Err(Fault::format(at, message));
            }
        };
        let run = usize::from(zeros).saturating_add(usize::from(ones));
        let Some((pixels, after)) = std::mem::take(&mut rest).split_at_mut_checked(run) else {
            let message = format!("the pixel list makes more than {total} pixels");
            return Err(Fault::format(at, message));
        };
        let (low, top) = pixels.split_at_mut(usize::from(zeros).min(run));
        low.fill(0);
        top.fill(high);
        rest = after;
    }
    rest.fill(0);
    Ok(())
}

/// The word at which the instructions begin, and the word at which the list ends.
fn extent(words: &[[u8; 2]]) -> Result<(usize, usize), Fault> {
    let word = |place: usize| words.get(place).map(|word| i16::from_be_bytes(*word));
    let positive = |value: Option<i16>| value.and_then(|value| usize::try_from(value).ok());
    let found = match word(2) {
        Some(1..) => Some((3, positive(word(2)))),
        Some(_) => {
            let high = positive(word(4)).map(|high| high << 15);
            let length = high.zip(positive(word(3))).map(|(high, low)| high | low);
            positive(word(1)).map(|start| (start, length))
        }
        None => None,
    };
    match found {
        Some((start, Some(length))) if start >= 3 && start <= length => Ok((start, length)),
        _ => Err(Fault::format(
            0,
            "found no header of a pixel list, expected its length".to_owned(),
        )),
    }
}

#[cfg(test)]
#[allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "small numbers, compared exactly"
)]
mod tests {
    use super::*;

    fn list(instructions: &[u16]) -> Vec<u8> {
        let length = u16::try_from(7 + instructions.len()).unwrap();
        let head = [0, 7, 0_u16.wrapping_sub(100), length, 0, 0, 0];
        let words = head.iter().chain(instructions);
        words.flat_map(|word| word.to_be_bytes()).collect()
    }

    #[test]
    fn every_instruction_does_what_it_says() {
        let words = [
            0x0002, 0x4001, 0x2004, 0x4002, 0x3001, 0x5003, 0x1005, 0x0001, 0x6001, 0x7002,
        ];
        let mut out = [9; 12];
        decode(&list(&words), &mut out).unwrap();
        assert_eq!(out, [0, 0, 1, 5, 5, 0, 0, 4, 4102, 4100, 0, 0]);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        let mut out = [0; 4];
        for (bytes, fault) in [
            (vec![], "no header"),
            (vec![0; 12], "no header"),
            (list(&[0x8000]), "instruction 8"),
            (list(&[0x0005]), "more than 4 pixels"),
            (
                list(&[0x0001])[..14].to_vec(),
                "takes 8 words by its header, 7",
            ),
        ] {
            let error = decode(&bytes, &mut out).unwrap_err();
            assert!(error.message.contains(fault), "{}", error.message);
        }
    }
}
