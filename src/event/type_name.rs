//! An event's type from what serde already knows: the name of the struct, or of the enum's variant.

use std::fmt;

use serde::de::{self, DeserializeSeed, EnumAccess, IntoDeserializer, VariantAccess, Visitor};
use serde::ser::{self, Impossible};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::Json;
use super::payload::EncodeError;

/// The event's type and payload.
pub(super) fn encode<T: Serialize>(event: &T) -> Result<(&'static str, Json), EncodeError> {
    let name = event.serialize(Namer).map_err(|Unnamed| EncodeError::Unnamed)?;
    let whole = Json::from_value(event)?;
    Ok(match name {
        Name::Whole(name) => (name, whole),
        Name::UnitVariant(name) => (name, Json::from_value(&())?),
        Name::Variant(name) => (name, content(&whole)?),
    })
}

/// What stands under the one key of an externally tagged variant.
fn content(whole: &Json) -> Result<Json, EncodeError> {
    #[derive(Deserialize)]
    struct One(#[serde(deserialize_with = "only_value")] Box<RawValue>);
    fn only_value<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Box<RawValue>, D::Error> {
        struct Map;
        impl<'de> Visitor<'de> for Map {
            type Value = Box<RawValue>;
            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object with one key")
            }
            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                match map.next_entry::<de::IgnoredAny, Box<RawValue>>()? {
                    Some((_, value)) => Ok(value),
                    None => Err(de::Error::custom("an object with one key")),
                }
            }
        }
        deserializer.deserialize_map(Map)
    }
    match whole.to::<One>() {
        Ok(One(raw)) => Ok(Json::parse(raw.get())?),
        Err(_) => Err(EncodeError::Unnamed),
    }
}

/// The event of this type with this payload.
pub(super) fn decode<T: de::DeserializeOwned>(name: &str, payload: &str) -> Result<T, serde_json::Error> {
    T::deserialize(Named { name, payload })
}

enum Name {
    Whole(&'static str),
    Variant(&'static str),
    UnitVariant(&'static str),
}

/// Serialises nothing: answers with the name at the first call.
struct Namer;

#[derive(Debug)]
struct Unnamed;

impl fmt::Display for Unnamed {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("no name")
    }
}

impl std::error::Error for Unnamed {}

impl ser::Error for Unnamed {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

/// Compound values answer with their name at once: what is in them is passed over.
struct Skip(Name);

macro_rules! unnamed {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, _: $type) -> Result<Name, Unnamed> { Err(Unnamed) })*
    };
}

impl ser::Serializer for Namer {
    type Ok = Name;
    type Error = Unnamed;
    type SerializeSeq = Impossible<Name, Unnamed>;
    type SerializeTuple = Impossible<Name, Unnamed>;
    type SerializeTupleStruct = Skip;
    type SerializeTupleVariant = Skip;
    type SerializeMap = Impossible<Name, Unnamed>;
    type SerializeStruct = Skip;
    type SerializeStructVariant = Skip;

    unnamed!(
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_f32: f32,
        serialize_f64: f64, serialize_char: char, serialize_str: &str, serialize_bytes: &[u8],
    );

    fn serialize_none(self) -> Result<Name, Unnamed> {
        Err(Unnamed)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Name, Unnamed> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Name, Unnamed> {
        Err(Unnamed)
    }

    fn serialize_unit_struct(self, name: &'static str) -> Result<Name, Unnamed> {
        Ok(Name::Whole(name))
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Result<Name, Unnamed> {
        Ok(Name::UnitVariant(name))
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        _: &T,
    ) -> Result<Name, Unnamed> {
        Ok(Name::Whole(name))
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: &T,
    ) -> Result<Name, Unnamed> {
        Ok(Name::Variant(name))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Self::SerializeSeq, Unnamed> {
        Err(Unnamed)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, Unnamed> {
        Err(Unnamed)
    }

    fn serialize_tuple_struct(self, name: &'static str, _: usize) -> Result<Skip, Unnamed> {
        Ok(Skip(Name::Whole(name)))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Skip, Unnamed> {
        Ok(Skip(Name::Variant(name)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Self::SerializeMap, Unnamed> {
        Err(Unnamed)
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Skip, Unnamed> {
        Ok(Skip(Name::Whole(name)))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Skip, Unnamed> {
        Ok(Skip(Name::Variant(name)))
    }
}

macro_rules! skip {
    ($($trait:ident :: $method:ident ( $($key:ident)? )),* $(,)?) => {
        $(impl ser::$trait for Skip {
            type Ok = Name;
            type Error = Unnamed;
            fn $method<T: Serialize + ?Sized>(&mut self, $($key: &'static str,)? _: &T) -> Result<(), Unnamed> {
                $(let _ = $key;)?
                Ok(())
            }
            fn end(self) -> Result<Name, Unnamed> {
                Ok(self.0)
            }
        })*
    };
}

skip!(
    SerializeTupleStruct::serialize_field(),
    SerializeTupleVariant::serialize_field(),
    SerializeStruct::serialize_field(key),
    SerializeStructVariant::serialize_field(key),
);

/// An event's type and payload, to be read as whatever the target is.
struct Named<'a> {
    name: &'a str,
    payload: &'a str,
}

impl<'a> Named<'a> {
    fn json(&self) -> serde_json::Deserializer<serde_json::de::StrRead<'a>> {
        serde_json::Deserializer::from_str(self.payload)
    }

    /// A struct must bear the event's type as its name.
    fn expect(&self, name: &str) -> Result<(), serde_json::Error> {
        if name == self.name {
            return Ok(());
        }
        Err(de::Error::custom(format_args!("the type is {:?}, not {name:?}", self.name)))
    }
}

impl<'de> Deserializer<'de> for Named<'de> {
    type Error = serde_json::Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        (&mut self.json()).deserialize_any(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.expect(name)?;
        (&mut self.json()).deserialize_struct(name, fields, visitor)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.expect(name)?;
        (&mut self.json()).deserialize_unit_struct(name, visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.expect(name)?;
        (&mut self.json()).deserialize_newtype_struct(name, visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        self.expect(name)?;
        (&mut self.json()).deserialize_tuple_struct(name, len, visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_enum(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit seq tuple
        map identifier ignored_any
    }
}

impl<'de> EnumAccess<'de> for Named<'de> {
    type Error = serde_json::Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Self::Error> {
        let name: de::value::StrDeserializer<'_, Self::Error> = self.name.into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Named<'de> {
    type Error = serde_json::Error;

    fn unit_variant(self) -> Result<(), Self::Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Self::Error> {
        seed.deserialize(&mut self.json())
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Self::Error> {
        (&mut self.json()).deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        (&mut self.json()).deserialize_struct("", fields, visitor)
    }
}
