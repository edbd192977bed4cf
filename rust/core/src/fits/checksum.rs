//! CHECKSUM and DATASUM: the ones' complement sum of an HDU and how it is spelled.
//!
//! ```text
//! DATASUM   the data as big-endian 32-bit numbers, added up; what overflows is added at the other end
//! CHECKSUM  16 letters that make the sum of the whole HDU all ones, wherever in the HDU they stand
//! ```
//!
//! FITS 4.0 §4.4.2.7 and Appendix J. The sum of an HDU is that of its pieces, in any order, so a header
//! can be checked or changed without reading the data again.

/// Adds the bytes to a sum, as big-endian numbers of 32 bits; missing last bytes count as zeros.
///
/// ```
/// use asdfits_core::fits::checksum::add;
///
/// assert_eq!(add(0, &[0, 0, 0, 2, 0xff, 0xff, 0xff, 0xff]), 2); // the carry comes back
/// assert_eq!(add(0, &[1]), 0x0100_0000);
/// ```
pub fn add(sum: u32, bytes: &[u8]) -> u32 {
    // 2^24 words at a time cannot overflow the lanes, and leave room in their total.
    const MOST: usize = 1 << 26;
    let mut total = u64::from(sum);
    for piece in bytes.chunks(MOST) {
        total = u64::from(fold(total.saturating_add(add_piece(piece))));
    }
    fold(total)
}

/// The plain sum of a piece.
fn add_piece(piece: &[u8]) -> u64 {
    // Independent lanes, so that the compiler vectorises them.
    const LANES: usize = 8;
    let (groups, rest) = piece.as_chunks::<{ 4 * LANES }>();
    let mut lanes = [0_u64; LANES];
    for group in groups {
        let (words, _) = group.as_chunks::<4>();
        for (lane, word) in lanes.iter_mut().zip(words) {
            *lane = lane.wrapping_add(u64::from(u32::from_be_bytes(*word)));
        }
    }
    let (words, last) = rest.as_chunks::<4>();
    let mut padded = [0; 4];
    for (to, from) in padded.iter_mut().zip(last) {
        *to = *from;
    }
    let words = words.iter().chain([&padded]);
    let rest = words.fold(0_u64, |sum, word| {
        sum.wrapping_add(u64::from(u32::from_be_bytes(*word)))
    });
    lanes.iter().fold(rest, |sum, lane| sum.wrapping_add(*lane))
}

/// Adds what is above 32 bits at the other end.
fn fold(total: u64) -> u32 {
    let mut total = total;
    loop {
        match u32::try_from(total) {
            Ok(sum) => return sum,
            Err(_) => total = (total & 0xffff_ffff).wrapping_add(total >> 32),
        }
    }
}

/// A sum as the 16 letters of CHECKSUM; its complement if the letters shall undo the sum (Appendix J.2).
///
/// ```
/// use asdfits_core::fits::checksum::letters;
///
/// assert_eq!(letters(868_229_149, true), "hcHjjc9ghcEghc9g"); // the example of Appendix J.3
/// ```
pub fn letters(sum: u32, complement: bool) -> String {
    let value = if complement { !sum } else { sum };
    let bytes = value.to_be_bytes().map(quarters);
    // Letter by letter through the bytes; the last comes first, since a value starts in byte 12 of a card.
    let mut text = String::with_capacity(16);
    for quarter in 0..4 {
        text.extend(
            bytes
                .iter()
                .filter_map(|letters| letters.get(quarter))
                .copied()
                .map(char::from),
        );
    }
    match text.pop() {
        Some(last) => format!("{last}{text}"),
        None => text,
    }
}

/// Four letters or digits with the sum of `byte` and four zeros.
fn quarters(byte: u8) -> [u8; 4] {
    let quarter = (byte >> 2).saturating_add(b'0');
    let mut first = quarter.saturating_add(byte & 3);
    let mut others = [quarter; 3];
    let [second, third, fourth] = &mut others;
    // Punctuation between the digits and the letters is stepped over, in opposite directions.
    while !(first.is_ascii_alphanumeric()
        && second.is_ascii_alphanumeric()
        && third.is_ascii_alphanumeric()
        && fourth.is_ascii_alphanumeric())
    {
        if !(first.is_ascii_alphanumeric() && second.is_ascii_alphanumeric()) {
            first = first.saturating_add(1);
            *second = second.saturating_sub(1);
        }
        if !(third.is_ascii_alphanumeric() && fourth.is_ascii_alphanumeric()) {
            *third = third.saturating_add(1);
            *fourth = fourth.saturating_sub(1);
        }
    }
    [first, *second, *third, *fourth]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_is_that_of_any_pieces_of_whole_words() {
        let bytes: Vec<u8> = (0..10_000_u32)
            .flat_map(|n| (n.wrapping_mul(0x9e37_79b9)).to_be_bytes())
            .collect();
        let whole = add(0, &bytes);
        let slow = bytes.chunks_exact(4).fold(0_u64, |sum, word| {
            let sum = sum + u64::from(u32::from_be_bytes(word.try_into().unwrap()));
            (sum & 0xffff_ffff) + (sum >> 32)
        });
        assert_eq!(u64::from(whole), slow);
        for cut in [4, 32, 36, 20_000] {
            assert_eq!(add(add(0, &bytes[..cut]), &bytes[cut..]), whole);
            assert_eq!(add(add(0, &bytes[cut..]), &bytes[..cut]), whole);
        }
        for length in 0..40 {
            let mut padded = bytes[..length].to_vec();
            padded.resize(44, 0);
            assert_eq!(add(7, &bytes[..length]), add(7, &padded));
        }
        assert_eq!(add(u32::MAX, &[0, 0, 0, 1]), 1);
    }

    #[test]
    fn the_letters_make_the_sum_of_a_header_all_ones() {
        for seed in 0..5000_u32 {
            let sum = seed.wrapping_mul(0x9e37_79b9);
            // Zeros stand for the letters while the sum is taken, from byte 12 of a card on.
            let mut card = *b"CHECKSUM= '0000000000000000'    ";
            let total = add(sum, &card);
            let text = letters(total, true);
            assert!(text.bytes().all(|letter| letter.is_ascii_alphanumeric()));
            card[11..27].copy_from_slice(text.as_bytes());
            assert_eq!(add(sum, &card), u32::MAX, "{sum} {text}");
        }
    }
}
