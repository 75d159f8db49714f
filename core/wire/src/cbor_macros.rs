//! The two macros by which every message, command and row gets its one encoding.

/// A struct encoded as a map with integer keys. Keys stand in bytewise order of their encodings: 0.., then -1, -2...
/// An `Option` field is left out when `None`; every other field is required; unknown keys are refused.
///
/// ```
/// symbolon_wire::cbor_map! {
///     /// A point.
///     #[derive(Clone, Debug, PartialEq, Eq)]
///     pub struct Point {
///         /// East.
///         1 => x: u64,
///         /// A name, if it has one.
///         2 => name: Option<String>,
///     }
/// }
/// let point = Point { x: 7, name: None };
/// assert_eq!(symbolon_wire::cbor::to_vec(&point), [0xA1, 0x01, 0x07]);
/// ```
#[macro_export]
macro_rules! cbor_map {
    ($($(#[$meta:meta])* $vis:vis struct $name:ident { $($(#[$doc:meta])* $key:literal => $field:ident: $type:ty,)* })*) => {$(
        $(#[$meta])*
        $vis struct $name { $($(#[$doc])* pub $field: $type,)* }

        impl $crate::cbor::Cbor for $name {
            fn encode(&self, out: &mut $crate::cbor::Encoder) {
                let absent = [$($crate::cbor::Cbor::is_absent(&self.$field),)*];
                out.map(absent.iter().filter(|absent| !**absent).count());
                $(out.pair($key, &self.$field);)*
            }
            fn decode(input: &mut $crate::cbor::Decoder<'_>) -> Result<Self, $crate::cbor::Malformed> {
                input.map(|fields| Ok(Self { $($field: fields.field($key)?,)* }))
            }
        }
    )*};
}

/// An enum encoded as `[kind, body]`; every variant carries one body (`()` where there is nothing to say).
///
/// ```
/// symbolon_wire::cbor_enum! {
///     /// A shape.
///     #[derive(Clone, Debug, PartialEq, Eq)]
///     pub enum Shape {
///         /// By its side.
///         1 => Square(u64),
///     }
/// }
/// assert_eq!(symbolon_wire::cbor::to_vec(&Shape::Square(2)), [0x82, 0x01, 0x02]);
/// ```
#[macro_export]
macro_rules! cbor_enum {
    ($($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $kind:literal => $variant:ident($body:ty),)* })*) => {$(
        $(#[$meta])*
        $vis enum $name { $($(#[$doc])* $variant($body),)* }

        impl $crate::cbor::Cbor for $name {
            fn encode(&self, out: &mut $crate::cbor::Encoder) {
                match self { $(Self::$variant(body) => out.array(2).uint($kind).value(body),)* };
            }
            fn decode(input: &mut $crate::cbor::Decoder<'_>) -> Result<Self, $crate::cbor::Malformed> {
                input.array(|input, items| {
                    let kind = input.uint()?;
                    match (items, kind) {
                        $((2, $kind) => $crate::cbor::Cbor::decode(input).map(Self::$variant),)*
                        _ => Err($crate::cbor::Malformed),
                    }
                })
            }
        }
    )*};
}

/// `Cbor` for identifiers made by `symbolon_types::identifier!`: byte strings of their length.
#[macro_export]
macro_rules! cbor_identifier {
    ($($name:ty),* $(,)?) => {$(
        impl $crate::cbor::Cbor for $name {
            fn encode(&self, out: &mut $crate::cbor::Encoder) {
                out.bytes(&self.0);
            }
            fn decode(input: &mut $crate::cbor::Decoder<'_>) -> Result<Self, $crate::cbor::Malformed> {
                $crate::cbor::Cbor::decode(input).map(Self)
            }
        }
    )*};
}
