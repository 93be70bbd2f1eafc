//! Reads a pickled `xgboost.core.Booster` without Python and without running anything: the containers 0.90
//! to 1.2 saved their models so.
//!
//! A pickle is a program. This machine knows only the instructions that build a booster's state; the names
//! that it may call are three, and what they do is done here. Everything else is refused by name.

use super::booster::Booster;
use super::model::{self, refused};
use crate::algorithms::Failure;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Whether the bytes are a pickle of a protocol that is read here.
pub fn is_pickle(bytes: &[u8]) -> bool {
    matches!(bytes, [0x80, 2..=5, ..])
}

/// Reads the pickled booster. What early stopping noted in it becomes attributes of the model.
pub fn read(bytes: &[u8]) -> Result<Booster, Failure> {
    let mut machine = Machine::new(bytes);
    let end = machine.run()?;
    let Some(Value::Booster(Some(state))) = machine.values.get(end) else {
        return Err(refused("the pickle holds no booster"));
    };
    let state = machine.members(*state)?;
    let Some(Value::Bytes(handle)) = state.get("handle").and_then(|at| machine.values.get(*at))
    else {
        return Err(refused("the pickled booster was never trained"));
    };
    let mut booster = model::read_unpickled(handle)?;
    for name in ["best_iteration", "best_ntree_limit"] {
        if let Some(Value::Int(number)) = state.get(name).and_then(|at| machine.values.get(*at)) {
            booster.attributes.insert(name.to_owned(), number.to_string());
        }
    }
    for (name, names) in [
        ("feature_names", &mut booster.feature_names),
        ("feature_types", &mut booster.feature_types),
    ] {
        if let Some(Value::Many(items)) = state.get(name).and_then(|at| machine.values.get(*at)) {
            *names = items.iter().filter_map(|at| machine.text(*at).map(str::to_owned)).collect();
        }
    }
    Ok(booster)
}

/// A value's place among the machine's values.
type At = usize;

enum Value<'a> {
    Nothing,
    Bool,
    Int(i64),
    Float,
    Text(&'a str),
    Bytes(Cow<'a, [u8]>),
    /// A tuple or a list.
    Many(Vec<At>),
    Map(Vec<(At, At)>),
    Name(Name),
    /// With the state that it was built from.
    Booster(Option<At>),
}

/// What a pickled booster names.
#[derive(Clone, Copy)]
enum Name {
    Booster,
    ByteArray,
    /// `_codecs.encode`, by which protocol 2 writes bytes as a text.
    Encode,
}

impl Name {
    fn of(module: &str, name: &str) -> Result<Self, Failure> {
        match (module, name) {
            ("xgboost.core", "Booster") => Ok(Self::Booster),
            ("builtins" | "__builtin__", "bytearray") => Ok(Self::ByteArray),
            ("_codecs", "encode") => Ok(Self::Encode),
            _ => Err(refused(&format!(
                "it is a pickle that names {module}.{name}, and only a pickled xgboost.core.Booster is read: \
                 no code of a pickle is run. Load it with Python and save it again with \
                 Booster.save_model(\"model.json\")"
            ))),
        }
    }
}

struct Machine<'a> {
    bytes: &'a [u8],
    values: Vec<Value<'a>>,
    stack: Vec<At>,
    /// The heights of the stack at the marks that are open.
    marks: Vec<usize>,
    memo: BTreeMap<u32, At>,
    /// Bytes that may still be copied, so that a small pickle cannot ask for much memory.
    copies: usize,
}

impl<'a> Machine<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            values: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: BTreeMap::new(),
            copies: bytes.len().saturating_mul(2),
        }
    }

    /// Runs to the end; answers the value that is left.
    fn run(&mut self) -> Result<At, Failure> {
        loop {
            let [code] = self.number()?;
            match code {
                b'.' => return self.pop(),
                0x80 => drop(self.take(1)?),
                0x95 => drop(self.take(8)?),
                b'(' => self.marks.push(self.stack.len()),
                b'N' => self.push(Value::Nothing),
                0x88 | 0x89 => self.push(Value::Bool),
                b'J' => {
                    let value = i64::from(i32::from_le_bytes(self.number()?));
                    self.push(Value::Int(value));
                }
                b'K' => {
                    let [value] = self.number()?;
                    self.push(Value::Int(i64::from(value)));
                }
                b'M' => {
                    let value = i64::from(u16::from_le_bytes(self.number()?));
                    self.push(Value::Int(value));
                }
                0x8a => self.long()?,
                b'G' => {
                    self.take(8)?;
                    self.push(Value::Float);
                }
                b'X' | 0x8c | 0x8d => self.unicode(code)?,
                b'B' | b'C' | 0x8e | 0x96 => self.literal(code)?,
                b']' | b')' => self.push(Value::Many(Vec::new())),
                b'}' => self.push(Value::Map(Vec::new())),
                b't' => {
                    let items = self.since_mark()?;
                    self.push(Value::Many(items));
                }
                0x85..=0x87 => self.tuple(usize::from(code) - 0x84)?,
                b'a' => {
                    let item = self.pop()?;
                    self.extend(vec![item])?;
                }
                b'e' => {
                    let items = self.since_mark()?;
                    self.extend(items)?;
                }
                b's' => {
                    let (value, key) = (self.pop()?, self.pop()?);
                    self.fill(&[key, value])?;
                }
                b'u' => {
                    let items = self.since_mark()?;
                    self.fill(&items)?;
                }
                b'q' | b'r' | 0x94 => self.remember(code)?,
                b'h' | b'j' => self.recall(code)?,
                b'c' | 0x93 => self.global(code)?,
                0x81 | b'R' => self.call()?,
                b'b' => self.build()?,
                other => {
                    return Err(refused(&format!(
                        "it is a pickle with the instruction {other:#04x}, which no pickled booster has"
                    )));
                }
            }
        }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Failure> {
        let (taken, rest) =
            self.bytes.split_at_checked(count).ok_or_else(|| refused("the pickle ends early"))?;
        self.bytes = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], Failure> {
        let (taken, rest) =
            self.bytes.split_first_chunk().ok_or_else(|| refused("the pickle ends early"))?;
        self.bytes = rest;
        Ok(*taken)
    }

    /// The bytes behind a length of `size` bytes.
    fn counted(&mut self, size: usize) -> Result<&'a [u8], Failure> {
        let mut length = [0; 8];
        length[..size].copy_from_slice(self.take(size)?);
        self.take(usize::try_from(u64::from_le_bytes(length)).unwrap_or(usize::MAX))
    }

    fn line(&mut self) -> Result<&'a str, Failure> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| refused("the pickle ends early"))?;
        let line = self.take(end)?;
        self.take(1)?;
        text(line)
    }

    fn push(&mut self, value: Value<'a>) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn pop(&mut self) -> Result<At, Failure> {
        let floor = self.marks.last().copied().unwrap_or(0);
        self.stack.pop().filter(|_| self.stack.len() >= floor).ok_or_else(damaged)
    }

    fn since_mark(&mut self) -> Result<Vec<At>, Failure> {
        let mark = self.marks.pop().filter(|mark| *mark <= self.stack.len());
        Ok(self.stack.split_off(mark.ok_or_else(damaged)?))
    }

    fn top(&mut self) -> Result<&mut Value<'a>, Failure> {
        let top = self.stack.last().copied().ok_or_else(damaged)?;
        self.values.get_mut(top).ok_or_else(damaged)
    }

    fn long(&mut self) -> Result<(), Failure> {
        let bytes = self.counted(1)?;
        let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
        let mut value = [if negative { 0xff } else { 0 }; 8];
        // A longer one is nothing that a booster counts.
        value.get_mut(..bytes.len()).ok_or_else(damaged)?.copy_from_slice(bytes);
        self.push(Value::Int(i64::from_le_bytes(value)));
        Ok(())
    }

    fn unicode(&mut self, code: u8) -> Result<(), Failure> {
        let bytes = self.counted(match code {
            0x8c => 1,
            b'X' => 4,
            _ => 8,
        })?;
        self.push(Value::Text(text(bytes)?));
        Ok(())
    }

    fn literal(&mut self, code: u8) -> Result<(), Failure> {
        let bytes = self.counted(match code {
            b'C' => 1,
            b'B' => 4,
            _ => 8,
        })?;
        self.push(Value::Bytes(Cow::Borrowed(bytes)));
        Ok(())
    }

    fn tuple(&mut self, count: usize) -> Result<(), Failure> {
        let mut items = (0..count).map(|_| self.pop()).collect::<Result<Vec<_>, _>>()?;
        items.reverse();
        self.push(Value::Many(items));
        Ok(())
    }

    fn extend(&mut self, items: Vec<At>) -> Result<(), Failure> {
        let Value::Many(list) = self.top()? else { return Err(damaged()) };
        list.extend(items);
        Ok(())
    }

    fn fill(&mut self, items: &[At]) -> Result<(), Failure> {
        let Value::Map(members) = self.top()? else { return Err(damaged()) };
        members.extend(items.as_chunks::<2>().0.iter().map(|[key, value]| (*key, *value)));
        Ok(())
    }

    fn remember(&mut self, code: u8) -> Result<(), Failure> {
        let place = match code {
            b'q' => u32::from(self.number::<1>()?[0]),
            b'r' => u32::from_le_bytes(self.number()?),
            _ => u32::try_from(self.memo.len()).unwrap_or(u32::MAX),
        };
        let top = self.stack.last().copied().ok_or_else(damaged)?;
        self.memo.insert(place, top);
        Ok(())
    }

    fn recall(&mut self, code: u8) -> Result<(), Failure> {
        let place = match code {
            b'h' => u32::from(self.number::<1>()?[0]),
            _ => u32::from_le_bytes(self.number()?),
        };
        let known = self.memo.get(&place).copied().ok_or_else(damaged)?;
        self.stack.push(known);
        Ok(())
    }

    fn global(&mut self, code: u8) -> Result<(), Failure> {
        let (module, name) = if code == b'c' {
            (self.line()?, self.line()?)
        } else {
            let (name, module) = (self.pop()?, self.pop()?);
            let both = self.text(module).zip(self.text(name));
            both.ok_or_else(damaged)?
        };
        let name = Name::of(module, name)?;
        self.push(Value::Name(name));
        Ok(())
    }

    /// Makes what a name makes of its arguments.
    fn call(&mut self) -> Result<(), Failure> {
        let (arguments, name) = (self.pop()?, self.pop()?);
        let Some(Value::Name(name)) = self.values.get(name) else { return Err(damaged()) };
        let Some(Value::Many(arguments)) = self.values.get(arguments) else {
            return Err(damaged());
        };
        let argument = arguments.first().and_then(|at| self.values.get(*at));
        let made = match (name, argument) {
            (Name::Booster, None) => Value::Booster(None),
            (Name::ByteArray, None) => Value::Bytes(Cow::Borrowed(&[])),
            (Name::ByteArray, Some(Value::Bytes(bytes))) => Value::Bytes(bytes.clone()),
            // Each character stands for the byte of its number (latin-1).
            (Name::ByteArray | Name::Encode, Some(Value::Text(text))) => {
                let bytes: Result<Vec<u8>, _> = text.chars().map(u8::try_from).collect();
                Value::Bytes(Cow::Owned(bytes.map_err(|_| damaged())?))
            }
            _ => return Err(damaged()),
        };
        if let Value::Bytes(Cow::Owned(bytes)) = &made {
            self.copies = self.copies.checked_sub(bytes.len()).ok_or_else(damaged)?;
        }
        self.push(made);
        Ok(())
    }

    fn build(&mut self) -> Result<(), Failure> {
        let state = self.pop()?;
        let Value::Booster(own) = self.top()? else { return Err(damaged()) };
        *own = Some(state);
        Ok(())
    }

    fn text(&self, at: At) -> Option<&'a str> {
        if let Some(Value::Text(text)) = self.values.get(at) { Some(text) } else { None }
    }

    /// The members of a dictionary, by their names.
    fn members(&self, at: At) -> Result<BTreeMap<&'a str, At>, Failure> {
        let Some(Value::Map(members)) = self.values.get(at) else { return Err(damaged()) };
        Ok(members.iter().filter_map(|(key, value)| Some((self.text(*key)?, *value))).collect())
    }
}

fn damaged() -> Failure {
    refused("the pickle is damaged")
}

fn text(bytes: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(bytes).map_err(|_| refused("a text of the pickle is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_a_pickle_would_run_is_refused_by_name() {
        let text = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
        assert!(
            text(b"\x80\x03cposix\nsystem\nX\x02\0\0\0ls\x85R.").contains("names posix.system")
        );
        assert!(text(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93.").contains("names builtins.eval"));
        assert!(
            text(b"\x80\x03cxgboost.sklearn\nXGBClassifier\n).")
                .contains("xgboost.sklearn.XGBClassifier")
        );
        // INST calls a name too, in protocol 0.
        assert!(text(b"\x80\x02(iposix\nsystem\n.").contains("instruction 0x69"));
        assert!(text(b"\x80\x03N.").contains("holds no booster"));
        assert!(text(b"\x80\x03cxgboost.core\nBooster\n)\x81.").contains("holds no booster"));
        assert!(
            text(b"\x80\x03cxgboost.core\nBooster\n)\x81}X\x06\0\0\0handleNsb.")
                .contains("never trained")
        );
    }

    #[test]
    fn a_stack_that_does_not_hold_what_is_asked_for_is_damage() {
        for bytes in [
            &b"\x80\x02."[..],
            b"\x80\x02a.",
            b"\x80\x02e.",
            b"\x80\x02(Nta.",
            b"\x80\x02h\x05.",
            b"\x80\x02((0.",
        ] {
            assert!(read(bytes).is_err());
        }
        assert!(read(b"\x80\x02X\xff\xff\xff\xff.").is_err());
    }

    proptest! {
        #[test]
        fn no_program_brings_the_machine_down(program in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&program);
        }

        #[test]
        fn no_program_of_known_instructions_does(
            program in prop::collection::vec(prop::sample::select(b"(N\x88JKM\x8aGX\x8cBC])}t\x85\x86\x87aesuqh\x94cR\x81b.".to_vec()), 0..200),
        ) {
            let _ = read(&program);
        }
    }
}
