//! Anchors, tags and aliases as the fast tier reads them.

use super::{Fast, Step, done, on};
use crate::asdf::build::Props;
use crate::asdf::tag;
use crate::asdf::tape::is_anchor_byte;

impl<'t> Fast<'t> {
    /// Reads an anchor and a tag, in either order, on one line.
    pub(super) fn props(&mut self) -> Step<Props<'t>> {
        let mut props = Props::none(self.p);
        loop {
            let start = self.p;
            match self.here() {
                b'&' if props.anchor.is_none() => props.anchor = Some(self.name()?),
                b'!' if props.tag == 0 => props.tag = self.tag()?,
                _ => return None,
            }
            if !self.is_blank(self.p) || self.p == start {
                return None;
            }
            props.end = self.p;
            let next = self.rest(self.p).iter().find(|&&b| b != b' ');
            if !matches!(next, Some(b'&' | b'!')) {
                return Some(props);
            }
            self.skip_spaces();
        }
    }

    /// Reads the name after `&` or `*`.
    fn name(&mut self) -> Step<&'t [u8]> {
        let start = on(self.p, 1);
        let rest = self.rest(start);
        let length = rest
            .iter()
            .position(|&b| !is_anchor_byte(b))
            .unwrap_or(rest.len());
        self.p = on(start, length);
        if length == 0 {
            None
        } else {
            rest.get(..length)
        }
    }

    pub(super) fn alias(&mut self) -> Step {
        let start = self.p;
        let name = self.name()?;
        let ended = self.is_blank(self.p) || matches!(self.here(), b',' | b']' | b'}');
        if !ended {
            return None;
        }
        done(self.out.alias(name, start, self.p))?;
        Some(())
    }

    fn tag(&mut self) -> Step<u16> {
        let start = self.p;
        let rest = self.rest(start);
        let length = rest
            .iter()
            .position(|b| matches!(b, b' ' | b'\n'))
            .unwrap_or(rest.len());
        let written = rest.get(..length)?;
        self.p = on(start, length);
        if let Some(number) = self.out.known_tag(written) {
            return Some(number);
        }
        let text = self.text.get(start..self.p)?;
        let tag = if let Some(inner) = text.strip_prefix("!<") {
            let inner = inner.strip_suffix('>')?;
            let tame = inner.bytes().all(|b| tag::is_uri_byte(b, true));
            (tame && !inner.is_empty()).then(|| inner.to_owned())?
        } else if text == "!" {
            text.to_owned()
        } else {
            let (handle, suffix) = tag::split(text);
            let tame = suffix.bytes().all(|b| tag::is_uri_byte(b, false));
            let prefix = self.out.prefix(handle)?;
            (tame && !suffix.is_empty()).then(|| format!("{prefix}{suffix}"))?
        };
        done(self.out.intern_tag(written, tag))
    }
}
