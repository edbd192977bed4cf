//! Directives, anchors and tags of the strict tier.

use super::scan::Scanner;
use super::token::What;
use crate::asdf::tag::is_uri_byte;
use crate::asdf::tape::is_anchor_byte;
use crate::error::Result;

/// A version number with more digits than this is refused.
const MAX_DIGITS: usize = 9;

impl<'t> Scanner<'t> {
    /// Reads a `%` line.
    pub(super) fn directive(&mut self) -> Result<What<'t>> {
        self.reader.skip();
        let name = self.word();
        let what = match name {
            _ if name.is_empty() || !self.reader.is_blank_or_end(0) => {
                return self.expected("the name of a directive");
            }
            "YAML" => {
                self.reader.skip_blanks();
                let major = self.version_number()?;
                if self.reader.here() != b'.' {
                    return self.expected("a digit or `.`");
                }
                self.reader.skip();
                What::Version(major, self.version_number()?)
            }
            "TAG" => self.handle()?,
            _ => return self.expected("a %YAML or %TAG line"),
        };
        self.reader.skip_blanks();
        self.reader.skip_comment();
        if !self.reader.is_break_or_end() {
            return self.expected("a comment or the end of the line");
        }
        if self.reader.is_break(0) {
            self.reader.skip_break();
        }
        Ok(what)
    }

    /// Reads letters, digits, `-` and `_`.
    fn word(&mut self) -> &'t str {
        let start = self.reader.mark.p;
        while is_anchor_byte(self.reader.here()) {
            self.reader.skip();
        }
        self.reader
            .text
            .get(start..self.reader.mark.p)
            .unwrap_or("")
    }

    fn version_number(&mut self) -> Result<u32> {
        let start = self.reader.mark.p;
        while self.reader.here().is_ascii_digit() {
            self.reader.skip();
        }
        let digits = self
            .reader
            .text
            .get(start..self.reader.mark.p)
            .unwrap_or("");
        match digits.parse() {
            Ok(number) if digits.len() <= MAX_DIGITS => Ok(number),
            _ => self.expected("a version like 1.1"),
        }
    }

    fn handle(&mut self) -> Result<What<'t>> {
        self.reader.skip_blanks();
        let handle = self.tag_handle()?;
        if handle.len() > 1 && !handle.ends_with('!') {
            return self.expected("`!` at the end of the tag handle");
        }
        if !self.reader.is_blank() {
            return self.expected("a space");
        }
        self.reader.skip_blanks();
        let mut prefix = String::new();
        self.uri(true, &mut prefix)?;
        if prefix.is_empty() {
            return self.expected("the prefix of the tag handle");
        }
        if !self.reader.is_blank_or_end(0) {
            return self.expected("a space or the end of the line");
        }
        Ok(What::Handle(handle.to_owned(), prefix))
    }

    /// Reads `&name` or `*name`.
    pub(super) fn anchor_or_alias(&mut self) -> Result<What<'t>> {
        let alias = self.reader.here() == b'*';
        self.reader.skip();
        let name = self.word();
        let ended = self.reader.is_blank_or_end(0)
            || matches!(
                self.reader.here(),
                b'?' | b':' | b',' | b']' | b'}' | b'%' | b'@' | b'`'
            );
        if name.is_empty() || !ended {
            return self.expected("a name of letters, digits, `-` and `_`");
        }
        Ok(if alias {
            What::Alias(name)
        } else {
            What::Anchor(name)
        })
    }

    /// Reads `!`, `!!`, `!name!` or as much of `!suffix` as looks like a handle.
    fn tag_handle(&mut self) -> Result<&'t str> {
        let start = self.reader.mark.p;
        if self.reader.here() != b'!' {
            return self.expected("`!`");
        }
        self.reader.skip();
        self.word();
        if self.reader.here() == b'!' {
            self.reader.skip();
        }
        Ok(self
            .reader
            .text
            .get(start..self.reader.mark.p)
            .unwrap_or("!"))
    }

    /// Reads a tag: verbatim, shorthand or `!` alone.
    pub(super) fn tag_token(&mut self) -> Result<What<'t>> {
        let mut suffix = String::new();
        let handle = if self.reader.byte(1) == b'<' {
            self.reader.skip_ascii(2);
            self.uri(true, &mut suffix)?;
            if suffix.is_empty() || self.reader.here() != b'>' {
                return self.expected("a tag and `>`");
            }
            self.reader.skip();
            ""
        } else {
            let handle = self.tag_handle()?;
            let named = handle.len() > 1 && handle.ends_with('!');
            if !named {
                suffix.push_str(handle.get(1..).unwrap_or(""));
            }
            self.uri(false, &mut suffix)?;
            match (named, suffix.is_empty()) {
                (true, true) => return self.expected("the rest of the tag"),
                (true, false) => handle,
                (false, false) => "!",
                (false, true) => {
                    suffix.push('!');
                    ""
                }
            }
        };
        let comma = self.in_flow() && self.reader.here() == b',';
        if !self.reader.is_blank_or_end(0) && !comma {
            return self.expected("a space or the end of the line after the tag");
        }
        Ok(What::Tag {
            handle: handle.to_owned(),
            suffix,
        })
    }

    /// Appends the characters of a tag, with `%XX` decoded.
    fn uri(&mut self, verbatim: bool, to: &mut String) -> Result<()> {
        loop {
            match self.reader.here() {
                b'%' => self.octets(to)?,
                b if is_uri_byte(b, verbatim) => self.reader.read(to),
                _ => return Ok(()),
            }
        }
    }

    /// Reads one character written as `%XX`, once for each of its bytes in UTF-8.
    fn octets(&mut self, to: &mut String) -> Result<()> {
        let mut bytes = Vec::new();
        while bytes.len() < 4 {
            let hex = self
                .reader
                .text
                .get(self.reader.mark.p..)
                .unwrap_or("")
                .get(1..3);
            let digits = hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
            let octet = digits.and_then(|hex| u8::from_str_radix(hex, 16).ok());
            let Some(octet) = octet.filter(|&b| self.reader.here() == b'%' && b != 0) else {
                return self.expected("`%` and two hexadecimal digits of a character in UTF-8");
            };
            bytes.push(octet);
            self.reader.skip_ascii(3);
            if let Ok(text) = std::str::from_utf8(&bytes) {
                to.push_str(text);
                return Ok(());
            }
        }
        self.expected("a character in UTF-8")
    }
}
