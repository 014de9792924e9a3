//! The codec of what is written as an object with a member for each field, or as a word for each variant. Serde goes
//! by it too, so that there is one written form.

/// Writes a struct's fields as members.
macro_rules! encode_members {
    ($name:ty { $($field:ident: $member:literal),+ $(,)? }) => {
        impl $crate::event::json::Encode for $name {
            fn encode(&self, out: &mut String) {
                $crate::event::json::Object::new(out)$(.member($member, &self.$field))+.end();
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::event::json::serialize(self, serializer)
            }
        }
    };
}

/// Reads members into a struct's fields; others are skipped.
macro_rules! decode_members {
    ($name:ty { $($field:ident: $member:literal),+ $(,)? }) => {
        impl $crate::event::json::Decode for $name {
            fn decode(
                reader: &mut $crate::event::json::Reader<'_>,
            ) -> $crate::event::json::Read<Self> {
                $(let mut $field = None;)+
                reader.object(&mut |reader, name| match name {
                    $($member => reader.fill(&mut $field),)+
                    _ => reader.raw().map(drop),
                })?;
                Ok(Self { $($field: reader.required($field, $member)?,)+ })
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::event::json::deserialize(deserializer)
            }
        }
    };
}

/// Both.
macro_rules! members {
    ($name:ident $members:tt) => {
        $crate::event::json::encode_members!($name $members);
        $crate::event::json::decode_members!($name $members);
    };
}

/// Writes the variants of an enum as words.
macro_rules! encode_words {
    ($name:ident { $($variant:ident: $word:literal),+ $(,)? }) => {
        impl $crate::event::json::Encode for $name {
            fn encode(&self, out: &mut String) {
                let word = match self {
                    $(Self::$variant => $word,)+
                };
                word.encode(out);
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::event::json::serialize(self, serializer)
            }
        }
    };
}

/// Reads the variants of an enum from words.
macro_rules! decode_words {
    ($name:ident { $($variant:ident: $word:literal),+ $(,)? }) => {
        impl $crate::event::json::Decode for $name {
            fn decode(
                reader: &mut $crate::event::json::Reader<'_>,
            ) -> $crate::event::json::Read<Self> {
                let variants = [$(Self::$variant),+];
                let number = reader.word(&[$($word),+])?;
                variants.into_iter().nth(number).map_or_else(|| reader.expected("a word"), Ok)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::event::json::deserialize(deserializer)
            }
        }
    };
}

pub(crate) use {decode_members, decode_words, encode_members, encode_words, members};
