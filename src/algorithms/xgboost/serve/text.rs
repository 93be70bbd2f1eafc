//! Numbers and lists as Python prints them.

use std::io::Write;

pub fn join<T>(
    items: impl IntoIterator<Item = T>,
    separator: &[u8],
    out: &mut Vec<u8>,
    mut write: impl FnMut(T, &mut Vec<u8>),
) {
    for (place, item) in items.into_iter().enumerate() {
        if place > 0 {
            out.extend_from_slice(separator);
        }
        write(item, out);
    }
}

pub fn write_list(values: &[f32], out: &mut Vec<u8>) {
    out.push(b'[');
    join(values, b", ", out, |value, out| write_float(*value, out));
    out.push(b']');
}

/// A float as Python prints it after numpy has made a double of it.
pub fn write_float(value: f32, out: &mut Vec<u8>) {
    write_double(f64::from(value), out);
}

/// A double as Python prints it: the shortest form, with an exponent where Python has one.
pub fn write_double(value: f64, out: &mut Vec<u8>) {
    let size = value.abs();
    if value.is_nan() {
        out.extend_from_slice(b"nan");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"inf" } else { b"-inf" });
    } else if size == 0.0 || (1e-4..1e16).contains(&size) {
        let _ = write!(out, "{value:?}");
    } else {
        let text = format!("{value:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) =
            exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
        let _ = write!(out, "{digits}e{sign}{exponent:0>2}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.1_f32, "0.10000000149011612")]
    #[case(1.0, "1.0")]
    #[case(-0.0, "-0.0")]
    #[case(1e-4, "9.999999747378752e-05")]
    #[case(2.0_f32.powi(-17), "7.62939453125e-06")]
    #[case(2.0_f32.powi(60), "1.152921504606847e+18")]
    #[case(f32::NAN, "nan")]
    fn floats_are_printed_as_python_prints_them(#[case] value: f32, #[case] expected: &str) {
        let mut out = Vec::new();
        write_float(value, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
