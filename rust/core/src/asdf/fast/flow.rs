//! Collections in brackets, as the fast tier reads them.
//!
//! Inside brackets indentation means nothing, so only the recursion and the separators are left.

use super::text::{FLOW_STOPS, is_in};
use super::{Fast, Step, deeper, done, on};
use crate::asdf::build::{Props, Text};
use crate::asdf::tape::{Form, NodeId};

impl<'t> Fast<'t> {
    /// Reads a sequence or mapping in brackets; the cursor is left after the closing one.
    pub(super) fn brackets(&mut self, props: &Props<'t>, depth: usize) -> Step {
        let depth = deeper(depth)?;
        let mapping = self.here() == b'{';
        let (form, close) = if mapping {
            (Form::FlowMapping, b'}')
        } else {
            (Form::FlowSequence, b']')
        };
        let id = done(self.out.open(props, form))?;
        self.p = on(self.p, 1);
        self.gap()?;
        let mut count = 0;
        if self.here() != close {
            loop {
                count = on(count, 1);
                if mapping {
                    self.flow_key(id)?;
                }
                self.item(depth)?;
                self.gap()?;
                if self.here() == close {
                    break;
                }
                if self.here() != b',' {
                    return None;
                }
                self.p = on(self.p, 1);
                self.gap()?;
            }
        }
        self.p = on(self.p, 1);
        self.out.close(id, count, Some(self.p));
        Some(())
    }

    /// Steps over spaces, line breaks and comments.
    fn gap(&mut self) -> Step {
        // Mostly it is one space, or nothing. Above `#` there is no byte that this function steps over.
        if self.here() == b' ' && self.byte(on(self.p, 1)) > b'#' {
            self.p = on(self.p, 1);
            return Some(());
        }
        loop {
            match self.here() {
                b' ' => self.skip_spaces(),
                b'\n' => {
                    self.p = on(self.p, 1);
                    if self.is_marker(self.p) {
                        return None;
                    }
                }
                b'#' => {
                    if !self.is_blank(self.p.saturating_sub(1)) {
                        return None;
                    }
                    self.p = self.line_end(self.p);
                }
                _ => return Some(()),
            }
        }
    }

    /// Reads a key with its `:` and the gap after it.
    fn flow_key(&mut self, mapping: NodeId) -> Step {
        let start = self.p;
        let (form, text) = match self.here() {
            b'"' | b'\'' => self.quoted()?,
            _ => {
                let (end, stop) = self.flow_plain_line()?;
                if stop != b':' {
                    return None;
                }
                (Form::Plain, Text::Source(start, end))
            }
        };
        let end = match text {
            Text::Source(_, end) if form == Form::Plain => end,
            _ => self.p,
        };
        self.colon(start)?;
        // A plain one stops at the end of its line.
        if form != Form::Plain && self.text.get(start..end)?.contains('\n') {
            return None;
        }
        self.key(mapping, (start, form, text, end))?;
        self.gap()
    }

    /// Reads an item or a value.
    fn item(&mut self, depth: usize) -> Step {
        let mut props = Props::none(self.p);
        if matches!(self.here(), b'&' | b'!') {
            props = self.props()?;
            self.gap()?;
        }
        match self.here() {
            b'[' | b'{' => self.brackets(&props, depth),
            b'*' if props.is_none() => self.alias(),
            b'"' | b'\'' => {
                let (form, text) = self.quoted()?;
                done(self.out.scalar(&props, form, text, self.p))?;
                Some(())
            }
            _ => self.flow_plain(&props),
        }
    }

    fn flow_plain_line(&mut self) -> Step<(usize, u8)> {
        let start = self.p;
        if !self.starts_plain() {
            return None;
        }
        // A dash alone is an indicator here, or a text that parsers do not agree on.
        let second = self.byte(on(start, 1));
        if self.here() == b'-' && (self.is_blank(on(start, 1)) || is_in(&FLOW_STOPS, second)) {
            return None;
        }
        self.plain_rest(&FLOW_STOPS)
    }

    fn flow_plain(&mut self, props: &Props<'t>) -> Step {
        let start = self.p;
        let (mut end, mut stop) = self.flow_plain_line()?;
        if stop != b'\n' {
            flow_stop(stop)?;
            done(
                self.out
                    .scalar(props, Form::Plain, Text::Source(start, end), end),
            )?;
            return Some(());
        }
        // The text may go on in the next lines, or it ends here.
        let mut at = None;
        while stop == b'\n' {
            let breaks = self.breaks()?;
            if matches!(self.here(), b'#' | b',' | b']' | b'}' | 0) {
                break;
            }
            if at.is_none() {
                at = Some(self.out.cooked().len());
                let first = self.text.get(start..end)?;
                self.out.cooked().push_str(first);
            }
            self.fold(breaks.saturating_sub(1));
            let line = self.p;
            (end, stop) = self.plain_rest(&FLOW_STOPS)?;
            let words = self.text.get(line..end)?;
            self.out.cooked().push_str(words);
            flow_stop(stop)?;
        }
        let text = at.map_or(Text::Source(start, end), Text::Cooked);
        done(self.out.scalar(props, Form::Plain, text, end))?;
        Some(())
    }
}

/// Judges the byte that stopped a plain item: a `:` or an opening bracket cannot follow one.
fn flow_stop(stop: u8) -> Step {
    (!matches!(stop, b':' | b'[' | b'{')).then_some(())
}
