//! The spelling of tags: what may stand in one and how a handle is told from its suffix.

/// Whether the byte may stand in a tag without being written as `%XX`.
///
/// Verbatim tags (`!<…>`) and prefixes may hold `,`, `[` and `]` as well; in a shorthand those end the tag,
/// because it may stand inside brackets.
pub(super) fn is_uri_byte(b: u8, verbatim: bool) -> bool {
    match b {
        b',' | b'[' | b']' => verbatim,
        b'-' | b'_' | b';' | b'/' | b'?' | b':' | b'@' | b'&' | b'=' | b'+' | b'$' | b'.'
        | b'!' | b'~' | b'*' | b'\'' | b'(' | b')' => true,
        _ => b.is_ascii_alphanumeric(),
    }
}

/// Splits a shorthand tag: `!core/x` is `!` and `core/x`, `!!int` is `!!` and `int`, `!e!x` is `!e!` and `x`.
///
/// A second `!` closes a handle only if nothing but letters, digits, `-` and `_` stand before it.
pub(super) fn split(tag: &str) -> (&str, &str) {
    let bytes = tag.as_bytes();
    let name = bytes.get(1..).unwrap_or(&[]);
    let length = name
        .iter()
        .position(|&b| !super::tape::is_anchor_byte(b))
        .unwrap_or(name.len());
    let close = length.saturating_add(1);
    let cut = if bytes.get(close) == Some(&b'!') {
        close.saturating_add(1)
    } else {
        1
    };
    tag.split_at_checked(cut).unwrap_or((tag, ""))
}
