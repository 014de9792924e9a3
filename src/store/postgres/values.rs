//! Parameters and columns in PostgreSQL's binary form: a fifth to a third less work for it than text.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use chrono::{DateTime, Utc};
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use super::arrays::Array;
use super::client::Value;

/// PostgreSQL counts microseconds since 2000; this is 2000 in milliseconds since 1970.
const EPOCH_MS: i64 = 946_684_800_000;
/// The only version of the binary form of `jsonb`: text.
const JSONB: u8 = 1;

type Problem = Box<dyn Error + Sync + Send>;

impl ToSql for Array<'_> {
    fn to_sql(&self, array: &Type, out: &mut BytesMut) -> Result<IsNull, Problem> {
        let Kind::Array(element) = array.kind() else { return Err(format!("an array as {array}").into()) };
        match self {
            Self::Integers(integers) if *element == Type::INT8 => {
                put_array(out, element, integers, |out, integer| out.put_i64(*integer))
            }
            Self::Ids(ids) if *element == Type::UUID => {
                put_array(out, element, ids, |out, id| out.put_slice(id.as_bytes()))
            }
            Self::Texts(texts) if *element == Type::TEXT => {
                put_array(out, element, texts, |out, text| out.put_slice(text.as_bytes()))
            }
            Self::Texts(texts) if *element == Type::JSONB => put_array(out, element, texts, |out, text| {
                out.put_u8(JSONB);
                out.put_slice(text.as_bytes());
            }),
            Self::Times(times) if *element == Type::TIMESTAMPTZ => {
                put_array(out, element, times, |out, time| out.put_i64(micros(*time)))
            }
            _ => return Err(format!("other values as {array}").into()),
        }?;
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Array(_))
    }

    to_sql_checked!();
}

/// An array of one dimension, which begins at 1, without nulls.
fn put_array<T>(
    out: &mut BytesMut,
    element: &Type,
    values: &[T],
    put: impl Fn(&mut BytesMut, &T),
) -> Result<(), Problem> {
    out.put_i32(i32::from(!values.is_empty()));
    out.put_i32(0);
    out.put_u32(element.oid());
    if values.is_empty() {
        return Ok(());
    }
    out.put_i32(values.len().try_into()?);
    out.put_i32(1);
    for value in values {
        let at = out.len();
        out.put_i32(0);
        put(out, value);
        let length = i32::try_from(out.len() - at - size_of::<i32>())?;
        out[at..at + size_of::<i32>()].copy_from_slice(&length.to_be_bytes());
    }
    Ok(())
}

const fn micros(time: DateTime<Utc>) -> i64 {
    (time.timestamp_millis() - EPOCH_MS) * 1_000
}

impl FromSql<'_> for Value {
    fn from_sql(ty: &Type, raw: &[u8]) -> Result<Self, Problem> {
        let text = |raw: &[u8]| std::str::from_utf8(raw).map(Into::into);
        Ok(match *ty {
            Type::INT8 => Self::Integer(i64::from_be_bytes(raw.try_into()?)),
            Type::TIMESTAMPTZ => {
                Self::Integer(i64::from_be_bytes(raw.try_into()?).div_euclid(1_000) + EPOCH_MS)
            }
            Type::BOOL => Self::Flag(raw != [0]),
            Type::UUID => Self::Id(Uuid::from_slice(raw)?),
            Type::JSONB => match raw.split_first() {
                Some((&JSONB, json)) => Self::Text(text(json)?),
                _ => return Err("jsonb of another version".into()),
            },
            _ => Self::Text(text(raw)?),
        })
    }

    fn accepts(ty: &Type) -> bool {
        [Type::INT8, Type::TIMESTAMPTZ, Type::BOOL, Type::UUID, Type::JSONB, Type::TEXT].contains(ty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(array: &Array<'_>, ty: &Type) -> Result<Vec<u8>, Problem> {
        let mut out = BytesMut::new();
        array.to_sql(ty, &mut out)?;
        Ok(out.to_vec())
    }

    #[test]
    fn each_element_has_its_length_before_it() {
        let header = |oid: u32, length: u8| {
            let oid = oid.to_be_bytes();
            let dimension = [0, 0, 0, length, 0, 0, 0, 1];
            [&[0, 0, 0, 1, 0, 0, 0, 0][..], &oid, &dimension].concat()
        };
        let texts = Array::Texts(vec!["ä", ""]);
        let expected = [&header(25, 2)[..], &[0, 0, 0, 2, 0xC3, 0xA4, 0, 0, 0, 0]].concat();
        assert_eq!(sent(&texts, &Type::TEXT_ARRAY).unwrap(), expected);
        let expected = [&header(3802, 2)[..], &[0, 0, 0, 3, 1, 0xC3, 0xA4, 0, 0, 0, 1, 1]].concat();
        assert_eq!(sent(&texts, &Type::JSONB_ARRAY).unwrap(), expected);
        let none = [0_i32.to_be_bytes(), 0_i32.to_be_bytes(), 20_i32.to_be_bytes()].concat();
        assert_eq!(sent(&Array::Integers(Vec::new()), &Type::INT8_ARRAY).unwrap(), none);
    }

    #[test]
    fn an_array_of_other_values_is_refused() {
        let integers = Array::Integers(vec![1]);
        for ty in [Type::TEXT_ARRAY, Type::TIMESTAMPTZ_ARRAY, Type::INT8] {
            assert!(sent(&integers, &ty).is_err(), "{ty}");
        }
        assert!(!<Array<'_> as ToSql>::accepts(&Type::INT8));
    }

    #[test]
    fn a_time_comes_back_to_the_millisecond() {
        for ms in [-62_167_219_199_999, -1, 0, EPOCH_MS - 1, 253_402_300_799_999] {
            let time = DateTime::from_timestamp_millis(ms).unwrap();
            let value = Value::from_sql(&Type::TIMESTAMPTZ, &micros(time).to_be_bytes()).unwrap();
            assert_eq!(value, Value::Integer(ms));
        }
    }

    #[test]
    fn bytes_that_are_no_value_of_the_type_are_refused() {
        for (ty, bytes) in [
            (Type::INT8, &[0; 4][..]),
            (Type::UUID, &[0; 15]),
            (Type::JSONB, b"\x02{}"),
            (Type::TEXT, b"\xff"),
        ] {
            assert!(Value::from_sql(&ty, bytes).is_err(), "{ty}");
        }
    }
}
